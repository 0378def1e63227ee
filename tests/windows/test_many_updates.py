"""Many window updates taken in at once leave what they leave one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import WindowError
from pg_streaming_machine_learning.records.feature import pack, unpack
from pg_streaming_machine_learning.records.update import SourcePlace, WindowUpdate
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.open_windows import Late
from pg_streaming_machine_learning.windows.places import SeenPlaces
from pg_streaming_machine_learning.windows.store import ClosedWindow, WindowStore
from tests.window_updates import bits, together
from tests.windows.updates import CPU, DISK, GRACE_MS, HOP_MS, HOSTS, SIZE_MS, label, opened, starts


def update(offset: int, start_ms: int, host: str = "web", value: float = 1.0) -> WindowUpdate:
    """Return an update of a window."""
    return WindowUpdate(SourcePlace("labeled", 0, offset), host, CPU, start_ms, (value,) * 11, 1)


MANY = st.lists(
    st.builds(
        lambda host, metric, hop, value, label: (host, metric, hop * HOP_MS, (value,) * 11, label),
        st.sampled_from(HOSTS),
        st.sampled_from([CPU, DISK]),
        st.integers(0, 8),
        st.floats(),
        st.none() | st.integers(0, 1),
    ),
    min_size=1,
    max_size=15,
).map(lambda rows: [WindowUpdate(SourcePlace("labeled", 0, offset), *row) for offset, row in enumerate(rows)])


def contents(closed: ClosedWindow) -> object:
    """Return what a window held, bit by bit, in its order."""
    held = [
        (key, bits(WindowUpdate(SourcePlace(key[1], 0, 0), closed.host, key[0], 0, unpack(packed), label)))
        for key, (packed, label) in closed.revisions.items()
    ]
    return closed.host, closed.window, held


@settings(max_examples=60)
@given(st.lists(st.tuples(MANY, st.none() | st.integers(0, 70), st.integers(0, 3)), max_size=6))
def test_windows_and_what_is_late_are_as_one_by_one(
    steps: list[tuple[list[WindowUpdate], int | None, int]],
) -> None:
    """Whatever is left out at the beginning, and wherever the watermark is."""
    one_by_one, at_once = opened(), opened()
    watermark_ms: int | None = None
    for updates, rises_to_ms, left_out in steps:
        expected = [late for each in updates[left_out:] for late in one_by_one.add(each, watermark_ms)]
        assert at_once.add_many(together(updates), left_out, watermark_ms) == expected
        assert len(at_once) == len(one_by_one)
        if rises_to_ms is not None and (watermark_ms is None or rises_to_ms > watermark_ms):
            watermark_ms = rises_to_ms
            assert _closed(at_once.close(watermark_ms)) == _closed(one_by_one.close(watermark_ms))
    assert _closed(at_once.close(999)) == _closed(one_by_one.close(999))


def _closed(windows: object) -> list[object]:
    return [contents(closed) for closed in windows]  # type: ignore[attr-defined]


def test_what_is_late_among_many_is_told_and_the_rest_is_used() -> None:
    """At watermark 17 the window of 5 to 15 has just closed, and that of 10 to 20 has not.

    ::

        0         5         10        15  17    20
        ├─────────┼─────────┼─────────┼───┼─────┤
        [0      closed      10)           ↑ watermark
                  [5      closed      15)
                            [10      open       20)
    """
    store = opened()
    rows = [(1, 10, "web"), (2, 0, "web"), (3, 5, "db"), (4, 15, "db"), (9, 5, "web")]
    late = store.add_many(together([update(*each) for each in rows]), 0, 17)

    assert late == [Late("web", CPU, 0, 5), Late("db", CPU, 5, 0), Late("web", CPU, 5, 0)]
    assert all(type(each.window_start_ms) is int and type(each.late_ms) is int for each in late)
    assert starts(store.close(99)) == [(10, "web"), (15, "db")]


def test_many_are_added_to_what_is_open() -> None:
    """A later revision of a window replaces the former, another topic's label stays."""
    store = opened(update(0, 5, value=1.0), label(5, 0))
    store.add_many(together([update(1, 5, value=2.0), update(2, 5, "db"), update(3, 5, value=3.0)]), 0, None)

    assert len(store) == 2
    [db, web] = store.close(99)
    assert (db.host, web.host) == ("db", "web")
    assert web.revisions == {(CPU, "labeled"): (pack((3.0,) * 11), 1)}
    assert web.label_updates == {"targets": 0}


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_start_off_the_grid_among_many_is_an_error(place: int) -> None:
    """As it is by itself; unless it is left out, or too late."""
    updates = [update(offset, 7 if offset == place else 10) for offset in range(3)]
    with pytest.raises(WindowError, match="window start 7 of host 'web' is not a multiple of the hop, 5 ms"):
        opened().add_many(together(updates), 0, None)

    store = opened()
    assert store.add_many(together(updates), 0, 19) == [Late("web", CPU, 7, 0)]
    assert store.add_many(together(updates), place + 1, None) == []


def test_starts_before_the_epoch_are_an_error() -> None:
    with pytest.raises(WindowError, match="window start -5 of host"):
        opened().add_many(together([update(1, -5)]), 0, None)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-10, 60), max_size=20),
    st.none() | st.integers(0, 60) | st.integers(0, 2**62),
)
def test_which_of_many_windows_are_late(starts_ms: list[int], watermark_ms: int | None) -> None:
    """As each is by itself, however far away."""
    store = WindowStore(HoppingWindows(SIZE_MS, HOP_MS), GRACE_MS)
    found = store.are_late(np.array(starts_ms, np.int64), watermark_ms)

    assert found.tolist() == [store.late_ms(start_ms, watermark_ms) is not None for start_ms in starts_ms]


OFFSETS = st.lists(st.sets(st.integers(0, 12), min_size=1).map(sorted), max_size=8)


@given(OFFSETS, st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=3))
def test_which_of_many_places_were_seen_is_as_one_by_one(
    runs: Sequence[list[int]], before: Sequence[tuple[int, int]]
) -> None:
    """Whether other sources' records, of several updates each, came before or not; and so it stays."""
    one_by_one, at_once = SeenPlaces(), SeenPlaces()
    for offset, index in before:
        for seen in (one_by_one, at_once):
            seen.is_new(SourcePlace("labeled", 0, offset, index))
    for offsets in runs:
        updates = [update(offset, 0) for offset in offsets]
        expected = [one_by_one.is_new(each.place) for each in updates]
        assert expected == sorted(expected)
        assert at_once.repeated(together(updates)) == expected.count(False)
        assert at_once.snapshot() == one_by_one.snapshot()


def test_many_places_of_other_partitions_and_topics_count_apart() -> None:
    seen = SeenPlaces()
    places = [SourcePlace("metrics", 0, 9), SourcePlace("metrics", 1, 3), SourcePlace("features", 0, 3)]
    updates = [WindowUpdate(place, "web", CPU, 0, (1.0,) * 11, None) for place in places]

    assert [seen.repeated(together([each])) for each in [*updates, *updates]] == [0, 0, 0, 1, 1, 1]
