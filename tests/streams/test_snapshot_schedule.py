"""Snapshots bound what a start has to repeat, and take no more than their share of the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.streams.snapshot_schedule import (
    LONGEST_REPLAY_S,
    REPLAY_S,
    SnapshotSchedule,
    SnapshotSettings,
)
from tests.streams.stand_ins import Clock


def schedule(clock: Clock, *, every_updates: int = 1000, every_s: float = 60.0) -> SnapshotSchedule:
    """Return a schedule that begins now."""
    return SnapshotSchedule(SnapshotSettings(every_updates, every_s), monotonic=clock)


def test_due_after_so_many_updates() -> None:
    """Counted over batches."""
    due = schedule(Clock())
    due.worked(999, 0.0)
    assert not due.is_due()
    due.worked(1, 0.0)
    assert due.is_due()


def test_due_after_so_much_time_with_an_update() -> None:
    """Without one, nothing would be repeated."""
    clock = Clock()
    due = schedule(clock)
    clock.now_s += 60
    assert not due.is_due()
    due.worked(1, 0.0)
    assert due.is_due()


def test_not_due_before_the_time_is_over() -> None:
    """From the start, and from each snapshot on."""
    clock = Clock()
    due = schedule(clock)
    due.worked(1, 0.0)
    clock.now_s += 59.9
    assert not due.is_due()
    clock.now_s += 0.1
    assert due.is_due()
    due.taken(0.0)
    due.worked(1, 0.0)
    clock.now_s += 59.9
    assert not due.is_due()


def test_due_after_so_much_work_that_a_start_would_take_long() -> None:
    """A slow model reaches the time before the count."""
    due = schedule(Clock())
    due.worked(10, REPLAY_S - 0.1)
    assert not due.is_due()
    due.worked(1, 0.1)
    assert due.is_due()


def test_nothing_is_due_right_after_a_snapshot() -> None:
    """All counts begin anew."""
    clock = Clock()
    due = schedule(clock)
    due.worked(5000, 20.0)
    clock.now_s += 100
    assert due.is_due()
    due.taken(0.5)
    assert not due.is_due()
    due.worked(1, 0.0)
    assert not due.is_due()


@pytest.mark.parametrize(("cost_s", "pause_s"), [(0.0, 0.0), (0.2, 3.8), (1.0, 9.0), (3.0, 9.0)])
def test_snapshots_take_a_twentieth_of_the_time_unless_a_start_would_take_too_long(
    cost_s: float, pause_s: float
) -> None:
    """A large model is not put away all the time, however many updates came; ten seconds are promised."""
    due = schedule(Clock())
    due.worked(1, 0.0)
    due.taken(cost_s)
    if pause_s:
        due.worked(100_000, pause_s - 0.01)
        assert not due.is_due()
    due.worked(100_000, 0.02)
    assert due.is_due()


WORK = st.lists(
    st.tuples(st.integers(0, 300), st.floats(0.0, 0.5), st.floats(0.0, 10.0)), min_size=1, max_size=200
)


@given(WORK, st.floats(0.0, 5.0))
def test_what_a_start_repeats_is_bounded_whatever_comes(
    work: list[tuple[int, float, float]], cost_s: float
) -> None:
    """By work to ten seconds, whatever a snapshot costs, and by updates as far as its share allows."""
    clock = Clock()
    due = schedule(clock)
    records, busy_s, total_s, spent_s = 0, 0.0, 0.0, 0.0
    for batch, batch_s, idle_s in work:
        clock.now_s += batch_s + idle_s
        due.worked(batch, batch_s)
        records, busy_s, total_s = records + batch, busy_s + batch_s, total_s + batch_s
        if due.is_due():
            due.taken(cost_s)
            records, busy_s, spent_s = 0, 0.0, spent_s + cost_s
        # One batch is in it, since a snapshot is taken between batches.
        pause_s = min(9 * cost_s, LONGEST_REPLAY_S)
        assert busy_s < max(REPLAY_S, pause_s) + 0.5 <= 10
        if busy_s >= pause_s + 0.5:
            assert records < 1000 + 300
    assert cost_s > 1 or spent_s <= cost_s + total_s / 9 + 1e-6
