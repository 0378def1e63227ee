"""Making engines and routers for partitions taken over: fence first, only then read what was left."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.errors import SnapshotError, StateError, TopicError
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.outputs.published import Publisher
from pg_streaming_machine_learning.sources import Source
from pg_streaming_machine_learning.state.layout import StateRecord, StoredState
from pg_streaming_machine_learning.state.partitioning import (
    check_partitioning,
    partitioning,
    partitioning_key,
)
from pg_streaming_machine_learning.state.progress import RouterProgress, router_key
from pg_streaming_machine_learning.state.recovery import LogBounds, RecoveryRules, recover
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.assignment import Offsets, RoutedPartition
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.engine import EngineHost, EngineOutlet
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router, RouterOutlet
from pg_streaming_machine_learning.streams.snapshot_schedule import SnapshotSchedule, SnapshotSettings
from pg_streaming_machine_learning.streams.snapshots import SnapshotWriter
from pg_streaming_machine_learning.streams.transactions import (
    FOR_ANYBODY,
    FOR_US,
    OpenTransactions,
    Outgoing,
    Transactions,
)
from pg_streaming_machine_learning.streams.trimmed import TrimmedError
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

__all__ = ["KafkaOwners", "Shared"]

logger = logging.getLogger(__name__)

LESS_FOR_S = 3.0
LESS_PAUSE_S = 0.25
"""How long, and how often, a broker is asked that says a partition ends before where it was read to."""

ReadState = Callable[[str, int], Sequence[StateRecord]]
"""Topic and partition → the last value of each key; it blocks."""


@dataclass(frozen=True)
class Shared:
    """What engines and routers have in common.

    Parameters
    ----------
    positions : Positions
        How far each partition is done.
    marks : MarkSchedule
        When to tell the progress of inputs.
    gate : CommitGate
        Whether commits may begin.
    """

    positions: Positions
    marks: MarkSchedule
    gate: CommitGate


class KafkaOwners:
    """Makes engines and routers.

    Parameters
    ----------
    settings : Settings
        Names, limits and what is allowed.
    config : EngineConfig
        What the engines' outputs depend on.
    sources : mapping of str to Source
        The source of each input topic.
    signer : Signer
        Signs snapshots.
    shared : Shared
        What they have in common.
    offsets : Offsets
        What Kafka knows of partitions.
    open_transactions : callable
        Makes the transactions of a name, with a codec.
    read_state : callable
        Reads a partition of the state topic or of the progress topic.
    monotonic : callable
        Passing time, seconds.

    Attributes
    ----------
    predictions : PredictionOutput or None
        Makes the records of predictions; known once the registry was asked.
    published : Publisher
        Makes the records of what else is told; nothing before the registry was asked.
    progress_partitions : int
        How many partitions the progress topic has; known once Kafka was asked.
    """

    def __init__(
        self,
        settings: Settings,
        config: EngineConfig,
        sources: Mapping[str, Source],
        signer: Signer,
        shared: Shared,
        offsets: Offsets,
        open_transactions: OpenTransactions,
        read_state: ReadState,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.predictions: PredictionOutput | None = None
        self.published = Publisher({})
        self.progress_partitions = 1
        self.dead_letters = DeadLetters(settings.dead_letters_topic)
        self._settings = settings
        self._config = config
        self._sources = sources
        self.signer = signer
        self._shared = shared
        self._offsets = offsets
        self._open_transactions = open_transactions
        self._read_state = read_state
        self._monotonic = monotonic

    async def engine(self, place: TopicPlace) -> tuple[EngineHost, int] | None:
        """Return the host of a partition of the log, its state recovered, and where to read on."""
        if self.predictions is None:
            raise RuntimeError("a partition was taken over before the schema of the predictions was known")
        settings = self._settings
        transactions = await self._opened(f"engine-{place[1]}", FOR_ANYBODY)
        if transactions is None:
            return None
        records = await self._read(settings.state_topic, place[1])
        stored = StoredState.from_records(records)
        begin = (await self._offsets.beginnings([place]))[place]
        reached = stored.progress.end if stored.progress is not None else 0
        end = (await self._ends({place: reached}))[place]
        rules = RecoveryRules(
            settings.application_id,
            place[1],
            self.signer,
            settings.snapshot_max_bytes,
            allow_cold_start=settings.allow_cold_start,
            allow_holes=settings.allow_holes,
        )
        create = partial(Engine, self._config)
        recovered = await asyncio.to_thread(recover, stored, create, LogBounds(begin, end), rules)
        self._shared.gate.come_on()
        if recovered.hole and not settings.allow_holes:
            raise TrimmedError.hole(place, recovered.position - recovered.hole, begin)
        for note in recovered.notes:
            logger.warning("%s[%d]: %s", *place, note)
        every = SnapshotSettings(settings.snapshot_every_updates, settings.snapshot_every_s)
        writer = SnapshotWriter(
            place,
            settings.application_id,
            settings.state_topic,
            self.signer,
            settings.snapshot_max_bytes,
            recovered.snapshot_number,
            SnapshotSchedule(every, monotonic=self._monotonic),
            monotonic=self._monotonic,
        )
        outlet = EngineOutlet(transactions, self.predictions, settings.state_topic, self.published)
        shared = self._shared
        host = EngineHost(
            place, recovered, outlet, writer, shared.positions, shared.gate, monotonic=self._monotonic
        )
        return host, recovered.position

    async def routers(self, places: Sequence[TopicPlace]) -> Mapping[TopicPlace, RoutedPartition]:
        """Return the routers of input partitions, or why one cannot go on."""
        tried = await asyncio.gather(*(self._opened(_router_id(each), FOR_US) for each in places))
        opened = {place: each for place, each in zip(places, tried, strict=True) if each is not None}
        places = list(opened)
        known = await self._progress({self._progress_partition(place) for place in places})
        await self._look_for({router_key(*place) for place in places} - known.keys())
        begins = await self._offsets.beginnings(places)
        progress = {
            place: _router_progress(place, known.get(router_key(*place)), begins[place]) for place in places
        }
        ends = await self._ends({place: each.offset for place, each in progress.items()})
        return {
            place: self._router(place, opened[place], progress[place], begins[place], ends[place])
            for place in places
        }

    async def _progress(self, partitions: Collection[int]) -> dict[bytes, bytes | None]:
        """Return the progress of routers, by key, that lies in some partitions of the progress topic.

        Raises
        ------
        TopicError
            If hosts were spread over another number of partitions of the log.
        """
        settings = self._settings
        reads = (self._read(settings.progress_topic, number) for number in partitions)
        records = [record for some in await asyncio.gather(*reads) for record in some]
        for record in records:
            if record.key == partitioning_key(settings.log_topic) and record.value is not None:
                check_partitioning(record.value, settings.log_topic, settings.log_partitions)
        return {record.key: record.value for record in records}

    async def _read(self, topic: str, partition: int) -> Sequence[StateRecord]:
        """Return the last values of a partition: a step of taking over, of which there may be many."""
        records = await asyncio.to_thread(self._read_state, topic, partition)
        self._shared.gate.come_on()
        return records

    async def _ends(self, reached: Mapping[TopicPlace, int]) -> Mapping[TopicPlace, int]:
        """Return where partitions end, given how far they were read.

        A broker that has just started may say less for a moment: it is asked again before that is believed.
        """
        end_s = time.monotonic() + LESS_FOR_S
        while True:
            ends = await self._offsets.ends(reached)
            if all(ends[place] >= offset for place, offset in reached.items()) or time.monotonic() > end_s:
                return ends
            await asyncio.sleep(LESS_PAUSE_S)

    async def _look_for(self, keys: Collection[bytes]) -> None:
        """See that progress not found where it should be is nowhere else."""
        if not keys or self.progress_partitions == 1:
            return
        elsewhere = await self._progress(range(self.progress_partitions))
        for key in sorted(keys & elsewhere.keys()):
            raise TopicError(
                f"the progress of {key.decode()!r} does not lie in its partition of "
                f"{self._settings.progress_topic!r}: it has another number of partitions than it had; "
                "make a new one with 16 partitions under another PROGRESS_TOPIC, and copy all records into it"
            )

    def _progress_partition(self, place: TopicPlace) -> int:
        """Return where the progress of an input partition lies: seldom with that of another.

        Reading a partition to its end waits for every transaction that is open there, and those of a router
        that just died are aborted only when somebody takes its place, or after 15 seconds.
        """
        return (place[1] + sum(place[0].encode())) % self.progress_partitions

    def _router(
        self,
        place: TopicPlace,
        transactions: Transactions,
        progress: RouterProgress,
        begin: int,
        end: int,
    ) -> RoutedPartition:
        """Return the router of an input partition, given its last progress and what Kafka has of it."""
        settings = self._settings
        position = progress.offset
        if position > end:
            return TrimmedError.replaced(place, position, end)
        if position < begin:
            hole = TrimmedError.hole(place, position, begin)
            if not settings.allow_holes:
                return hole
            logger.error("going on behind a hole, as ALLOW_HOLES says: %s", hole)
            position = begin
        outlet = RouterOutlet(
            settings.log_topic,
            settings.log_partitions,
            self.dead_letters,
            HoppingWindows(settings.window_size_s * 1000, settings.window_hop_s * 1000),
            settings.progress_topic,
            self._progress_partition(place),
            notes=(self._partitioning(place),),
        )
        shared = self._shared
        router = Router(
            place,
            self._sources[place[0]],
            progress.event_ms,
            transactions,
            outlet,
            shared.positions,
            shared.marks,
            shared.gate,
            monotonic=self._monotonic,
        )
        return router, position, progress.event_ms

    def _partitioning(self, place: TopicPlace) -> Outgoing:
        """Return the record of how many partitions hosts are spread over, beside a router's progress."""
        settings = self._settings
        key, value = partitioning_key(settings.log_topic), partitioning(settings.log_partitions)
        return Outgoing(settings.progress_topic, self._progress_partition(place), key, value)

    async def _opened(self, name: str, codec: str) -> Transactions | None:
        """Return opened transactions; None if partitions change hands again, so that others may have them."""
        gate = self._shared.gate
        if not gate.is_settled:
            return None
        shuts = gate.shuts
        transactions = self._open_transactions(f"{self._settings.application_id}-{name}", codec)
        with gate.fencing():
            await transactions.open()
        gate.come_on()
        if gate.shuts == shuts:
            return transactions
        transactions.close()
        return None


def _router_progress(place: TopicPlace, known: bytes | None, begin: int) -> RouterProgress:
    """Return the progress that was found, the first record's offset if there is none."""
    if known is None:
        return RouterProgress(begin, None)
    try:
        return RouterProgress.from_bytes(known)
    except SnapshotError as error:
        raise StateError(
            f"{place[0]}[{place[1]}]: {error}; start the release that wrote it. If {router_key(*place)!r} is "
            "deleted from PROGRESS_TOPIC, all there is of the input is routed once more"
        ) from error


def _router_id(place: TopicPlace) -> str:
    return f"router-{place[0]}-{place[1]}"
