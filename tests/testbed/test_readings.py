from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.readings import METRIC_UNITS, METRICS, ResourceMeter


def test_every_metric_has_a_unit() -> None:
    """The columns of a recording are explained by their units."""
    assert len(METRIC_UNITS) == len(METRICS)


def test_first_reading_only_sets_the_counters() -> None:
    """Rates need two readings; the second is over the time between them."""
    meter = ResourceMeter([os.getpid()])
    assert meter.read(1_000) is None
    reading = meter.read(2_000)
    assert reading is not None
    assert reading.at_ms == 2_000
    (row,) = reading.processes
    assert min(row) >= 0
    assert row[METRICS.index("MEMORY")] > 1
    assert 0 <= reading.other_load_percent <= 100


def test_clock_that_stands_still_gives_no_reading() -> None:
    """A rate over no time does not exist."""
    meter = ResourceMeter([os.getpid()])
    meter.read(1_000)
    assert meter.read(1_000) is None


def test_process_that_is_gone_is_an_error() -> None:
    """A service that ended must not be recorded as idle."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    meter = ResourceMeter([process.pid])
    process.communicate(b"\n")
    with pytest.raises(RecordingError, match="a service cannot be read"):
        meter.read(1_000)
