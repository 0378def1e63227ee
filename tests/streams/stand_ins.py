"""What the tests of the Faust side share: a sink, a hand-moved clock, fetched records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.outlet import Header
from pg_streaming_machine_learning.streams.positions import Positions

__all__ = ["Clock", "ListOutlet", "ListedOffsets", "Record", "Sent", "batch_of", "positions_at", "run_on"]


@dataclass(frozen=True)
class Sent:
    """A record that left."""

    output: Output
    partition: int | None
    headers: tuple[Header, ...]


@dataclass
class ListOutlet:
    """Keeps what is sent in a list; it is stored at once or, with `holds_back`, when `store` is called."""

    sent: list[Sent] = field(default_factory=list)
    holds_back: bool = False
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    async def send(
        self, output: Output, partition: int | None = None, headers: Sequence[Header] = ()
    ) -> Awaitable[Any]:
        """Take a record."""
        self.sent.append(Sent(output, partition, tuple(headers)))
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.holds_back:
            self.waiting.append(stored)
        else:
            stored.set_result(None)
        return stored

    def store(self) -> None:
        """Let everything held back be stored."""
        for stored in self.waiting:
            stored.set_result(None)
        self.waiting.clear()

    def fail(self, error: Exception) -> None:
        """Let everything held back fail."""
        for stored in self.waiting:
            stored.set_exception(error)
        self.waiting.clear()


@dataclass(frozen=True)
class Record:
    """A fetched record."""

    offset: int
    value: bytes | None = b""
    key: bytes | None = None
    timestamp: int = 1_600_000_000_000
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass
class Clock:
    """Passing time that the test moves, seconds."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@dataclass(frozen=True)
class ListedOffsets:
    """What Kafka knows of partitions, given beforehand."""

    begin: Mapping[TopicPlace, int]
    end: Mapping[TopicPlace, int]
    known: Mapping[TopicPlace, int | None] = field(default_factory=dict)

    async def beginnings(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the first offsets."""
        return {place: self.begin[place] for place in places}

    async def ends(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the offsets after the last."""
        return {place: self.end[place] for place in places}

    async def committed(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int | None]:
        """Return the committed offsets."""
        return {place: self.known.get(place) for place in places}


def positions_at(offsets: Mapping[TopicPlace, int]) -> Positions:
    """Return positions of partitions that were just taken over and sought."""
    positions = Positions()
    positions.take(offsets)
    positions.seek(offsets)
    return positions


def batch_of(positions: Positions, place: TopicPlace, values: Sequence[bytes | None], base: int = 0) -> Batch:
    """Return the batch a fetch brings that finds these values, one offset each."""
    records = [Record(base + number, value) for number, value in enumerate(values)]
    return Batch(place, base, base + len(records), records, positions.seeks)


async def run_on() -> None:
    """Let everything that is underway go as far as it can."""
    for _ in range(100):
        await asyncio.sleep(0)
