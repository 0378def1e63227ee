"""All that one fetch brought from a partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["Batch", "FetchedRecord", "TopicPlace"]

TopicPlace = tuple[str, int]
"""Topic and partition. Faust's and aiokafka's own pairs are tuples like it, and equal to it."""


class FetchedRecord(Protocol):
    """What is used of aiokafka's records."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Batch:
    """The records of a partition between two offsets.

    A class of its own, and neither list nor bytes, so that Faust passes it on untouched.

    Parameters
    ----------
    place : (str, int)
        The partition.
    base, end : int
        From where to where reading has come, ``[base, end)``. There may be fewer records than offsets:
        transaction markers, aborted records and compacted ones have offsets and are not delivered.
    records : sequence
        The records delivered, in the order of their offsets.
    seek : int
        The number of the seek (`Positions.seek`) they were read after.
    """

    __slots__ = ("base", "end", "place", "records", "seek")

    def __init__(self, place: TopicPlace, base: int, end: int, records: Sequence[Any], seek: int) -> None:
        self.place = place
        self.base = base
        self.end = end
        self.records: Sequence[FetchedRecord] = records
        self.seek = seek

    def __repr__(self) -> str:
        topic, partition = self.place
        return f"Batch({topic}[{partition}]@[{self.base}, {self.end}), {len(self.records)} records)"
