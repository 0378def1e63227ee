"""A recording becomes windows, and each window several revisions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pg_streaming_machine_learning.demo.revisions import METRICS, RecordedWindows, Revision
from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.testbed.span_columns import SpanColumns
from pg_streaming_machine_learning.windows.summary import summarize

# Readings are 3 ms after each whole second from 1 s on; windows of 10 s every 5 s:
#
#   0         10        20        30        40        50        60 s
#   |....:....|....:....|....:....|....:....|....:....|....:....|
#   [ 0 s ... 10 s )                        cart is slow ------>
#        [ 5 s ... 15 s )                             [50 s ... 60 s)

START_MS = 1_600_000_000_000


def cpu_of_gateway(windows: RecordedWindows) -> list[tuple[int, Revision]]:
    """Return moment and revision of one metric, in seconds since the start."""
    return [
        ((step.at_ms - START_MS) // 1000, revision)
        for step in windows.steps()
        for revision in step.revisions
        if (revision.host, revision.metric) == ("gateway", METRICS["CPU"])
    ]


def test_a_window_is_sent_half_full_and_full(recording: Recording) -> None:
    """Every window comes once at its middle and once at its end, in the order of time."""
    sent = [
        (at_s, (revision.window_start_ms - START_MS) // 1000, revision.is_final)
        for at_s, revision in cpu_of_gateway(RecordedWindows(recording))
    ]
    assert sent[:5] == [(5, 0, False), (10, 0, True), (10, 5, False), (15, 5, True), (15, 10, False)]
    assert sent[-2:] == [(55, 50, False), (60, 50, True)]
    assert len(sent) == 2 * 11


def test_a_revision_summarises_the_readings_so_far(recording: Recording) -> None:
    """The first revision of the window from 5 s holds five readings, the last one all ten."""
    of_window = [
        revision.statistics
        for _, revision in cpu_of_gateway(RecordedWindows(recording))
        if revision.window_start_ms == START_MS + 5_000
    ]
    assert of_window == [summarize(range(5, 10)), summarize(range(5, 15))]


def test_labels_follow_the_objective_and_may_rise_within_a_window(recording: Recording) -> None:
    """Cart is slow from 40 s on: in the window from 35 s only the second half."""
    windows = RecordedWindows(recording)
    labels = {
        ((revision.window_start_ms - START_MS) // 1000, revision.is_final): revision.label
        for step in windows.steps()
        for revision in step.revisions
        if revision.host == "cart"
    }
    assert windows.thresholds_ms == {"gateway": 50.0, "cart": 50.0}
    assert [labels[start_s, False] for start_s in (30, 35, 40, 45)] == [0, 0, 1, 1]
    assert [labels[start_s, True] for start_s in (25, 30, 35, 40)] == [0, 0, 1, 1]


def test_a_window_without_requests_is_not_slow(recording: Recording) -> None:
    """Nobody has waited too long where nobody has asked."""
    spans, asked = recording.spans, recording.spans.services == 0
    kept = SpanColumns(
        spans.services[asked],
        spans.sent_ms[asked],
        spans.counts[asked],
        spans.spans[np.repeat(asked, spans.counts)],
    )
    quiet = replace(recording, spans=kept)
    labels = {revision.label for revision in RecordedWindows(quiet).final() if revision.host == "cart"}
    assert labels == {0}


def test_final_windows_are_the_last_revisions(recording: Recording) -> None:
    """What the oracle learns from is what stands at the end."""
    windows = RecordedWindows(recording)
    last = {
        (revision.host, revision.metric, revision.window_start_ms): revision
        for step in windows.steps()
        for revision in step.revisions
    }
    final = list(windows.final())
    assert len(final) == 11 * 2 * 6
    assert {(each.host, each.metric, each.window_start_ms): each for each in final} == last


def test_minutes_take_the_beginning(recording: Recording) -> None:
    """Half a minute holds five windows."""
    windows = RecordedWindows(recording, minutes=0.5)
    assert (windows.start_ms, windows.end_ms) == (START_MS, START_MS + 30_000)
    assert len({revision.window_start_ms for revision in windows.final()}) == 5


def test_windows_lie_on_the_grid_wherever_the_recording_starts(
    make_recording: Callable[..., Recording],
) -> None:
    """A recording that starts between two starts of windows loses the time before the second."""
    recording = replace(make_recording(), start_ms=START_MS + 1_234)
    assert RecordedWindows(recording).start_ms == START_MS + 5_000


def test_readings_that_are_missing_leave_windows_out(recording: Recording) -> None:
    """No reading between 10 s and 30 s: windows within have no revision."""
    kept = (recording.rows_ms < START_MS + 10_000) | (recording.rows_ms >= START_MS + 30_000)
    gap = replace(recording, rows_ms=recording.rows_ms[kept], rows=recording.rows[kept])
    starts_s = {(each.window_start_ms - START_MS) // 1000 for each in RecordedWindows(gap).final()}
    assert starts_s == {0, 5, 25, 30, 35, 40, 45, 50}


def test_a_recording_too_short_for_a_window_is_refused(make_recording: Callable[..., Recording]) -> None:
    """Nothing to replay is an error, not an empty demo."""
    with pytest.raises(RecordingError, match="no window of 10000 ms lies within"):
        RecordedWindows(make_recording(seconds=9))


def test_another_objective_gives_other_thresholds(recording: Recording, tmp_path: Path) -> None:
    """What is asked for counts, also for a recording from its files."""
    recording.save(tmp_path)
    windows = RecordedWindows.load(tmp_path, objective=Objective(share=0.9, factor=20.0))
    assert windows.thresholds_ms == {"gateway": 200.0, "cart": 200.0}


def test_no_recording_is_an_error_of_ours(tmp_path: Path) -> None:
    """The directory is named."""
    with pytest.raises(RecordingError, match=str(tmp_path)):
        RecordedWindows.load(tmp_path)


def test_a_recording_comes_back_from_its_files(recording: Recording, tmp_path: Path) -> None:
    """Loaded windows equal those of the recording in memory."""
    recording.save(tmp_path)
    loaded = RecordedWindows.load(tmp_path)
    assert list(loaded.steps()) == list(RecordedWindows(recording).steps())
