"""Counters become rates, and never anything absurd."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import Metric, Reading
from pg_streaming_machine_learning.windows.rates import LONGEST_GAP_MS, Rates

READ = Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
WRITTEN = Metric("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND")


def reading(at_s: float, value: float, counter: str = "diskio/sda", metric: Metric = READ) -> Reading:
    return Reading(metric, int(at_s * 1000), value, counter)


def rates_of(*readings: Reading, host: str = "web") -> list[float | None]:
    rates = Rates()
    return [rates.rate(host, each) for each in readings]


def test_a_rate_is_the_increase_in_a_second() -> None:
    """The first reading has nothing to grow from.

    ::

        seconds   0       10          30
                  ├───────┼───────────┤
        count     500     1500        1500
        rate      none    100         0
    """
    assert rates_of(reading(0, 500), reading(10, 1500), reading(30, 1500)) == [None, 100.0, 0.0]


def test_a_counter_that_falls_has_begun_anew() -> None:
    """No rate for that interval; the next counts from the new value.

    ::

        seconds   0       10      20      30
                  ├───────┼───────┼───────┤
        count     500     1500    20      120
        rate      none    100     none    10
    """
    rates = rates_of(reading(0, 500), reading(10, 1500), reading(20, 20), reading(30, 120))
    assert rates == [None, 100.0, None, 10.0]


def test_a_reading_that_is_not_newer_changes_nothing() -> None:
    """Out of order, or the same time once more."""
    rates = rates_of(reading(0, 0), reading(20, 200), reading(10, 9000), reading(20, 9000), reading(30, 300))
    assert rates == [None, 10.0, None, None, 10.0]


def test_hosts_names_and_metrics_count_apart() -> None:
    rates = Rates()
    for host in ("web", "db"):
        for counter in ("diskio/sda", "diskio/sdb"):
            for metric in (READ, WRITTEN):
                assert rates.rate(host, reading(0, 0, counter, metric)) is None
    assert len(rates) == 8
    assert rates.rate("db", reading(2, 10, "diskio/sdb", WRITTEN)) == 5.0
    assert rates.rate("web", reading(2, 30, "diskio/sda", READ)) == 15.0


def test_after_a_long_silence_a_counter_begins_anew() -> None:
    """Nobody knows when in that time it grew."""
    gap_s = LONGEST_GAP_MS / 1000
    assert rates_of(reading(0, 0), reading(gap_s, gap_s)) == [None, 1.0]
    assert rates_of(reading(0, 0), reading(gap_s + 1, gap_s), reading(gap_s + 2, gap_s + 1)) == [
        None,
        None,
        1.0,
    ]


def test_magnitudes_beyond_a_double_give_no_rate() -> None:
    assert rates_of(reading(0, -1.7e308), reading(1, 1.7e308), reading(2, 1.7e308)) == [None, None, 0.0]


def test_counters_not_read_for_long_are_forgotten() -> None:
    rates = Rates()
    rates.rate("gone", reading(0, 1))
    rates.rate("web", reading(0, 1, "net/old"))
    rates.rate("web", reading(LONGEST_GAP_MS / 1000, 1, "net/new"))
    rates.forget(LONGEST_GAP_MS)
    assert len(rates) == 1
    assert rates.rate("web", reading(LONGEST_GAP_MS / 1000 + 1, 3, "net/new")) == 2.0


def test_forgetting_waits_until_it_is_worth_the_walk() -> None:
    """Every counter is looked at: not each time the watermark moves."""
    rates = Rates()
    rates.rate("web", reading(0, 1))
    rates.forget(LONGEST_GAP_MS // 4 - 1)
    assert len(rates) == 1
    rates.forget(LONGEST_GAP_MS // 4)
    assert len(rates) == 0
    rates.rate("web", reading(0, 1))
    rates.forget(LONGEST_GAP_MS // 2 - 1)
    assert len(rates) == 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["web", "db", "ä"]),
        st.builds(
            reading,
            st.integers(0, 9000),
            st.floats(allow_nan=False, allow_infinity=False),
            st.sampled_from(["diskio/sda", "net/eth0"]),
            st.sampled_from([READ, WRITTEN]),
        ),
        st.none() | st.integers(0, 9_000_000),
    ),
    max_size=30,
)


def taken(rates: Rates, steps: list[tuple[str, Reading, int | None]]) -> list[float | None]:
    found = []
    for host, each, forget_ms in steps:
        found.append(rates.rate(host, each))
        if forget_ms is not None:
            rates.forget(forget_ms)
    return found


@given(STEPS, st.integers(0, 30))
def test_stop_restore_and_go_on_equals_never_stopping(
    steps: list[tuple[str, Reading, int | None]], stop: int
) -> None:
    never_stopped, stopped = Rates(), Rates()
    taken(never_stopped, steps[:stop])
    stopped.restore(never_stopped.snapshot())
    assert taken(stopped, steps[stop:]) == taken(never_stopped, steps[stop:])
    assert stopped.snapshot() == never_stopped.snapshot()


@given(STEPS)
def test_no_rate_is_negative_or_infinite(steps: list[tuple[str, Reading, int | None]]) -> None:
    assert all(rate is None or 0.0 <= rate < float("inf") for rate in taken(Rates(), steps))


def test_a_snapshot_does_not_depend_on_the_order_of_hosts() -> None:
    steps: list[tuple[str, Reading, int | None]] = [
        (host, reading(1, 5, counter), None) for host in "abc" for counter in ("x", "y")
    ]
    shuffled = random.Random(1).sample(steps, len(steps))
    ordered_rates, shuffled_rates = Rates(), Rates()
    taken(ordered_rates, steps)
    taken(shuffled_rates, shuffled)
    assert ordered_rates.snapshot() == shuffled_rates.snapshot()


def test_bytes_of_another_part_are_refused() -> None:
    with pytest.raises(SnapshotError, match="7 bytes are no state of 'rates' version 1"):
        Rates().restore(b"nothing")


def test_counters_that_come_twice_are_refused() -> None:
    """A made-up state could hold one under two places."""
    rates = Rates()
    taken(rates, [("a", reading(1, 5), None), ("b", reading(1, 5), None)])
    data = bytearray(rates.snapshot())
    begin = bytes(data).index((2).to_bytes(8, "little") + bytes(4) + b"\x01\x00\x00\x00")
    data[begin + 12] = 0  # the second counter is of host 0 too
    with pytest.raises(SnapshotError, match="state of 'rates' is damaged: its counters do not ascend"):
        Rates().restore(bytes(data))
