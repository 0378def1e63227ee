"""Partitions are merged by the time their records were written, whatever arrives when."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.operations.backfill import merge as merging
from pg_streaming_machine_learning.operations.backfill.merge import Merge

BLOCK = 4
"""Small, so that small examples have many blocks."""


@dataclass(frozen=True)
class Written:
    """A record: its place, and when it says it was written."""

    partition: int
    offset: int
    timestamp_ms: int


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "BLOCK_RECORDS", BLOCK)


def written(*partitions: Sequence[int]) -> list[list[Written]]:
    """Return partitions of records with these timestamps."""
    return [
        [Written(number, offset, time_ms) for offset, time_ms in enumerate(times)]
        for number, times in enumerate(partitions)
    ]


def merged(partitions: Sequence[Sequence[Written]], seed: int = 0, most: int = 3) -> list[Written]:
    """Return the merged records; they arrive in pieces of random length."""
    rng = random.Random(seed)
    merge: Merge[Written] = Merge(len(partitions))
    given_up_to = [0] * len(partitions)
    found: list[Written] = []
    while not merge.is_over:
        number = rng.randrange(len(partitions))
        begin = given_up_to[number]
        end = begin + rng.randrange(6)
        merge.add(number, partitions[number][begin:end])
        given_up_to[number] = end
        if end >= len(partitions[number]):
            merge.end(number)
        for place, record in merge.take(most):
            assert place == record.partition
            found.append(record)
    return found


times = st.lists(st.integers(-1, 20), max_size=40)
in_order = times.map(sorted)


@given(st.lists(in_order, min_size=1, max_size=4), st.integers(0, 1000))
def test_records_in_order_come_sorted_by_time_then_partition_then_offset(
    stamps: list[list[int]], seed: int
) -> None:
    """What clocks that never fall lead to is what sorting would."""
    partitions = written(*stamps)
    every = [record for partition in partitions for record in partition]
    expected = sorted(every, key=lambda record: (record.timestamp_ms, record.partition, record.offset))
    assert merged(partitions, seed) == expected


@given(st.lists(times, min_size=1, max_size=4), st.integers(0, 1000), st.integers(1, 50))
def test_the_order_depends_on_the_records_alone(stamps: list[list[int]], seed: int, most: int) -> None:
    """However they arrive and however many are taken at once, clocks that fall included."""
    partitions = written(*stamps)
    assert merged(partitions, seed, most) == merged(partitions, 0)


@given(st.lists(times, min_size=1, max_size=4))
def test_each_partition_keeps_its_order_and_nothing_is_lost(stamps: list[list[int]]) -> None:
    """Timestamps decide between partitions only."""
    partitions = written(*stamps)
    found = merged(partitions)
    numbers = range(len(stamps))
    assert [[each for each in found if each.partition == number] for number in numbers] == partitions


def test_a_clock_that_is_ahead_does_not_hold_up_its_partition() -> None:
    """Not even on the last record of a block: what lies behind it tells when it was written at the latest.

    ::

        partition 0   1   2   3  999 | 5   6   7   8
        partition 1     2   3   4    5   6   7
    """
    found = merged(written([1, 2, 3, 999, 5, 6, 7, 8], [2, 3, 4, 5, 6, 7]))
    assert [(each.partition, each.timestamp_ms) for each in found] == [
        (0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (1, 4), (0, 999), (0, 5), (1, 5), (0, 6), (1, 6), (0, 7),
        (1, 7), (0, 8),
    ]  # fmt: skip


def test_nothing_is_taken_while_a_partition_may_hold_something_earlier() -> None:
    """A partition of which nothing came yet is waited for; one that is ended is not."""
    merge: Merge[Written] = Merge(2)
    (records,) = written(range(20))
    merge.add(0, records)
    assert merge.take(5) == []
    assert merge.waiting(0) == 20
    merge.end(1)
    assert [record.offset for _, record in merge.take(5)] == [0, 1, 2, 3, 4]
    assert (merge.waiting(0), merge.is_taken(1), merge.is_taken(0)) == (15, True, False)


def test_a_partition_is_taken_when_its_last_record_was() -> None:
    """Not when it was read to its end: its progress is told by this."""
    merge: Merge[Written] = Merge(1)
    (records,) = written([1, 2, 3])
    merge.add(0, records)
    merge.end(0)
    merge.take(2)
    assert (merge.is_taken(0), merge.is_over) == (False, False)
    merge.take(2)
    assert (merge.is_taken(0), merge.is_over) == (True, True)
