"""Whose word counts."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.labels.objectives import Objectives
from pg_streaming_machine_learning.labels.rank import label_of
from pg_streaming_machine_learning.records.feature import pack
from pg_streaming_machine_learning.records.update import Duration, Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.durations import Durations
from pg_streaming_machine_learning.windows.store import ClosedWindow

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
DISK = Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
VALUES = tuple(float(number) for number in range(11))
SLOW, FAST = Duration("shop", 0, 2_000_000), Duration("shop", 0, 1_000)


def closed(
    labels: tuple[int | None, ...] = (), targets: dict[str, int] | None = None, *durations: Duration
) -> ClosedWindow:
    """Return a closed window with these labels in its revisions."""
    revisions = {
        (metric, "labeled"): (pack(VALUES), label) for metric, label in zip((CPU, DISK), labels, strict=False)
    }
    return ClosedWindow("web", Window(0, 10_000), revisions, targets or {}, Durations.of(durations))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [((None, None), None), ((None, 0), 0), ((0, 0), 0), ((0, 1), 1), ((1, None), 1), ((1, 0), 1)],
)
def test_the_label_is_one_if_any_record_says_so(labels: tuple[int | None, ...], expected: int | None) -> None:
    assert label_of(closed(labels), Objectives.default(), None) == expected


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        (closed((None,), None, SLOW), 1),
        (closed((None,), None, FAST), 0),
        (closed((0,), None, SLOW), 0),
        (closed((None,), {"targets": 0}, SLOW), 0),
        (closed((0,), {"targets": 1}, FAST), 1),
    ],
)
def test_labels_from_elsewhere_rank_before_those_of_durations(window: ClosedWindow, expected: int) -> None:
    assert label_of(window, Objectives.default(), None) == expected


@pytest.mark.parametrize("without_spans", [None, 0])
def test_a_window_that_nobody_speaks_of_has_the_label_that_was_set(without_spans: int | None) -> None:
    assert label_of(closed((None,)), Objectives.default(), without_spans) == without_spans
    assert label_of(closed((None,), None, SLOW), Objectives.default(), without_spans) == 1
