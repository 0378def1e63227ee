from __future__ import annotations

import math
import os
import subprocess
import sys

import pytest

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.readings import METRIC_UNITS, METRICS, ResourceMeter


def test_every_metric_has_a_unit() -> None:
    """The columns of a recording are explained by their units."""
    assert len(METRIC_UNITS) == len(METRICS)


def test_first_reading_knows_no_processor() -> None:
    """What was used since the last reading needs one; the second is over the time between them."""
    meter = ResourceMeter([os.getpid()])
    first = meter.read(1_000)
    assert first is not None
    assert math.isnan(first.processes[0][0])
    assert first.processes[0][1] > 1_000_000
    assert first.other_load_percent == 0
    reading = meter.read(2_000)
    assert reading is not None
    assert reading.at_ms == 2_000
    (row,) = reading.processes
    assert min(row) >= 0
    assert all(after >= before for before, after in zip(first.processes[0][2:], row[2:], strict=True))
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
