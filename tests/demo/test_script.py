"""What the demo shows of a recording."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from pg_streaming_machine_learning.demo.script import RecordedScript
from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.testbed.recording import Recording

START_MS = 1_600_000_000_000
OBJECTIVE = Objective(share=0.9, factor=5.0)


def test_its_steps_are_the_messages_of_each_second(recording: Recording) -> None:
    """All of them, once, in order; those of a second from its start on, to the start of the next."""
    script = RecordedScript(recording, None, OBJECTIVE)
    steps = list(script.steps())
    assert [message for step in steps for message in step.messages] == list(recording.messages())
    assert all(after.at_ms - before.at_ms == 1000 for before, after in pairwise(steps))
    for step in steps:
        assert all(step.at_ms - 1000 <= each.timestamp_ms < step.at_ms for each in step.messages)


def test_it_tells_what_the_worker_and_the_board_must_know(recording: Recording) -> None:
    """Hosts, limits and the stretch of time."""
    script = RecordedScript(recording, None, OBJECTIVE)
    assert script.hosts == ("gateway", "cart")
    assert script.thresholds_ms == {"gateway": 50.0, "cart": 50.0}
    assert (script.start_ms, script.end_ms) == (START_MS, START_MS + 60_004)
    assert script.faults == recording.faults


def test_minutes_take_the_beginning(recording: Recording) -> None:
    """Nothing at or after the end is sent."""
    script = RecordedScript(recording, 0.5, OBJECTIVE)
    assert script.end_ms == START_MS + 30_000
    assert max(each.timestamp_ms for step in script.steps() for each in step.messages) == START_MS + 29_003


def test_a_recording_too_short_for_a_window_is_refused(make_recording: Callable[..., Recording]) -> None:
    """Nothing to predict is an error, not an empty demo."""
    with pytest.raises(RecordingError, match="no window of 10000 ms lies within"):
        RecordedScript(make_recording(seconds=9), None, OBJECTIVE)


def test_no_recording_is_an_error_of_ours(tmp_path: Path) -> None:
    """The directory is named."""
    with pytest.raises(RecordingError, match=str(tmp_path)):
        RecordedScript.load(tmp_path, None, OBJECTIVE)
