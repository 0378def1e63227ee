"""Readings are kept once, given back window by window, and dropped."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.readings import ReadingStore
from tests.windows.stored import DAMAGES, Damage, assert_refused_or_stored_again, damaged

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
TOPIC = "pg-traces-telegraf"


def filled(*readings: tuple[int, float], add_up: bool = False) -> ReadingStore:
    store = ReadingStore()
    for timestamp_ms, value in readings:
        store.add("web", CPU, timestamp_ms, value, TOPIC, add_up=add_up)
    return store


def values(store: ReadingStore, start_ms: int, end_ms: int, host: str = "web") -> dict[Metric, list[float]]:
    found = store.values(host, Window(start_ms, end_ms))
    return {metric: array.tolist() for (metric, _), array in found.items()}


def test_a_start_belongs_to_the_window_and_an_end_does_not() -> None:
    """The values are those of the times.

    ::

        0         5         10        15
        ├─────────┼─────────┼─────────┤
                  [5                  15)
               4  5        9          15
    """
    assert values(filled((4, 4), (5, 5), (9, 9), (15, 15)), 5, 15) == {CPU: [5, 9]}


def test_values_come_in_order_of_arrival() -> None:
    """Whatever their times: slope and correlation are of the order in which the stream brought them."""
    store = filled((9, 1), (5, 2), (7, 3), (20, 4), (5, 5))
    assert values(store, 5, 15) == {CPU: [1, 2, 3, 5]}
    assert values(store, 15, 25) == {CPU: [4]}


def test_metrics_without_a_reading_in_the_window_are_absent() -> None:
    store = filled((1, 1))
    store.add("web", MEMORY, 11, 2, TOPIC)
    assert values(store, 10, 20) == {MEMORY: [2]}
    assert values(store, 30, 40) == {}
    assert values(store, 0, 10, host="db") == {}


def test_metrics_come_sorted_with_the_topic_of_their_last_reading() -> None:
    store = ReadingStore()
    store.add("web", MEMORY, 1, 1, "b")
    store.add("web", CPU, 1, 1, "a")
    store.add("web", MEMORY, 2, 1, "c")
    assert list(store.values("web", Window(0, 10))) == [(CPU, "a"), (MEMORY, "c")]


def test_devices_read_at_the_same_time_are_added_up() -> None:
    """The disks of a host: one value for each time, where the first of them came.

    ::

        arrival   sda at 0   sda at 10   sdb at 10   sdb at 0   sda at 20
        value     1          2           + 4         + 8        16
    """
    store = filled((0, 1), (10, 2), (10, 4), (0, 8), (20, 16), add_up=True)
    assert values(store, 0, 30) == {CPU: [9, 6, 16]}
    assert len(store) == 3


def test_devices_are_added_up_however_many_came_between() -> None:
    times = [*range(50), 0, 25]
    store = filled(*((at_ms, 1.0) for at_ms in times), add_up=True)
    assert values(store, 0, 50) == {CPU: [2.0 if at_ms in (0, 25) else 1.0 for at_ms in range(50)]}


def test_a_device_is_added_to_the_last_reading_of_its_time() -> None:
    """Whether that came just before or long ago."""
    for between in (3, 30):
        store = filled((0, 1), (0, 2), *((at_ms, 0.0) for at_ms in range(1, between)))
        store.add("web", CPU, 0, 4, TOPIC, add_up=True)
        assert values(store, 0, 1) == {CPU: [1, 6]}


def test_gauges_of_the_same_time_are_not_added_up() -> None:
    assert values(filled((5, 1), (5, 2)), 0, 10) == {CPU: [1, 2]}


def test_what_no_window_holds_any_more_is_dropped() -> None:
    """Those of other hosts stay."""
    store = filled((1, 1), (6, 2), (3, 3), (11, 4))
    store.add("db", CPU, 1, 9, TOPIC)
    store.forget("web", 5)
    assert values(store, 0, 20) == {CPU: [2, 4]}
    assert values(store, 0, 20, host="db") == {CPU: [9]}
    store.forget("web", 20)
    store.forget("web", 30)
    assert len(store) == 1


def test_a_reading_far_ahead_does_not_keep_those_behind_it() -> None:
    store = filled((1000, 1), (1, 2), (2, 3), (7, 4))
    store.forget("web", 5)
    assert values(store, 0, 2000) == {CPU: [1, 4]}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["web", "db", "ä"]),
        st.sampled_from([CPU, MEMORY]),
        st.integers(0, 30),
        st.floats(allow_nan=False, allow_infinity=False, width=32),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    ),
    max_size=40,
)
Steps = list[tuple[str, Metric, int, float, str, bool]]


def add_all(store: ReadingStore, steps: Steps) -> None:
    for host, metric, timestamp_ms, value, topic, add_up in steps:
        store.add(host, metric, timestamp_ms, value, topic, add_up=add_up)


@given(STEPS, st.integers(0, 40), st.integers(0, 30))
def test_windows_equal_a_scan_over_all_readings(steps: Steps, stop: int, forget_ms: int) -> None:
    """A plain list of readings, of which each window picks its own; before a time all is forgotten once."""
    store = ReadingStore()
    listed: list[tuple[str, Metric, int, float]] = []
    for number, (host, metric, timestamp_ms, value, topic, add_up) in enumerate(steps):
        if number == stop:
            for each in ("web", "db", "ä"):
                store.forget(each, forget_ms)
            listed = [row for row in listed if row[2] >= forget_ms]
        store.add(host, metric, timestamp_ms, value, topic, add_up=add_up)
        same = [n for n, row in enumerate(listed) if row[:3] == (host, metric, timestamp_ms)]
        if add_up and same:
            listed[same[-1]] = (host, metric, timestamp_ms, listed[same[-1]][3] + value)
        else:
            listed.append((host, metric, timestamp_ms, value))
    for host in ("web", "db", "ä"):
        for start_ms in range(0, 31, 5):
            expected: dict[Metric, list[float]] = {}
            for _, metric, _, value in (
                row for row in listed if row[0] == host and start_ms <= row[2] < start_ms + 10
            ):
                expected.setdefault(metric, []).append(value)
            assert values(store, start_ms, start_ms + 10, host) == expected
    assert len(store) == len(listed)


@given(STEPS, st.integers(0, 40), st.integers(0, 30))
def test_stop_restore_and_go_on_equals_never_stopping(steps: Steps, stop: int, forget_ms: int) -> None:
    never_stopped, stopped = ReadingStore(), ReadingStore()
    add_all(never_stopped, steps[:stop])
    stopped.restore(never_stopped.snapshot())
    for store in (never_stopped, stopped):
        store.forget("web", forget_ms)
        add_all(store, steps[stop:])
    for host in ("web", "db", "ä"):
        assert values(stopped, 5, 15, host) == values(never_stopped, 5, 15, host)
    assert stopped.snapshot() == never_stopped.snapshot()


@given(STEPS, st.randoms(use_true_random=False))
def test_a_snapshot_does_not_depend_on_the_order_of_hosts(steps: Steps, order: random.Random) -> None:
    """Nor of metrics; within a metric the order is what is stored."""
    keys = sorted({step[:2] for step in steps})
    order.shuffle(keys)
    as_they_came, by_host = ReadingStore(), ReadingStore()
    add_all(as_they_came, steps)
    add_all(by_host, [step for key in keys for step in steps if step[:2] == key])
    assert by_host.snapshot() == as_they_came.snapshot()


def test_a_snapshot_takes_sixteen_bytes_a_reading() -> None:
    def size(count: int) -> int:
        return len(filled(*((at_ms, 1.0) for at_ms in range(count))).snapshot())

    assert size(1001) - size(1) == 16_000


@given(STEPS, DAMAGES, st.none() | st.integers(0, 400))
def test_damaged_bytes_are_refused_or_read_as_something(
    steps: Steps, damage: Damage, length: int | None
) -> None:
    written, read = ReadingStore(), ReadingStore()
    add_all(written, steps)
    assert_refused_or_stored_again(read.restore, read.snapshot, damaged(written.snapshot(), damage, length))


def altered(before: bytes, after: bytes) -> bytes:
    """Return a snapshot of a reading of each of two metrics, with some bytes replaced."""
    store = filled((1, 1.0))
    store.add("web", MEMORY, 2, 2.0, TOPIC)
    data = store.snapshot()
    assert data.count(before) == 1
    return data.replace(before, after)


def column(typecode_bytes: int, *numbers: int) -> bytes:
    return len(numbers).to_bytes(8, "little") + b"".join(
        number.to_bytes(typecode_bytes, "little", signed=number < 0) for number in numbers
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (column(4, 0, 1), column(4, 0, 0), "its series do not ascend"),
        (column(4, 1, 1), column(4, 0, 2), "a series is empty, or a time before the epoch"),
        (column(8, 1, 2), column(8, 1, -2), "a series is empty, or a time before the epoch"),
        (column(4, 1, 1), column(4, 1, 2), "a column has 2 values, expected 3"),
    ],
)
def test_states_that_cannot_be_are_refused(before: bytes, after: bytes, message: str) -> None:
    with pytest.raises(SnapshotError, match=f"state of 'readings' is damaged: {message}"):
        ReadingStore().restore(altered(before, after))


def test_bytes_of_another_part_are_refused() -> None:
    with pytest.raises(SnapshotError, match="7 bytes are no state of 'readings' version 1"):
        ReadingStore().restore(b"nothing")
