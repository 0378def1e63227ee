"""Readings are kept once, given back window by window, and dropped."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.prediction import Measured
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.readings import ReadingStore
from tests.windows.stored import DAMAGES, Damage, assert_refused_or_stored_again, damaged

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
TOPIC = "pg-traces-telegraf"


def filled(
    *readings: tuple[int, float], add_up: bool = False, final: list[Measured] | None = None
) -> ReadingStore:
    store = ReadingStore(final)
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
    """The disks of a host: one value for each time.

    ::

        arrival   sda at 0   sda at 10   sdb at 10   sdc at 10   sda at 20
        value     1          2           + 4         + 8         16
    """
    store = filled((0, 1), (10, 2), (10, 4), (10, 8), (20, 16), add_up=True)
    assert values(store, 0, 30) == {CPU: [1, 14, 16]}
    assert len(store) == 3


def test_a_device_older_than_the_newest_sum_is_a_reading_of_its_own() -> None:
    """What it belongs to is final already. It goes before the sum that is not.

    ::

        arrival   sda at 0   sda at 10   sdb at 0   sdb at 10   sda at 20   sdc at 10
        order     1 at 0     8 at 0      2 + 4 at 10            32 at 20    16 at 10, before it
    """
    store = filled((0, 1), (10, 2), (0, 8), (10, 4), (20, 32), (10, 16), add_up=True)
    assert values(store, 0, 30) == {CPU: [1, 8, 6, 16, 32]}
    assert values(store, 0, 10) == {CPU: [1, 8]}


def test_a_gauge_is_never_added_to() -> None:
    """Of the same metric; it is final at once, and comes before a sum that is not."""
    store = filled((0, 1))
    store.add("web", CPU, 0, 2, TOPIC, add_up=True)
    store.add("web", CPU, 5, 4, TOPIC, add_up=True)
    store.add("web", CPU, 5, 8, TOPIC)
    store.add("web", CPU, 5, 16, TOPIC, add_up=True)
    assert values(store, 0, 30) == {CPU: [1, 2, 8, 20]}


def measured(at_ms: int, value: float, host: str = "web", metric: Metric = CPU) -> Measured:
    return Measured(host, metric, at_ms, value)


def test_a_gauge_is_told_at_once() -> None:
    final: list[Measured] = []
    filled((5, 1), (3, 2), (5, 4), final=final)
    assert final == [measured(5, 1), measured(3, 2), measured(5, 4)]


def test_a_sum_is_told_when_a_newer_reading_comes() -> None:
    """Be that of a counter or a gauge; an older one is told at once."""
    final: list[Measured] = []
    store = filled((10, 1), (10, 2), (5, 4), (10, 8), add_up=True, final=final)
    assert final == [measured(5, 4)]
    store.add("web", CPU, 20, 16, TOPIC, add_up=True)
    assert final == [measured(5, 4), measured(10, 11)]
    store.add("web", CPU, 30, 32, TOPIC)
    assert final[2:] == [measured(20, 16), measured(30, 32)]


def test_a_sum_is_told_when_it_is_settled_and_stays_as_it_is() -> None:
    """Only that of the host, and of a time before."""
    final: list[Measured] = []
    store = filled((10, 1), add_up=True, final=final)
    store.add("db", CPU, 5, 2, TOPIC, add_up=True)
    store.settle("web", 10)
    store.settle("nobody", 99)
    assert final == []
    store.settle("web", 11)
    store.settle("web", 99)
    assert final == [measured(10, 1)]
    store.add("web", CPU, 10, 4, TOPIC, add_up=True)
    assert final[1:] == [measured(10, 4)]
    assert values(store, 0, 20) == {CPU: [1, 4]}


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


class Listed:
    """The readings of a host and metric: those that are final, and the sum that is not."""

    def __init__(self) -> None:
        self.final: list[tuple[int, float]] = []
        self.sum: tuple[int, float] | None = None

    def add(self, timestamp_ms: int, value: float, *, add_up: bool) -> None:
        if self.sum is not None and add_up and timestamp_ms == self.sum[0]:
            self.sum = (timestamp_ms, self.sum[1] + value)
            return
        if self.sum is not None and timestamp_ms > self.sum[0]:
            self.settle()
        newest_ms = max([at_ms for at_ms, _ in self.all()], default=-1)
        if add_up and timestamp_ms > newest_ms:
            self.sum = (timestamp_ms, value)
        else:
            self.final.append((timestamp_ms, value))

    def settle(self) -> None:
        self.final += [] if self.sum is None else [self.sum]
        self.sum = None

    def all(self) -> list[tuple[int, float]]:
        return self.final if self.sum is None else [*self.final, self.sum]


@given(STEPS, st.integers(0, 40), st.integers(0, 30))
def test_windows_equal_a_scan_over_all_readings(steps: Steps, stop: int, forget_ms: int) -> None:
    """Plain lists of readings, of which each window picks its own; before a time all is forgotten once."""
    told: list[Measured] = []
    store = ReadingStore(told)
    listed: dict[tuple[str, Metric], Listed] = {}
    forgotten = 0
    for number, (host, metric, timestamp_ms, value, topic, add_up) in enumerate(steps):
        if number == stop:
            for each in ("web", "db", "ä"):
                store.settle(each, forget_ms)
                store.forget(each, forget_ms)
            for rows in listed.values():
                if rows.sum is not None and rows.sum[0] < forget_ms:
                    rows.settle()
                kept = [row for row in rows.final if row[0] >= forget_ms]
                forgotten += len(rows.final) - len(kept)
                rows.final = kept
        store.add(host, metric, timestamp_ms, value, topic, add_up=add_up)
        listed.setdefault((host, metric), Listed()).add(timestamp_ms, value, add_up=add_up)
    for host in ("web", "db", "ä"):
        for start_ms in range(0, 31, 5):
            expected = {
                metric: [value for at_ms, value in rows.all() if start_ms <= at_ms < start_ms + 10]
                for (of, metric), rows in sorted(listed.items(), key=lambda item: item[0])
                if of == host
            }
            found = values(store, start_ms, start_ms + 10, host)
            assert found == {metric: picked for metric, picked in expected.items() if picked}
    assert len(store) == sum(len(rows.all()) for rows in listed.values())
    assert len(told) == forgotten + sum(len(rows.final) for rows in listed.values())


@given(STEPS, st.sampled_from([CPU, MEMORY]))
def test_what_is_told_is_what_windows_have_in_their_order(steps: Steps, metric: Metric) -> None:
    """Once all sums are final."""
    told: list[Measured] = []
    store = ReadingStore(told)
    add_all(store, steps)
    store.settle("web", 31)
    expected = [each.value for each in told if (each.host, each.metric) == ("web", metric)]
    assert values(store, 0, 31).get(metric, []) == expected


@given(STEPS, st.integers(0, 40), st.integers(0, 30), st.integers(0, 30))
def test_stop_restore_and_go_on_equals_never_stopping(
    steps: Steps, stop: int, settle_ms: int, forget_ms: int
) -> None:
    told: list[Measured] = []
    told_later: list[Measured] = []
    never_stopped = ReadingStore(told)
    add_all(never_stopped, steps[:stop])
    before = len(told)
    stopped = ReadingStore(told_later)
    stopped.restore(never_stopped.snapshot())
    for store in (never_stopped, stopped):
        store.settle("web", settle_ms)
        store.forget("web", forget_ms)
        add_all(store, steps[stop:])
    for host in ("web", "db", "ä"):
        assert values(stopped, 5, 15, host) == values(never_stopped, 5, 15, host)
    assert stopped.snapshot() == never_stopped.snapshot()
    assert told_later == told[before:]


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
    """Return a snapshot of readings of two metrics, a sum among them, with some bytes replaced."""
    store = filled((1, 1.0))
    store.add("web", MEMORY, 2, 2.0, TOPIC)
    store.add("web", MEMORY, 3, 4.0, TOPIC, add_up=True)
    data = store.snapshot()
    assert data.count(before) == 1
    return data.replace(before, after)


def test_what_was_stored_before_there_were_sums_is_read() -> None:
    """Version 1 did not say which reading may be added to: none is."""
    store = filled((1, 1.0), (2, 2.0))
    data = store.snapshot()
    count, flag = column(4, 2), column(1, 0)
    assert data.count(count + flag) == 1
    former = ReadingStore()
    former.restore(data.replace(count + flag, count).replace(b"readings\x02", b"readings\x01"))
    assert former.snapshot() == data


def column(typecode_bytes: int, *numbers: int) -> bytes:
    return len(numbers).to_bytes(8, "little") + b"".join(
        number.to_bytes(typecode_bytes, "little", signed=number < 0) for number in numbers
    )


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (column(4, 0, 1), column(4, 0, 0), "its series do not ascend"),
        (column(4, 1, 2), column(4, 0, 3), "a series is empty, or a time before the epoch"),
        (column(8, 1, 2, 3), column(8, 1, -2, 3), "a series is empty, or a time before the epoch"),
        (column(4, 1, 2), column(4, 1, 3), "a column has 3 values, expected 4"),
        (column(1, 0, 1), column(1, 0, 2), "a sum is neither final nor not"),
        (column(8, 1, 2, 3), column(8, 1, 4, 3), "a sum that is not final is not the newest of its series"),
    ],
)
def test_states_that_cannot_be_are_refused(before: bytes, after: bytes, message: str) -> None:
    with pytest.raises(SnapshotError, match=f"state of 'readings' is damaged: {message}"):
        ReadingStore().restore(altered(before, after))


def test_bytes_of_another_part_are_refused() -> None:
    with pytest.raises(SnapshotError, match="7 bytes are no state of 'readings' version 1"):
        ReadingStore().restore(b"nothing")
