"""From input topics: routed as the workers do it, in the order in which records were written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from pg_streaming_machine_learning.errors import RefusedRecord, RegistryUnavailable, RegistryUnreachable
from pg_streaming_machine_learning.operations.backfill.fetch import Fetch
from pg_streaming_machine_learning.operations.backfill.learning import Learning, Show
from pg_streaming_machine_learning.operations.backfill.merge import Merge
from pg_streaming_machine_learning.operations.backfill.stretch import Stretch
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark, Update
from pg_streaming_machine_learning.sources.routing import Routed, route, routing_at_once
from pg_streaming_machine_learning.sources.source import RefusedPart, Source
from pg_streaming_machine_learning.windows.event_time import event_ms
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

__all__ = ["InputRouting", "learn_from_inputs", "merged"]

BATCH_RECORDS = 5_000
"""After how many records the engines are told how far the inputs have come."""

MOST_AHEAD = 30_000
"""Records of a partition that wait for others at most, about."""

PAUSE_S = 1.0
"""Between two questions to a registry that does not answer."""

_NO_EVENT = -1
"""Event time of a partition of which no good record came yet."""

Batch = Sequence[tuple[int, InputRecord]]
"""Records with the number of their partition."""


def merged(fetch: Fetch, partitions: int) -> Iterator[tuple[Batch, frozenset[int]]]:
    """Yield the records of all stretches in one order, and the numbers of those that are read to their end.

    Every batch but the last has as many records, so that batches, too, depend on the records alone.
    """
    merge: Merge[InputRecord] = Merge(partitions)
    batch: list[tuple[int, InputRecord]] = []
    while True:
        for number in filter(fetch.is_ended, range(partitions)):
            merge.end(number)
        batch += merge.take(BATCH_RECORDS - len(batch))
        if len(batch) == BATCH_RECORDS or merge.is_over:
            yield batch, frozenset(number for number in range(partitions) if merge.is_taken(number))
            if merge.is_over:
                return
            batch = []
        else:
            _hold_back(fetch, merge, partitions)
            for number, records in fetch.take():
                merge.add(number, records)


def _hold_back(fetch: Fetch, merge: Merge[InputRecord], partitions: int) -> None:
    """Read no more of partitions that are far ahead of the others until they are needed."""
    for number in range(partitions):
        if merge.is_short(number) or merge.waiting(number) < MOST_AHEAD // 2:
            fetch.resume(number)
        elif merge.waiting(number) > MOST_AHEAD:
            fetch.pause(number)


class InputRouting:
    """Makes updates and progress marks of records of input topics.

    Parameters
    ----------
    stretches : sequence of Stretch
        What is read.
    sources : mapping of str to Source
        What reads it, by topic.
    windows : HoppingWindows
        By which event time is told.
    learning : Learning
        Gets the updates, and what is refused.
    registry_patience_s : float
        How long the registry may not answer, seconds.
    check : callable
        Called while the registry is waited for; may raise to end it.
    pause : callable
        Waits for some seconds.
    """

    def __init__(
        self,
        stretches: Sequence[Stretch],
        sources: Mapping[str, Source],
        windows: HoppingWindows,
        learning: Learning,
        *,
        registry_patience_s: float = 60.0,
        check: Callable[[], None] = lambda: None,
        pause: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        self._inputs = [InputPartition(each.topic, each.partition) for each in stretches]
        self._sources = [sources[each.topic] for each in stretches]
        topics = [each.topic for each in stretches]
        self._partitions = {topic: topics.count(topic) for topic in topics}
        self._at_once = [routing_at_once(source) for source in self._sources]
        self._event_ms = [_NO_EVENT] * len(stretches)
        self._told: list[tuple[int | None, bool] | None] = [None] * len(stretches)
        self._windows = windows
        self._learning = learning
        self._registry_patience_s = registry_patience_s
        self._check = check
        self._pause = pause
        self._sent_ms = 0

    async def take(self, batch: Batch, ended: frozenset[int]) -> None:
        """Route records, and let the engines read them and how far the inputs have come.

        Parameters
        ----------
        batch : sequence of (int, InputRecord)
            In the order in which the engines read them.
        ended : frozenset of int
            Partitions of which nothing comes any more. They do not hold windows open: with the last of them
            the last windows close, as those of inputs that are idle.

        Raises
        ------
        RegistryUnreachable
            If the registry does not answer for long.
        """
        updates: list[Update] = []
        for number, record in batch:
            part = self._at_once[number](record)
            if part is None:
                updates += await self._wait_for(number, record)
            elif isinstance(part, RefusedRecord):
                self._learning.account.refuse(record, part)
            else:
                updates.append(part)
                reached_ms = event_ms(part, self._windows)
                if reached_ms > self._event_ms[number]:
                    self._event_ms[number] = reached_ms
        if batch:
            self._sent_ms = max(self._sent_ms, batch[-1][1].timestamp_ms)
        self._learning.account.records += len(batch)
        self._learning.take(updates, self._marks(ended))

    async def _wait_for(self, number: int, record: InputRecord) -> list[Update]:
        """Return the updates of a record that cannot be routed at once."""
        routed = await self._route(number, record)
        if routed.event_ms is not None:
            self._event_ms[number] = max(self._event_ms[number], routed.event_ms)
        updates: list[Update] = []
        for part in routed.parts:
            if isinstance(part, RefusedRecord):
                self._learning.account.refuse(record, part)
            elif isinstance(part, RefusedPart):
                self._learning.account.refuse(record, part.refused)
            else:
                updates.append(part)
        return updates

    def _marks(self, ended: frozenset[int]) -> list[ProgressMark]:
        """Return how far the partitions have come whose progress was not told yet."""
        marks = []
        for number, place in enumerate(self._inputs):
            reached_ms = self._event_ms[number]
            state = (None if reached_ms == _NO_EVENT else reached_ms, number in ended)
            if state != self._told[number]:
                self._told[number] = state
                marks.append(ProgressMark(place, self._partitions[place.topic], *state, self._sent_ms))
        return marks

    async def _route(self, number: int, record: InputRecord) -> Routed:
        """Return what a record leads to, waiting for the registry for a while."""
        waited_s = 0.0
        while True:
            try:
                return await route(self._sources[number], record, self._windows)
            except RegistryUnavailable as error:
                if waited_s >= self._registry_patience_s:
                    raise RegistryUnreachable(
                        f"{error}: start the Schema Registry, or set SCHEMA_REGISTRY_URL to where it is"
                    ) from error
            self._check()
            await self._pause(PAUSE_S)
            waited_s += PAUSE_S


async def learn_from_inputs(
    fetch: Fetch, routing: InputRouting, stretches: Sequence[Stretch], show: Show, check: Callable[[], None]
) -> None:
    """Read, route and learn all there is.

    Parameters
    ----------
    fetch : Fetch
        Reads the stretches.
    routing : InputRouting
        Routes what was read.
    stretches : sequence of Stretch
        What is read.
    show : callable
        Is told how many offsets have been read.
    check : callable
        Called after each batch; may raise to end it. The engines are between two records then.

    Raises
    ------
    BrokerUnreachable, TopicError, RegistryUnreachable
        If something cannot be read.
    """
    done = [stretch.first for stretch in stretches]
    for batch, ended in merged(fetch, len(stretches)):
        await routing.take(batch, ended)
        for number, record in batch:
            done[number] = record.offset + 1
        for number in ended:
            done[number] = stretches[number].end
        show(sum(at - stretch.first for at, stretch in zip(done, stretches, strict=True)))
        check()
