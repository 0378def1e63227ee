"""In memory: topics with transactions and fencing, as a broker has them, for tests of exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY, StateRecord
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.transactions import Outgoing

__all__ = ["STEPS", "Entry", "MemoryBroker", "MemoryTransactions", "Reach", "Transaction"]

STEPS = (
    "before fencing",
    "after fencing",
    "before the transaction",
    "between the outputs",
    "between the chunks",
    "after the manifest",
    "after the progress",
    "after the commit",
)
"""What a writer does, by name."""

Reach = Callable[[str], Awaitable[None]]
"""Told of each step of a writer before it goes on; may keep it from going on."""


@dataclass(eq=False)
class Transaction:
    """A transaction: open, then committed or aborted."""

    writer: str
    is_open: bool = True
    is_committed: bool = False
    places: dict[TopicPlace, None] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Entry:
    """What an offset of a partition holds: a record, or the marker of a transaction's end."""

    record: Outgoing | None
    transaction: Transaction


class MemoryBroker:
    """Partitions written by transactions.

    As in Kafka, a name has an epoch. `fence` raises it and aborts what is open; whoever writes with an older
    one is refused. A transaction's end is a marker in each partition it wrote to, and takes an offset. Who
    reads committed records sees a partition up to the first record of a transaction that is still open.
    """

    def __init__(self) -> None:
        self.begin: dict[TopicPlace, int] = {}
        self._entries: dict[TopicPlace, list[Entry]] = {}
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}

    def fence(self, name: str) -> int:
        """Return a new epoch of a name; all older ones end."""
        self._end(name, commit=False)
        self._epochs[name] = self._epochs.get(name, 0) + 1
        return self._epochs[name]

    def write(self, name: str, epoch: int, record: Outgoing) -> None:
        """Add a record to the transaction of a name, a new one if none is open."""
        self._check(name, epoch)
        transaction = self._open.setdefault(name, Transaction(name))
        place = (record.topic, record.partition)
        transaction.places[place] = None
        self._entries.setdefault(place, []).append(Entry(record, transaction))

    def commit(self, name: str, epoch: int) -> None:
        """Commit the transaction of a name."""
        self._check(name, epoch)
        self._end(name, commit=True)

    def time_out(self, name: str) -> None:
        """Abort the transaction of a name, as the broker does with one that takes too long."""
        if name in self._open:
            self.fence(name)

    def put(self, records: Iterable[Outgoing], *, commit: bool = True) -> None:
        """Write records in one transaction of somebody else's, and commit or abort it."""
        epoch = self.fence("somebody else")
        for record in records:
            self.write("somebody else", epoch, record)
        self._end("somebody else", commit=commit)

    def open_writers(self) -> list[str]:
        """Return the names that have a transaction open."""
        return sorted(self._open)

    def end(self, place: TopicPlace) -> int:
        """Return the offset behind the last entry, whatever it is."""
        return len(self._entries.get(place, ()))

    def stable_end(self, place: TopicPlace) -> int:
        """Return the offset up to which committed records can be read."""
        entries = self._entries.get(place, ())
        is_open = (number for number, entry in enumerate(entries) if entry.transaction.is_open)
        return next(is_open, len(entries))

    def committed(
        self, place: TopicPlace, begin: int = 0, end: int | None = None
    ) -> list[tuple[int, Outgoing]]:
        """Return the committed records of a partition with their offsets."""
        entries = self._entries.get(place, ())
        return [
            (offset, entry.record)
            for offset, entry in enumerate(entries[begin:end], begin)
            if entry.record is not None and entry.transaction.is_committed
        ]

    def written(
        self, place: TopicPlace, begin: int = 0, end: int | None = None
    ) -> list[tuple[int, Outgoing]]:
        """Return all records of a partition with their offsets, aborted ones too."""
        entries = enumerate(self._entries.get(place, ())[begin:end], begin)
        return [(offset, entry.record) for offset, entry in entries if entry.record is not None]

    def read_state(self, topic: str, partition: int) -> list[StateRecord]:
        """Return the last value of each key up to the end; what is open there is waited for until it ends."""
        place = (topic, partition)
        for name in [name for name, transaction in self._open.items() if place in transaction.places]:
            self.time_out(name)
        return [StateRecord(record.key or b"", record.value) for _, record in self.committed(place)]

    async def beginnings(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the first offsets."""
        return {place: self.begin.get(place, 0) for place in places}

    async def ends(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the offsets up to which a reader of committed records comes."""
        return {place: self.stable_end(place) for place in places}

    def _check(self, name: str, epoch: int) -> None:
        if epoch != self._epochs.get(name):
            raise TransactionError(f"transactions of {name!r} failed (_FENCED)")

    def _end(self, name: str, *, commit: bool) -> None:
        transaction = self._open.pop(name, None)
        if transaction is None:
            return
        transaction.is_open, transaction.is_committed = False, commit
        for place in transaction.places:
            self._entries[place].append(Entry(None, transaction))


class MemoryTransactions:
    """Transactions of a writer, step by step.

    Parameters
    ----------
    broker : MemoryBroker
        Where to.
    name : str
        Transactional id.
    reach : callable
        Awaited between steps, with the name of what was just done.
    """

    def __init__(self, broker: MemoryBroker, name: str, reach: Reach) -> None:
        self.broker = broker
        self.name = name
        self.reach = reach
        self.epoch = 0
        self.is_closed = False

    async def open(self) -> None:
        """Become the only writer under the name."""
        await self.reach("before fencing")
        self.epoch = self.broker.fence(self.name)
        await self.reach("after fencing")

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Write records in one transaction; it goes on even if nobody waits for it any more."""
        assert self.epoch > 0, f"{self.name} writes before it was opened"
        assert not self.is_closed, f"{self.name} writes after it was closed"
        writing = asyncio.get_running_loop().create_task(self.write(records))
        writing.add_done_callback(_take_note)
        await asyncio.shield(writing)

    async def write(self, records: Sequence[Outgoing]) -> None:
        """Write records in one transaction."""
        await self.reach("before the transaction")
        for record in records:
            self.broker.write(self.name, self.epoch, record)
            await self.reach(_step_after(record))
        self.broker.commit(self.name, self.epoch)
        await self.reach("after the commit")

    def close(self) -> None:
        """Write nothing more."""
        self.is_closed = True


def _step_after(record: Outgoing) -> str:
    """Name the step after a record was written."""
    key = record.key or b""
    if key == PROGRESS_KEY:
        return "after the progress"
    if key.endswith(b"/manifest"):
        return "after the manifest"
    return "between the chunks" if key.startswith(b"slot-") else "between the outputs"


def _take_note(task: asyncio.Task[None]) -> None:
    """Look at the error of a task that may have none to look at it."""
    if not task.cancelled():
        task.exception()
