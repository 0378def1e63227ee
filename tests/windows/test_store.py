"""What is open, what a revision replaces, and in which order windows close."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError, WindowError
from pg_streaming_machine_learning.records.feature import pack, unpack
from pg_streaming_machine_learning.records.snapshot import write_state
from pg_streaming_machine_learning.records.update import Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.store import WindowStore
from tests.windows.stored import DAMAGES, Damage, assert_refused_or_stored_again, damaged

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
SIZE_MS, HOP_MS, GRACE_MS = 10, 5, 2


def store() -> WindowStore:
    return WindowStore(HoppingWindows(SIZE_MS, HOP_MS), GRACE_MS)


def update(
    host: str = "web",
    start_ms: int = 0,
    value: float = 1.0,
    *,
    metric: Metric = CPU,
    label: int | None = None,
    topic: str = "labeled",
) -> WindowUpdate:
    return WindowUpdate(SourcePlace(topic, 0, 0), host, metric, start_ms, (value,) * 11, label)


def filled(*updates: WindowUpdate) -> WindowStore:
    windows = store()
    for each in updates:
        windows.add(each)
    return windows


def test_a_window_closes_when_the_watermark_reaches_its_end_and_grace() -> None:
    """Neither earlier nor later.

    ::

        0         5         10        15
        ├─────────┼─────────┼───┼─────┤
        [0                  10) ↑ 12: closed
    """
    windows = filled(update(start_ms=0))
    assert list(windows.close(11)) == []
    assert [closed.window for closed in windows.close(12)] == [Window(0, 10)]
    assert list(windows.close(99)) == []


def test_windows_close_by_end_then_by_host_whatever_came_first() -> None:
    """The order in which the model learns does not depend on how partitions interleave."""
    windows = filled(update("b", 5), update("b", 0), update("a", 5), update("c", 0), update("a", 15))
    assert [(closed.window.start_ms, closed.host) for closed in windows.close(17)] == [
        (0, "b"),
        (0, "c"),
        (5, "a"),
        (5, "b"),
    ]
    assert len(windows) == 1


def test_the_last_revision_of_a_metric_wins() -> None:
    windows = filled(update(value=1, label=1), update(value=2, label=0), update(value=7, metric=MEMORY))
    [closed] = windows.close(12)
    assert dict(closed.revisions) == {
        (CPU, "labeled"): (pack((2,) * 11), 0),
        (MEMORY, "labeled"): (pack((7,) * 11), None),
    }


def test_topics_keep_their_revisions_apart() -> None:
    """Which of them counts is decided when the window closes: their order of arrival does not matter."""
    windows = filled(update(value=1, topic="labeled"), update(value=2, topic="features"))
    [closed] = windows.close(12)
    assert sorted(topic for _, topic in closed.revisions) == ["features", "labeled"]


def test_an_update_is_late_once_its_window_has_closed() -> None:
    """Late by how far the watermark is past the closing."""
    windows = store()
    assert [windows.late_ms(0, watermark) for watermark in (None, 0, 11, 12, 20)] == [None, None, None, 0, 8]


def test_closing_is_done_step_by_step() -> None:
    """What was not asked for yet is still open."""
    windows = filled(*(update(f"host {n:02}", start) for n in range(10) for start in (0, 5)))
    closing = windows.close(100)
    assert [next(closing).host, next(closing).host] == ["host 00", "host 01"]
    assert len(windows) == 18


def test_a_start_off_the_grid_is_an_error() -> None:
    """The router refuses such records: the log was written with another hop."""
    with pytest.raises(WindowError, match="window start 7 of host 'web' is not a multiple of the hop, 5 ms"):
        store().add(update(start_ms=7))


def test_a_window_may_be_open_without_a_revision() -> None:
    """Opening it again changes nothing, and a revision may still come."""
    windows = filled(update("b", 0))
    for host, start_ms in (("a", 0), ("b", 0), ("a", 5), ("a", 0)):
        windows.open(host, start_ms)
    windows.add(update("a", 5))
    restored = store()
    restored.restore(windows.snapshot())
    for each in (windows, restored):
        assert len(each) == 3
        assert [
            (closed.host, closed.window.start_ms, len(closed.revisions)) for closed in each.close(99)
        ] == [
            ("a", 0, 0),
            ("b", 0, 1),
            ("a", 5, 1),
        ]


def test_the_first_window_that_is_not_closed_lies_on_the_grid() -> None:
    """Whether it is open for any host or not.

    ::

        watermark   none   0    11   12   13   16   17
        closed                       0    0    0    0, 5
        first open  0      0    0    5    5    5    10
    """
    watermarks = (None, 0, 11, 12, 13, 16, 17)
    assert [store().first_open_ms(each) for each in watermarks] == [0, 0, 0, 5, 5, 5, 10]


@given(st.integers(0, 60), st.integers(0, 80))
def test_a_start_is_late_if_it_lies_before_the_first_window_not_closed(
    number: int, watermark_ms: int
) -> None:
    windows, start_ms = store(), number * HOP_MS
    assert (windows.late_ms(start_ms, watermark_ms) is None) == (
        start_ms >= windows.first_open_ms(watermark_ms)
    )


def test_windows_may_be_looked_at_before_they_are_taken() -> None:
    windows = filled(update("b", 5), update("b", 0), update("a", 0))
    assert windows.first_to_close(11) is None
    assert windows.first_to_close(12) == (Window(0, 10), ["a", "b"])
    assert windows.take("b", Window(0, 10)).host == "b"
    assert windows.first_to_close(99) == (Window(0, 10), ["a"])
    windows.take("a", Window(0, 10))
    assert windows.first_to_close(99) == (Window(5, 15), ["b"])


def contents(windows: WindowStore, watermark_ms: int) -> list[str]:
    """Return what closes, bit by bit, whatever the order of its metrics."""
    return [
        repr((closed.host, closed.window, sorted(closed.revisions.items(), key=lambda item: item[0])))
        for closed in windows.close(watermark_ms)
    ]


UPDATES = st.lists(
    st.builds(
        update,
        st.sampled_from(["a", "b", "ä"]),
        st.sampled_from([0, 5, 10, 15, 20]),
        st.floats(),
        metric=st.sampled_from([CPU, MEMORY]),
        label=st.sampled_from([None, 0, 1]),
        topic=st.sampled_from(["labeled", "features"]),
    ),
    max_size=15,
)


@given(UPDATES, st.integers(0, 15), st.integers(0, 40))
def test_stop_restore_and_go_on_equals_never_stopping(
    updates: list[WindowUpdate], stop: int, watermark_ms: int
) -> None:
    """Statistics come back bit by bit, NaN and infinities too."""
    never_stopped, stopped = filled(*updates[:stop]), store()
    stopped.restore(never_stopped.snapshot())
    for each in updates[stop:]:
        never_stopped.add(each)
        stopped.add(each)
    assert contents(stopped, watermark_ms) == contents(never_stopped, watermark_ms)
    assert stopped.snapshot() == never_stopped.snapshot()


@given(UPDATES, st.randoms(use_true_random=False))
def test_a_snapshot_depends_on_the_content_and_not_on_its_order(
    updates: list[WindowUpdate], order: Random
) -> None:
    """The same revisions in another order give the same bytes."""
    last = {(each.host, each.window_start_ms, each.metric, each.place.topic): each for each in updates}
    ordered = list(last.values())
    shuffled = list(last.values())
    order.shuffle(shuffled)
    assert filled(*ordered).snapshot() == filled(*shuffled).snapshot()


def test_negative_zero_and_nan_survive_a_snapshot() -> None:
    restored = store()
    restored.restore(filled(update(value=-0.0), update(value=math.nan, metric=MEMORY)).snapshot())
    [closed] = restored.close(12)
    assert [repr(unpack(packed)[0]) for packed, _ in closed.revisions.values()] == ["-0.0", "nan"]


def test_a_snapshot_of_the_version_before_is_read() -> None:
    """It was JSON."""
    revision = ["CPU", "UTILIZATION", "PERCENT", "labeled", [1.0] * 10 + [math.nan], 1]
    windows = store()
    windows.restore(write_state("store", 1, [[0, "web", [revision]], [5, "db", []]]))
    web, db = windows.close(99)
    packed, label = web.revisions[CPU, "labeled"]
    assert (web.host, repr(unpack(packed)), label) == ("web", repr((1.0,) * 10 + (math.nan,)), 1)
    assert (db.host, db.window.start_ms, db.revisions) == ("db", 5, {})
    with pytest.raises(SnapshotError, match="state of the open windows is incomplete"):
        store().restore(write_state("store", 1, [[0, "web", [["CPU"]]]]))


@given(UPDATES, DAMAGES, st.none() | st.integers(0, 3000))
def test_damaged_bytes_are_refused_or_read_as_something(
    updates: list[WindowUpdate], damage: Damage, length: int | None
) -> None:
    """No other error, and what was taken on can be stored again."""
    windows = store()
    data = damaged(filled(*updates).snapshot(), damage, length)
    assert_refused_or_stored_again(windows.restore, windows.snapshot, data)


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(SnapshotError, match="7 bytes are no state of 'store'"):
        store().restore(b"nothing")
