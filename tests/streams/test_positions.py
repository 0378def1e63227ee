"""Positions move when work is stored, and nothing else moves them."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.errors import HoleError
from pg_streaming_machine_learning.streams.batch import Batch
from pg_streaming_machine_learning.streams.positions import Positions
from tests.streams.stand_ins import Record, batch_of, positions_at

PLACE = ("log", 0)


def offsets(batch: Batch, positions: Positions) -> list[int] | None:
    """Return the offsets of the records that are new."""
    new = positions.new_records(batch)
    return None if new is None else [record.offset for record in new]


def test_offset_zero_is_a_position() -> None:
    """Zero is a value: a partition at its beginning is sought to 0."""
    positions = Positions()
    positions.take({PLACE: 0})
    assert positions.next(PLACE) == 0
    assert positions.seek([PLACE]) == {PLACE: 0}


def test_records_done_before_are_left_out() -> None:
    """A batch fetched again after a seek may begin before the position."""
    positions = positions_at({PLACE: 2})
    assert offsets(batch_of(positions, PLACE, [b"a", b"b", b"c", b"d"]), positions) == [2, 3]


def test_a_batch_that_is_done_already_is_thrown_away() -> None:
    """It must not move the position either."""
    positions = positions_at({PLACE: 2})
    assert offsets(batch_of(positions, PLACE, [b"a", b"b"]), positions) is None


def test_a_hole_is_an_error() -> None:
    """Records that Faust dropped on the way are never skipped."""
    positions = positions_at({PLACE: 2})
    with pytest.raises(
        HoleError, match=r"^records of log\[0\] from offset 2 to 5 never arrived; a new start "
    ):
        positions.new_records(batch_of(positions, PLACE, [b"f"], base=5))


def test_offsets_without_records_are_no_hole() -> None:
    """Transaction markers have offsets: the batch covers them."""
    positions = positions_at({PLACE: 2})
    batch = Batch(PLACE, 2, 10, [Record(4), Record(8)], positions.seeks)
    assert offsets(batch, positions) == [4, 8]


def test_a_batch_from_before_a_seek_is_thrown_away() -> None:
    """What was fetched before a rebalance may come after it, and would look like a hole."""
    positions = positions_at({PLACE: 0})
    stale = batch_of(positions, PLACE, [b"x"], base=7)
    positions.seek([PLACE])
    assert positions.new_records(stale) is None


def test_partitions_of_others_have_no_position() -> None:
    """A batch of a partition that was lost is thrown away, and finishing it late changes nothing."""
    positions = positions_at({PLACE: 0})
    batch = batch_of(positions, PLACE, [b"x"])
    positions.keep_only([])
    assert positions.new_records(batch) is None
    positions.done(PLACE, 1)
    assert PLACE not in positions
    assert positions.next(PLACE) is None


def test_positions_never_fall() -> None:
    """Work finished late says nothing new."""
    positions = positions_at({PLACE: 5})
    positions.done(PLACE, 3)
    assert positions.next(PLACE) == 5


def test_kafka_is_told_what_moved() -> None:
    """Each position once."""
    positions = positions_at({PLACE: 5, ("log", 1): 0})
    positions.told(positions.untold())
    assert positions.untold() == {}
    positions.done(PLACE, 6)
    assert positions.untold() == {PLACE: 6}


def test_what_is_told_of_a_partition_that_was_lost_is_forgotten() -> None:
    """It may come back with the same position, which Kafka has to hear again."""
    positions = positions_at({PLACE: 5})
    positions.told({PLACE: 5})
    positions.keep_only([])
    positions.take({PLACE: 5})
    assert positions.untold() == {PLACE: 5}
