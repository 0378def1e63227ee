"""Hosts that have durations and no metrics are counted, and named once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.feature import pack
from pg_streaming_machine_learning.records.snapshot import write_state
from pg_streaming_machine_learning.records.update import Duration, Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.durations import Durations
from pg_streaming_machine_learning.windows.store import ClosedWindow
from pg_streaming_machine_learning.windows.strangers import Strangers

HOP_MS = 5
REVISIONS = {(Metric("CPU", "UTILIZATION", "PERCENT"), "labeled"): (pack((1.0,) * 11), None)}


def spans(host: str, start_ms: int, *at_ms: int) -> ClosedWindow:
    """Return a window that has durations and no metric."""
    durations = Durations.of([Duration("shop", each, 1000) for each in at_ms])
    return ClosedWindow(host, Window(start_ms, start_ms + 2 * HOP_MS), {}, {}, durations)


def metrics(host: str) -> ClosedWindow:
    return ClosedWindow(host, Window(0, 2 * HOP_MS), REVISIONS)


def test_a_host_is_named_once() -> None:
    """Sorted; what was named is not named again."""
    strangers = Strangers(HOP_MS)
    for closed in (spans("b", 0, 1), spans("a", 0, 1), spans("b", 5, 6)):
        strangers.note(closed)
    assert strangers.take() == ["a", "b"]
    strangers.note(spans("b", 10, 11))
    strangers.note(spans("c", 10, 11))
    assert strangers.take() == ["c"]
    assert strangers.take() == []


def test_a_duration_is_counted_in_the_last_window_that_holds_it() -> None:
    """Windows overlap: the one from 0 to 10 and that from 5 to 15 have what began at 6."""
    strangers = Strangers(HOP_MS)
    strangers.note(spans("a", 0, 1, 4, 6))
    assert strangers.spans == 2
    strangers.note(spans("a", 5, 6))
    assert strangers.spans == 3


def test_a_host_with_metrics_is_no_stranger() -> None:
    """Nor one that has had some before, nor one that gets some before it is named."""
    strangers = Strangers(HOP_MS)
    strangers.note(metrics("a"))
    strangers.note(spans("a", 0, 1))
    strangers.note(spans("late", 0, 1))
    strangers.note(metrics("late"))
    assert strangers.take() == []
    assert strangers.spans == 1


def test_a_window_without_anything_makes_no_stranger() -> None:
    strangers = Strangers(HOP_MS)
    strangers.note(spans("a", 0))
    assert (strangers.take(), strangers.spans) == ([], 0)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12), st.integers(0, 12))
def test_stop_restore_and_go_on_counts_the_same(steps: list[tuple[str, bool]], stop: int) -> None:
    """Who is known, and how many durations; a new worker may name a host again."""
    never_stopped, stopped = Strangers(HOP_MS), Strangers(HOP_MS)
    for number, (host, has_metrics) in enumerate(steps):
        if number == stop:
            stopped.restore(never_stopped.snapshot())
        for each in (never_stopped, stopped) if number >= stop else (never_stopped,):
            each.note(metrics(host) if has_metrics else spans(host, 0, 1))
    if stop < len(steps):
        assert stopped.snapshot() == never_stopped.snapshot()


@pytest.mark.parametrize("state", [{}, {"known": 5, "spans": 1}, {"known": [], "spans": "many"}, []])
def test_what_is_no_state_is_refused(state: object) -> None:
    with pytest.raises(SnapshotError, match="state of the strangers is incomplete"):
        Strangers(HOP_MS).restore(write_state("strangers", 1, state))
