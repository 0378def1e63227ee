"""Bytes of an input partition → updates, sent on to the log by host; progress marks; dead letters."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pg_streaming_machine_learning.errors import RefusedRecord, RegistryUnavailable
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark, Update, WindowUpdate
from pg_streaming_machine_learning.sources.routing import Routed, route, routing_at_once
from pg_streaming_machine_learning.sources.source import RefusedPart, RowSource, Source
from pg_streaming_machine_learning.sources.update_rows import UpdateRows
from pg_streaming_machine_learning.state.progress import RouterProgress, router_key
from pg_streaming_machine_learning.streams.batch import Batch, FetchedRecord, TopicPlace
from pg_streaming_machine_learning.streams.breath import Breath
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.host_place import host_place
from pg_streaming_machine_learning.streams.marks import MarkSchedule, Progress
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.transactions import Outgoing, Transactions
from pg_streaming_machine_learning.windows.event_time import event_ms
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.wire.log import encode_mark, encode_update

__all__ = ["Router", "RouterOutlet"]

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0

Pause = Callable[[float], Awaitable[Any]]


@dataclass(frozen=True)
class RouterOutlet:
    """Where a router's results go.

    Parameters
    ----------
    log_topic, log_partitions : str, int
        Where updates and marks go.
    dead_letters : DeadLetters
        Makes the records of what is refused.
    windows : HoppingWindows
        By which event time is told.
    progress_topic, progress_partition : str, int
        Where the router's own progress goes.
    notes : tuple of Outgoing
        What else is to be written down, with the first transaction.
    """

    log_topic: str
    log_partitions: int
    dead_letters: DeadLetters
    windows: HoppingWindows
    progress_topic: str
    progress_partition: int
    notes: tuple[Outgoing, ...] = ()


@dataclass
class _Taken:
    """What records have led to: records to be written, and how far event time has come by them."""

    records: list[Outgoing]
    event_ms: int | None = None

    def reach(self, event_ms: int | None) -> None:
        """Note that event time has come so far."""
        if event_ms is not None:
            self.event_ms = event_ms if self.event_ms is None else max(self.event_ms, event_ms)


class Router:
    """Routes the batches of one input partition. What a restart has to bring back is its progress alone.

    Everything a batch led to, and the progress that says so, is one transaction. Nothing is open while the
    registry is waited for.

    Parameters
    ----------
    place : (str, int)
        The input partition.
    source : Source
        Decodes its records.
    event_ms : int or None
        Event time read from it so far: the start of its newest window.
    transactions : Transactions
        Opened before the progress was read.
    outlet : RouterOutlet
        Where results go.
    positions : Positions
        How far the partition is done.
    marks : MarkSchedule
        When to tell progress.
    gate : CommitGate
        Whether a commit may begin.
    monotonic, now : callable
        Passing time and the wall clock, seconds.
    pause : callable
        Waits for some seconds before the registry is asked again.
    """

    def __init__(
        self,
        place: TopicPlace,
        source: Source,
        event_ms: int | None,
        transactions: Transactions,
        outlet: RouterOutlet,
        positions: Positions,
        marks: MarkSchedule,
        gate: CommitGate,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.is_closed = False
        self._place = place
        self._source = source
        self._at_once = routing_at_once(source)
        self._source_of_rows = source if isinstance(source, RowSource) else None
        self._event_ms = event_ms
        self._transactions = transactions
        self._outlet = outlet
        self._notes = outlet.notes
        self._positions = positions
        self._marks = marks
        self._gate = gate
        self._monotonic = monotonic
        self._now = now
        self._pause = pause
        self._one_at_a_time = asyncio.Lock()
        self._partitions = place[1] + 1

    def close(self) -> None:
        """Give the partition up; work underway stops at the next step."""
        self.is_closed = True
        self._transactions.close()

    async def take(self, batch: Batch) -> None:
        """Send on what a batch holds; it is done when its transaction is committed.

        Raises
        ------
        TransactionError
            If the results cannot be written.
        """
        new = self._positions.new_records(batch)
        if new is None or self.is_closed:
            return
        taken = await (self._rows(new) if self._source_of_rows is not None else self._each(new))
        if self.is_closed:
            return
        read_ms = taken.event_ms
        here = InputPartition(*self._place)
        progress = self._marks.along(here, read_ms, self._monotonic())
        taken.records += [] if progress is None else self._mark(progress)
        taken.reach(self._event_ms)
        if await self._commit(taken.records, RouterProgress(batch.end, taken.event_ms)):
            self._marks.read(here, read_ms, self._monotonic())

    def know_partitions(self, count: int) -> None:
        """Note how many partitions the topic has now: marks say so, and engines wait for all of them."""
        self._partitions = max(count, self._place[1] + 1)

    async def tell(self, progress: Progress) -> None:
        """Send a progress mark to every partition of the log."""
        await self._commit(self._mark(progress), None)

    async def _commit(self, records: list[Outgoing], reached: RouterProgress | None) -> bool:
        """Write a transaction that ends with the progress reached, the former one if None.

        Marks tell it again, so that a partition without records has progress, too.

        Returns
        -------
        bool
            False if the partition was lost before.
        """
        async with self._one_at_a_time, self._gate:
            position = self._positions.next(self._place)
            if self.is_closed or position is None:
                return False
            progress = RouterProgress(position, self._event_ms) if reached is None else reached
            await self._transactions.commit([*records, *self._notes, self._progress(progress)])
            if self.is_closed:
                return False
            self._notes = ()
            self._event_ms = progress.event_ms
            self._positions.done(self._place, progress.offset)
        return True

    def _mark(self, progress: Progress) -> list[Outgoing]:
        """Return the marks that tell progress, one for every partition of the log."""
        sent_ms = int(self._now() * 1000)
        mark = ProgressMark(progress.input, self._partitions, progress.event_ms, progress.idle, sent_ms)
        value = encode_mark(mark)
        topic = self._outlet.log_topic
        return [Outgoing(topic, number, None, value) for number in range(self._outlet.log_partitions)]

    def _outgoing(self, update: Update) -> Outgoing:
        key, partition = host_place(update.host, self._outlet.log_partitions)
        return Outgoing(self._outlet.log_topic, partition, key, encode_update(update))

    def _progress(self, progress: RouterProgress) -> Outgoing:
        outlet = self._outlet
        key, value = router_key(*self._place), progress.to_bytes()
        return Outgoing(outlet.progress_topic, outlet.progress_partition, key, value)

    async def _rows(self, new: Sequence[FetchedRecord]) -> _Taken:
        """Return what records lead to whose source reads many at a time."""
        taken, breath = _Taken([]), Breath(self._monotonic)
        rows = self._many(new)
        if not rows.is_known.any() and len(new) > 1:
            # It may be that no schema is known yet: the first record brings it.
            await self._routed(_input_record(self._place, new[0]), breath)
            rows = self._many(new)
        for place in rows.unknown():
            record = _input_record(self._place, new[place])
            for part in (await self._routed(record, breath)).parts:
                if isinstance(part, WindowUpdate):
                    rows.put(place, part)
                else:
                    taken.records.append(self._written(record, part))
            if breath.is_due():
                await breath.take()
            if self.is_closed:
                return taken
        outlet = self._outlet
        for partition, updates in rows.updates(InputPartition(*self._place), outlet.log_partitions):
            taken.records.append(Outgoing(outlet.log_topic, partition, None, encode_update(updates)))
            if breath.is_due():
                await breath.take()
        taken.reach(rows.newest_start_ms)
        return taken

    def _many(self, new: Sequence[FetchedRecord]) -> UpdateRows:
        """Return the updates of records whose source reads many at a time, as far as they can be told."""
        assert self._source_of_rows is not None
        return self._source_of_rows.many(
            [fetched.offset for fetched in new],
            [fetched.timestamp for fetched in new],
            [fetched.key for fetched in new],
            [fetched.value for fetched in new],
        )

    async def _each(self, new: Sequence[FetchedRecord]) -> _Taken:
        """Return what records lead to whose source reads one at a time."""
        taken, breath = _Taken([]), Breath(self._monotonic)
        for fetched in new:
            record = _input_record(self._place, fetched)
            routed = await self._routed(record, breath)
            for part in routed.parts:
                taken.records.append(self._written(record, part))
                if breath.is_due():
                    await breath.take()
            taken.reach(routed.event_ms)
            if breath.is_due():
                await breath.take()
            if self.is_closed:
                return taken
        return taken

    async def _routed(self, record: InputRecord, breath: Breath) -> Routed:
        """Return what a record leads to, however long the registry takes."""
        part = self._at_once(record)
        if part is None:
            return await self._waited_for(record, breath)
        reached_ms = None if isinstance(part, RefusedRecord) else event_ms(part, self._outlet.windows)
        return Routed([part], reached_ms)

    async def _waited_for(self, record: InputRecord, breath: Breath) -> Routed:
        """Return what a record leads to that cannot be told at once."""
        pause_s, attempts = FIRST_PAUSE_S, 0
        while not self.is_closed:
            try:
                routed = await route(self._source, record, self._outlet.windows, breath.take)
            except RegistryUnavailable as error:
                attempts += 1
                _log_waiting(record, error, attempts)
                await self._pause(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                continue
            if attempts:
                logger.info("registry answers again place=%s attempts=%d", _place(record), attempts)
            return routed
        return Routed()

    def _written(self, record: InputRecord, part: Update | RefusedPart | RefusedRecord) -> Outgoing:
        """Return the record that is written of a part: an update, or a dead letter."""
        if isinstance(part, RefusedRecord):
            logger.debug("refused place=%s %s", _place(record), part)
            return self._outlet.dead_letters.outgoing(record, part)
        if isinstance(part, RefusedPart):
            logger.debug("refused part place=%s %s", _place(record), part.refused)
            return self._outlet.dead_letters.of_part(record, part)
        return self._outgoing(part)


def _input_record(place: TopicPlace, fetched: FetchedRecord) -> InputRecord:
    headers = tuple([(name, value or b"") for name, value in fetched.headers]) if fetched.headers else ()
    return InputRecord(*place, fetched.offset, fetched.timestamp, fetched.key, fetched.value, headers)


def _place(record: InputRecord) -> str:
    return f"{record.topic}[{record.partition}]@{record.offset}"


def _log_waiting(record: InputRecord, error: RegistryUnavailable, attempts: int) -> None:
    """Log the first attempts, then every tenth: an outage of hours is no reason to fill a disk."""
    if attempts <= 10 or attempts % 10 == 0:
        logger.warning("waiting for the registry place=%s attempts=%d: %s", _place(record), attempts, error)
