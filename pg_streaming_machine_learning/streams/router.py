"""Bytes of the inputs → updates, sent on to the log by host; progress marks; dead letters."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.partitioner import murmur2

from pg_streaming_machine_learning.errors import RefusedRecord, RegistryUnavailable
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark, WindowUpdate
from pg_streaming_machine_learning.sources import Source
from pg_streaming_machine_learning.streams.batch import Batch, FetchedRecord, TopicPlace
from pg_streaming_machine_learning.streams.breath import Breath
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.marks import MarkSchedule, Progress
from pg_streaming_machine_learning.streams.outlet import Outlet, stored
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.wire.log import encode_mark, encode_update, log_key

__all__ = ["Router", "log_partition"]

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0

Pause = Callable[[float], Awaitable[Any]]


def log_partition(host: str, partitions: int) -> int:
    """Return the partition of the log that a host belongs to, as Kafka's own clients choose it.

    Examples
    --------
    >>> log_partition("abc", 1), log_partition("abc", 12), log_partition("foobar", 12)
    (0, 3, 6)
    """
    return int(murmur2(host.encode()) & 0x7FFFFFFF) % partitions


@dataclass(slots=True)
class _Routed:
    """What came of a batch so far."""

    sendings: list[Awaitable[Any]] = field(default_factory=list)
    event_ms: int | None = None


class Router:
    """Routes the batches of the input topics. It keeps nothing that a restart would have to bring back.

    Parameters
    ----------
    sources : mapping of str to Source
        The source of each input topic.
    log_topic, log_partitions : str, int
        Where updates and marks go.
    outlet : Outlet
        Where they leave.
    dead_letters : DeadLetters
        Where refused records go.
    positions : Positions
        How far each input partition is done.
    marks : MarkSchedule
        When to tell progress.
    monotonic, now : callable
        Passing time and the wall clock, seconds.
    pause : callable
        Waits for some seconds before the registry is asked again.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        log_topic: str,
        log_partitions: int,
        outlet: Outlet,
        dead_letters: DeadLetters,
        positions: Positions,
        marks: MarkSchedule,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._sources = sources
        self._log_topic = log_topic
        self._log_partitions = log_partitions
        self._outlet = outlet
        self._dead_letters = dead_letters
        self._positions = positions
        self._marks = marks
        self._monotonic = monotonic
        self._now = now
        self._pause = pause

    async def route(self, batch: Batch) -> None:
        """Send on what a batch holds; it is done when Kafka has stored all of it.

        A partition that is lost in the middle is left as it is: whoever has it now does it again, and the
        engine drops what it sees twice.
        """
        place = batch.place
        new = self._positions.new_records(batch)
        if new is None:
            return
        routed = _Routed()
        breath = Breath(self._monotonic)
        for fetched in new:
            record = _input_record(place, fetched)
            if not await self._route_patiently(record, routed):
                return
            await breath.take()
        await stored(routed.sendings)
        if place in self._positions:
            self._positions.done(place, batch.end)
            self._marks.read(InputPartition(*place), routed.event_ms, self._monotonic())

    async def tell_progress(
        self, is_read_to_end: Callable[[TopicPlace], bool], partitions_of: Callable[[str], int]
    ) -> None:
        """Send the progress marks that are due to every partition of the log; then positions may be told."""

        def is_ended(partition: InputPartition) -> bool:
            return is_read_to_end((partition.topic, partition.partition))

        sendings = []
        due = self._marks.due(self._monotonic(), is_ended)
        covered = self._covered()
        for progress in due:
            value = encode_mark(self._mark(progress, partitions_of))
            for partition in range(self._log_partitions):
                output = Output(self._log_topic, None, value)
                sendings.append(await self._outlet.send(output, partition))
        await stored(sendings)
        self._positions.hold(covered)

    def _covered(self) -> dict[TopicPlace, int]:
        """Return the positions up to which the progress told, or about to be, says all."""
        told = [(partition.topic, partition.partition) for partition in self._marks.told()]
        positions = {place: self._positions.next(place) for place in told}
        return {place: offset for place, offset in positions.items() if offset is not None}

    def _mark(self, progress: Progress, partitions_of: Callable[[str], int]) -> ProgressMark:
        known = max(partitions_of(progress.input.topic), progress.input.partition + 1)
        sent_ms = int(self._now() * 1000)
        return ProgressMark(progress.input, known, progress.event_ms, progress.idle, sent_ms)

    async def _route_patiently(self, record: InputRecord, routed: _Routed) -> bool:
        """Route a record, however long the registry takes; False if its partition was lost meanwhile."""
        pause_s, attempts = FIRST_PAUSE_S, 0
        while True:
            try:
                await self._route_record(record, routed)
            except RegistryUnavailable as error:  # noqa: PERF203
                attempts += 1
                _log_waiting(record, error, attempts)
                await self._pause(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                if (record.topic, record.partition) not in self._positions:
                    return False
            else:
                if attempts:
                    logger.info("registry answers again place=%s attempts=%d", _place(record), attempts)
                return True

    async def _route_record(self, record: InputRecord, routed: _Routed) -> None:
        try:
            updates = await self._sources[record.topic].updates(record)
        except RefusedRecord as refused:
            logger.debug("refused place=%s %s", _place(record), refused)
            routed.sendings.append(await self._dead_letters.send(record, refused))
            return
        for update in updates:
            routed.sendings.append(await self._send(update))
            event_ms = update.window_start_ms
            routed.event_ms = event_ms if routed.event_ms is None else max(routed.event_ms, event_ms)

    async def _send(self, update: WindowUpdate) -> Awaitable[Any]:
        output = Output(self._log_topic, log_key(update), encode_update(update))
        return await self._outlet.send(output, log_partition(update.host, self._log_partitions))


def _input_record(place: TopicPlace, fetched: FetchedRecord) -> InputRecord:
    headers = tuple((name, value or b"") for name, value in fetched.headers)
    return InputRecord(*place, fetched.offset, fetched.timestamp, fetched.key, fetched.value, headers)


def _place(record: InputRecord) -> str:
    return f"{record.topic}[{record.partition}]@{record.offset}"


def _log_waiting(record: InputRecord, error: RegistryUnavailable, attempts: int) -> None:
    """Log the first attempts, then every tenth: an outage of hours is no reason to fill a disk."""
    if attempts <= 10 or attempts % 10 == 0:
        logger.warning("waiting for the registry place=%s attempts=%d: %s", _place(record), attempts, error)
