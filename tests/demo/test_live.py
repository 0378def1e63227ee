"""A live run is a script like a recorded one."""

from __future__ import annotations

from pathlib import Path

from pg_streaming_machine_learning.demo.live import LIVE_MINUTES, LiveScript
from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.testbed.shop import SERVICES


def script_of(minutes: float, directory: Path) -> LiveScript:
    """Return a script that was not started."""
    return LiveScript(minutes, 1, Objective(share=0.9, factor=5.0), directory)


def test_faults_begin_after_a_quiet_beginning(tmp_path: Path) -> None:
    """Two minutes of the usual run; within the rest several faults come and end."""
    faults = script_of(LIVE_MINUTES, tmp_path).faults
    assert len(faults) >= 8
    assert faults[0].ramp_start_ms == 120_000
    assert faults[-1].end_ms <= LIVE_MINUTES * 60_000


def test_a_short_run_has_a_shorter_beginning(tmp_path: Path) -> None:
    """A quarter of it."""
    assert script_of(4, tmp_path).faults[0].ramp_start_ms == 60_000


def test_it_goes_from_the_services_to_steps(tmp_path: Path) -> None:
    """Six seconds of the real shop: limits are known before the end, and steps come in order."""
    script = script_of(0.1, tmp_path)
    script.start()
    try:
        steps = list(script.steps())
        assert script.is_ready
    finally:
        script.stop()
    assert script.hosts == SERVICES
    assert script.end_ms == script.start_ms + 6_000
    assert script.thresholds_ms["gateway"] > 0
    assert [step.at_ms for step in steps] == [step.messages[-1].timestamp_ms for step in steps]
    assert steps[-1].at_ms > script.end_ms - 3_000
