"""Durations are kept once, given back window by window, and dropped."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import Duration
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.durations import DurationStore
from tests.windows.stored import DAMAGES, Damage, assert_refused_or_stored_again, damaged


def filled(*durations: Duration) -> DurationStore:
    store = DurationStore()
    for each in durations:
        store.add("web", each)
    return store


def test_a_duration_lies_where_it_began() -> None:
    """How long it took does not matter.

    ::

        0         5         10        15
        ├─────────┼─────────┼─────────┤
                  [5                  15)
               4━━━━━━━     10━━━━━━━━━━━━━
                  5━        ↑         15━
    """
    durations = [Duration("orders", start_ms, 7000) for start_ms in (10, 4, 15, 5)]
    assert filled(*durations).values("web", Window(5, 15)) == [durations[0], durations[3]]


def test_durations_come_back_as_they_were() -> None:
    durations = [
        Duration("orders", 0, 0),
        Duration("", 2**60, 2**62, is_error=True),
        Duration("orders", 1, 2, is_error=True),
    ]
    found = filled(*durations).values("web", Window(0, 2**61))
    assert found == durations
    assert [type(each.is_error) for each in found] == [bool] * 3


def test_a_host_without_durations_has_none() -> None:
    assert filled(Duration("orders", 1, 2)).values("db", Window(0, 10)) == []


def test_what_no_window_holds_any_more_is_dropped() -> None:
    store = filled(*(Duration("orders", start_ms, 1) for start_ms in (9, 3, 12)))
    store.add("db", Duration("orders", 3, 1))
    store.forget("web", 10)
    assert [each.start_ms for each in store.values("web", Window(0, 20))] == [12]
    assert len(store) == 2
    store.forget("web", 13)
    store.forget("web", 14)
    assert len(store) == 1


def test_names_that_no_duration_has_are_dropped() -> None:
    """A service that is named anew with every request does not fill the memory."""
    store = DurationStore()
    for number in range(1000):
        store.add("web", Duration(f"request {number}", number, 1))
        store.forget("web", number - 20)
        assert len(store._hosts["web"].services) <= 22
    for number in (5, 999):
        store.add("web", Duration(f"request {number}", 1001, 1))
    found = store.values("web", Window(998, 1002))
    assert [each.service for each in found] == [f"request {number}" for number in (998, 999, 5, 999)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["web", "db", "ä"]),
        st.builds(
            Duration,
            st.sampled_from(["orders", "", "ü"]) | st.text(max_size=3),
            st.integers(0, 30),
            st.integers(0, 2**63 - 1),
            st.booleans(),
        ),
    ),
    max_size=40,
)
Steps = list[tuple[str, Duration]]


def add_all(store: DurationStore, steps: Steps) -> None:
    for host, duration in steps:
        store.add(host, duration)


@given(STEPS, st.integers(0, 40), st.integers(0, 30))
def test_stop_restore_and_go_on_equals_a_plain_list(steps: Steps, stop: int, forget_ms: int) -> None:
    """Order of arrival, errors, names; and the bytes of one that never stopped."""
    never_stopped, stopped = DurationStore(), DurationStore()
    add_all(never_stopped, steps[:stop])
    stopped.restore(never_stopped.snapshot())
    for store in (never_stopped, stopped):
        store.forget("web", forget_ms)
        add_all(store, steps[stop:])
    for host in ("web", "db", "ä"):
        left = [
            duration
            for number, (of, duration) in enumerate(steps)
            if of == host and (number >= stop or host != "web" or duration.start_ms >= forget_ms)
        ]
        expected = [duration for duration in left if 5 <= duration.start_ms < 15]
        assert stopped.values(host, Window(5, 15)) == expected
        assert never_stopped.values(host, Window(5, 15)) == expected
    assert stopped.snapshot() == never_stopped.snapshot()


@given(STEPS, st.randoms(use_true_random=False))
def test_a_snapshot_does_not_depend_on_the_order_of_hosts(steps: Steps, order: random.Random) -> None:
    hosts = sorted({host for host, _ in steps})
    order.shuffle(hosts)
    as_they_came, by_host = DurationStore(), DurationStore()
    add_all(as_they_came, steps)
    add_all(by_host, [step for host in hosts for step in steps if step[0] == host])
    assert by_host.snapshot() == as_they_came.snapshot()


@given(STEPS, DAMAGES, st.none() | st.integers(0, 400))
def test_damaged_bytes_are_refused_or_read_as_something(
    steps: Steps, damage: Damage, length: int | None
) -> None:
    written, read = DurationStore(), DurationStore()
    add_all(written, steps)
    assert_refused_or_stored_again(read.restore, read.snapshot, damaged(written.snapshot(), damage, length))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            struct.pack("<QI", 1, 1) + struct.pack("<QI", 1, 6),
            struct.pack("<QI", 1, 0) + struct.pack("<QI", 1, 6),
        ),
        (struct.pack("<Qq", 1, 77), struct.pack("<Qq", 1, -77)),
        (struct.pack("<QB", 1, 1), struct.pack("<QB", 1, 2)),
    ],
)
def test_states_that_cannot_be_are_refused(before: bytes, after: bytes) -> None:
    data = filled(Duration("orders", 77, 88, is_error=True)).snapshot()
    changed = after.join(data.rsplit(before, 1))
    assert changed != data
    with pytest.raises(SnapshotError, match="state of 'durations' is damaged: "):
        DurationStore().restore(changed)


def test_bytes_of_another_part_are_refused() -> None:
    with pytest.raises(SnapshotError, match="7 bytes are no state of 'durations' version 1"):
        DurationStore().restore(b"nothing")
