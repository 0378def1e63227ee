"""What the tests of the Faust side share: transactions in memory, a hand-moved clock, fetched records."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import (
    Reason,
    RefusedRecord,
    RegistryUnavailable,
    TransactionError,
)
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.update import Metric, ProgressMark, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.sources.source import Part, RefusedPart
from pg_streaming_machine_learning.state.layout import StateRecord
from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.wire.log import encode_mark, encode_update
from tests.logs import fleet, merged

__all__ = [
    "Clock",
    "Cluster",
    "LineSource",
    "ListTransactions",
    "ListedOffsets",
    "Record",
    "batch_of",
    "encoded",
    "fleet_log",
    "opened",
    "positions_at",
    "run_on",
    "until_done",
]


@dataclass
class ListTransactions:
    """Keeps the transactions of a writer in a list.

    A transaction is committed at once or, with `holds_back`, when `commit_held` is called. With an `error` it
    fails, and with `is_fenced`, which the opening of a successor sets, every other one as well. Each calls
    `when_committing` first.
    """

    name: str = "writer"
    cluster: Cluster | None = None
    committed: list[list[Outgoing]] = field(default_factory=list)
    holds_back: bool = False
    error: TransactionError | None = None
    is_open: bool = False
    is_fenced: bool = False
    is_closed: bool = False
    held: list[tuple[list[Outgoing], asyncio.Future[None]]] = field(default_factory=list)
    when_committing: Callable[[], None] = lambda: None

    async def open(self) -> None:
        """Become the only writer under the name."""
        if self.cluster is not None:
            self.cluster.fence(self)
            await self.cluster.when_fenced()
        self.is_open = True

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Take a transaction."""
        assert self.is_open, f"{self.name} writes before it was opened"
        assert not self.is_closed, f"{self.name} writes after it was closed"
        self.when_committing()
        if self.holds_back:
            released: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.held.append((list(records), released))
            await released
            return
        self._write(records)

    def close(self) -> None:
        """Write nothing more."""
        self.is_closed = True

    def commit_held(self) -> None:
        """Let what is held back come to its end, also where nobody waits for it any more."""
        for records, released in self.held:
            self._release(records, released)
        self.held.clear()

    def records(self, topic: str | None = None) -> list[Outgoing]:
        """Return all that was committed, or what of it went to a topic."""
        return [
            record
            for transaction in self.committed
            for record in transaction
            if topic is None or record.topic == topic
        ]

    def _release(self, records: Sequence[Outgoing], released: asyncio.Future[None]) -> None:
        error = None
        try:
            self._write(records)
        except TransactionError as failed:
            error = failed
        if released.done():
            return
        if error is None:
            released.set_result(None)
        else:
            released.set_exception(error)

    def _write(self, records: Sequence[Outgoing]) -> None:
        if self.is_fenced:
            raise TransactionError(f"transactions of {self.name!r} failed (_FENCED)")
        if self.error is not None:
            raise self.error
        self.committed.append(list(records))
        if self.cluster is not None:
            self.cluster.append(records)


@dataclass
class Cluster:
    """Topics in memory, written by transactions.

    `begin` has the first offsets of partitions that lost records; `steps` what was done, in order;
    `when_read` is called when state is read, in the thread in which it is, and `when_fenced` before an
    opening comes to its end.
    """

    topics: dict[TopicPlace, list[Outgoing]] = field(default_factory=dict)
    begin: dict[TopicPlace, int] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    writers: dict[str, ListTransactions] = field(default_factory=dict)
    when_read: Callable[[], None] = lambda: None
    when_fenced: Callable[[], Awaitable[object]] = field(default=lambda: asyncio.sleep(0))

    def transactions(self, name: str, codec: str) -> ListTransactions:
        """Return transactions under a name; there is nothing to compress, not opened yet."""
        return ListTransactions(name, self)

    def fence(self, writer: ListTransactions) -> None:
        """Let a writer be the only one under its name."""
        self.steps.append(f"open {writer.name}")
        former = self.writers.get(writer.name)
        if former is not None:
            former.is_fenced = True
        self.writers[writer.name] = writer

    def append(self, records: Iterable[Outgoing]) -> None:
        """Add records to their partitions."""
        for record in records:
            self.topics.setdefault((record.topic, record.partition), []).append(record)

    def put(self, place: TopicPlace, key: bytes | None, value: bytes | None) -> None:
        """Add a record to a partition."""
        self.append([Outgoing(*place, key, value)])

    def records(self, topic: str, partition: int = 0) -> list[Outgoing]:
        """Return the records of a partition."""
        return self.topics.get((topic, partition), [])

    def read_state(self, topic: str, partition: int) -> list[StateRecord]:
        """Return the last value of each key."""
        self.steps.append(f"read {topic}[{partition}]")
        self.when_read()
        values = {record.key or b"": record.value for record in self.records(topic, partition)}
        return [StateRecord(key, value) for key, value in values.items()]

    async def beginnings(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the first offsets."""
        return {place: self.begin.get(place, 0) for place in places}

    async def ends(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the offsets after the last."""
        return {place: self.begin.get(place, 0) + len(self.records(*place)) for place in places}


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

    async def beginnings(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the first offsets."""
        return {place: self.begin[place] for place in places}

    async def ends(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the offsets after the last."""
        return {place: self.end[place] for place in places}


@dataclass
class LineSource:
    """A source of lines ``host start``; ``bad`` is refused, and an outage can be made."""

    name: str = "lines"
    outages: int = 0
    outage_at: int | None = None
    asked: list[int] = field(default_factory=list)

    async def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Yield an update for each line; a line ``no <anything>`` is a refused part."""
        self.asked.append(record.offset)
        if self.outages > 0 or record.offset == self.outage_at:
            self.outages, self.outage_at = max(0, self.outages - 1), None
            raise RegistryUnavailable("refused")
        text = (record.value or b"").decode()
        if text == "bad":
            raise RefusedRecord(Reason.BAD_FRAMING, "found 'bad'")
        for index, line in enumerate(text.splitlines()):
            if line.startswith("no "):
                refused = RefusedRecord(Reason.BAD_LINE, f"line {index + 1}: found 'no'")
                yield RefusedPart(refused, line.encode())
                continue
            yield WindowUpdate(
                SourcePlace(record.topic, record.partition, record.offset, index),
                line.split()[0],
                Metric("CPU", "UTILIZATION", "PERCENT"),
                int(line.split()[1]),
                tuple(float(number) for number in range(11)),
                None,
            )


def encoded(record: LogRecord) -> bytes:
    """Return a record of the log as bytes."""
    return encode_mark(record) if isinstance(record, ProgressMark) else encode_update(record)


def fleet_log() -> list[bytes]:
    """Return a log that leads to predictions, some of its records to several."""
    partitions = [list(records) for records in fleet(["a", "b"], windows=12, seed=5).partitions]
    return [encoded(record) for record in merged(partitions, random.Random(1))]


def opened(transactions: ListTransactions) -> ListTransactions:
    """Return transactions after they were opened."""
    asyncio.run(transactions.open())
    return transactions


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


async def until_done(task: asyncio.Task[None]) -> None:
    """Wait for a task to end, however it ends."""
    await asyncio.wait([task])
