"""Records of several partitions, each in its order, in one order: by the time they were written."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

__all__ = ["BLOCK_RECORDS", "Merge", "Timed"]

BLOCK_RECORDS = 1000
"""How many records of a partition are looked at together."""


class Timed(Protocol):
    """What is merged."""

    @property
    def timestamp_ms(self) -> int:
        """Kafka's timestamp, milliseconds since the epoch; 0 or less if there is none."""


Record = TypeVar("Record", bound=Timed)


class _Lane(Generic[Record]):
    """A partition: the block that is being taken from, and what was read behind it."""

    def __init__(self) -> None:
        self.block: list[Record] = []
        self.times: list[int] = []
        self.taken = 0
        self.ahead: list[Record] = []
        self.is_ended = False
        self.given = 0
        self.added = 0

    @property
    def is_used_up(self) -> bool:
        """Whether all that will ever come was taken from the block."""
        return self.is_ended and not self.ahead and self.taken == len(self.block)

    def has_some(self) -> bool:
        """Begin the next block if this one was taken whole; say whether there is something to take."""
        if self.taken < len(self.block):
            return True
        if not self.ahead or (len(self.ahead) < 2 * BLOCK_RECORDS and not self.is_ended):
            return False
        self.block = self.ahead[:BLOCK_RECORDS]
        del self.ahead[:BLOCK_RECORDS]
        self.times = _times(self.block, self.ahead[:BLOCK_RECORDS])
        self.taken = 0
        return True


def _times(block: Sequence[Timed], behind: Sequence[Timed]) -> list[int]:
    """Return when the records of a block were written at the latest, never falling: see `Merge`."""
    stamps = [record.timestamp_ms for record in block]
    if behind:
        stamps[-1] = min(stamps[-1], min(record.timestamp_ms for record in behind))
    return list(accumulate(reversed(stamps), min))[::-1]


class Merge(Generic[Record]):
    """Merges partitions by timestamp; at the same time, the partition with the lower number goes first.

    A record cannot have been written after one behind it, so it counts as written when the earliest of those
    behind it says, up to two blocks ahead: a producer whose clock is ahead does not hold up its partition.
    The order is a function of the records alone, and not of how they arrive.

    Parameters
    ----------
    partitions : int
        How many there are.

    Examples
    --------
    >>> from collections import namedtuple
    >>> Record = namedtuple("Record", "name timestamp_ms")
    >>> merge = Merge(2)
    >>> merge.add(0, [Record("a", 1), Record("b", 9), Record("c", 3)])
    >>> merge.add(1, [Record("x", 2), Record("y", 4)])
    >>> merge.take(9)
    []
    >>> for number in (0, 1):
    ...     merge.end(number)
    >>> [record.name for number, record in merge.take(9)]
    ['a', 'x', 'b', 'c', 'y']
    """

    def __init__(self, partitions: int) -> None:
        self._lanes: list[_Lane[Record]] = [_Lane() for _ in range(partitions)]
        self._ready: list[tuple[int, Record]] = []
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether all was taken and nothing more comes."""
        return self._at == len(self._ready) and all(lane.is_used_up for lane in self._lanes)

    def is_taken(self, number: int) -> bool:
        """Whether all of a partition was taken and nothing more comes of it."""
        lane = self._lanes[number]
        return lane.is_ended and lane.given == lane.added

    def waiting(self, number: int) -> int:
        """Return how many records of a partition wait to be taken."""
        return self._lanes[number].added - self._lanes[number].given

    def is_short(self, number: int) -> bool:
        """Whether more has to be read of a partition before all that waits of it can be taken."""
        lane = self._lanes[number]
        return not lane.is_ended and len(lane.ahead) < 2 * BLOCK_RECORDS

    def add(self, number: int, records: Iterable[Record]) -> None:
        """Take in the next records of a partition."""
        lane = self._lanes[number]
        before = len(lane.ahead)
        lane.ahead.extend(records)
        lane.added += len(lane.ahead) - before

    def end(self, number: int) -> None:
        """Note that a partition has no more records."""
        self._lanes[number].is_ended = True

    def take(self, most: int) -> list[tuple[int, Record]]:
        """Return the next records, each with the number of its partition.

        Parameters
        ----------
        most : int
            How many at most. There are fewer, or none, when some partition has to be read on first.
        """
        while len(self._ready) - self._at < most and self._step():
            pass
        taken = self._ready[self._at : self._at + most]
        self._at += len(taken)
        for number, count in Counter(map(itemgetter(0), taken)).items():
            self._lanes[number].given += count
        return taken

    def _step(self) -> bool:
        """Put in order what lies before the end of the first block to end; False if some block is missing."""
        lanes = [(number, lane) for number, lane in enumerate(self._lanes) if not lane.is_used_up]
        if not lanes or not all(lane.has_some() for _, lane in lanes):
            return False
        end_ms, last = min((lane.times[-1], number) for number, lane in lanes)
        times: list[int] = []
        found: list[tuple[int, Record]] = []
        for number, lane in lanes:
            cut = bisect_right if number <= last else bisect_left
            end = cut(lane.times, end_ms, lane.taken)
            times += lane.times[lane.taken : end]
            found += [(number, record) for record in lane.block[lane.taken : end]]
            lane.taken = end
        # Each partition is in order already, and sorting keeps that order where times are equal.
        in_order = sorted(range(len(times)), key=times.__getitem__)
        self._ready = [*self._ready[self._at :], *map(found.__getitem__, in_order)]
        self._at = 0
        return True
