from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pg_streaming_machine_learning.testbed.description import describe
from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.lines import FIELDS
from pg_streaming_machine_learning.testbed.recording import Recording

FAULT = Fault(FaultKind.LOCK, "cart", 32_000, 44_000, 47_000)


def test_readme_has_the_figures(recording_of: Callable[..., Recording]) -> None:
    """Thresholds, incidents and times are those of the recording: a fault at 32 s, known at 45 s."""
    requests = [(0, at_ms, 60_000 if 40_000 <= at_ms < 45_500 else 10_000) for at_ms in range(0, 60_000, 500)]
    lines = describe(recording_of(requests, faults=(FAULT,))).splitlines()
    assert "| spans | 120 in 120 messages |" in lines
    assert "| lines | 24, 3 seconds |" in lines
    assert "| incidents (runs of slow windows of a service) | 1 |" in lines
    assert "| cart | 120 | 50.0 | 18.2% |" in lines
    assert "| all | | | 1 | 1 | 1 | 13 |" in lines


def test_readme_of_an_empty_recording_has_no_figures(recording_of: Callable[..., Recording]) -> None:
    """A run that was too short says so by its zeros."""
    lines = describe(recording_of([], rows=0)).splitlines()
    assert "| spans | 0 in 0 messages |" in lines
    assert "| all | | | 0 | 0 | 0 | – |" in lines


def test_readme_says_what_was_not_recorded(recording_of: Callable[..., Recording]) -> None:
    """Fields that no line has."""
    recording = recording_of([])
    recording.rows[:, :, FIELDS.index("write_time")] = np.nan
    text = describe(recording)
    assert "| write_time | `diskio,name=vda` | counter, milliseconds; not recorded |" in text
