"""A worker on topics in memory: assignment, owners, engines and routers are the real ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import EngineConfig
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.engine import EngineHost
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.owners import KafkaOwners, Shared
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from tests.logs import config
from tests.streams.stand_ins import Clock, Cluster, LineSource, Record

__all__ = ["INPUT", "LOG", "OTHER", "SETTINGS", "SIGNER", "MemoryWorker"]

LOG = ("log", 0)
INPUT = ("input", 0)
OTHER = ("input", 1)
SETTINGS = Settings(
    application_id="app",
    input_topic="input",
    log_topic="log",
    predictions_topic="predictions",
    dead_letters_topic="dead",
    state_topic="state",
    progress_topic="progress",
    snapshot_every_updates=10**9,
    snapshot_every_s=10**6,
)
SIGNER = Signer(b"0123456789abcdef", accept_unsigned=False)


@dataclass
class MemoryWorker:
    """A worker; several of them may share a cluster."""

    cluster: Cluster = field(default_factory=Cluster)
    settings: Settings = SETTINGS
    config: EngineConfig = field(default_factory=config)
    signer: Signer = SIGNER
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.positions = Positions()
        self.marks = MarkSchedule(idle_after_s=10)
        self.gate = CommitGate()
        self.source = LineSource()
        self.owners = KafkaOwners(
            self.settings,
            self.config,
            {"input": self.source},
            self.signer,
            Shared(self.positions, self.marks, self.gate),
            self.cluster,
            self.cluster.transactions,
            self.cluster.read_state,
            monotonic=self.clock,
        )
        encoder = AvroEncoder(BottleneckPrediction, 7)
        self.owners.predictions = PredictionOutput(self.settings.predictions_topic, encoder)
        self.assignment = Assignment(
            self.settings.log_topic,
            self.settings.log_partitions,
            self.positions,
            self.marks,
            self.gate,
            self.cluster,
            self.owners,
            monotonic=self.clock,
        )

    async def taking_over(self, places: Iterable[TopicPlace]) -> None:
        """Go through a rebalance that ends with these partitions."""
        kept = list(places)
        new_logs = [each for each in kept if each[0] == LOG[0] and each not in self.positions]
        await self.assignment.release()
        self.gate.settle()
        await self.assignment.take_over(kept)
        self.positions.seek(kept)
        for place in [each for each in new_logs if self.assignment.host(each) is not None]:
            begun = asyncio.Event()
            self.assignment.lanes.run(place, "going on", partial(_set, begun))
            await begun.wait()

    def take_over(self, *places: TopicPlace) -> None:
        """Go through a rebalance that ends with these partitions."""
        asyncio.run(self.taking_over(places))

    async def reading(self, place: TopicPlace, size: int = 10**6, to: int | None = None) -> None:
        """Fetch what a partition has and work on it, in batches; a second passes before each."""
        begin = self.cluster.begin.get(place, 0)
        end = begin + len(self.cluster.records(*place))
        while (position := self.positions.next(place)) is not None and position < min(end, to or end):
            last = min(position + size, end, to or end)
            records = [
                Record(offset, record.value, record.key)
                for offset, record in enumerate(self.cluster.records(*place), begin)
                if position <= offset < last
            ]
            self.clock.now_s += 1
            await self.assignment.take(Batch(place, position, last, records, self.positions.seeks))
            assert self.positions.next(place) == last, f"{place} stands still at {position}"

    def read(self, place: TopicPlace, size: int = 10**6, to: int | None = None) -> None:
        """Fetch what a partition has and work on it, in batches; a second passes before each."""
        asyncio.run(self.reading(place, size, to))

    def host(self, place: TopicPlace = LOG) -> EngineHost:
        """Return the host of a partition of the log that is ours."""
        host = self.assignment.host(place)
        assert host is not None
        return host

    def router(self, place: TopicPlace = INPUT) -> Router:
        """Return the router of an input partition that is ours."""
        router = self.assignment.router(place)
        assert router is not None
        return router

    def predictions(self) -> list[bytes | None]:
        """Return the predictions of partition 0 that are visible."""
        return [record.value for record in self.cluster.records(self.settings.predictions_topic)]


async def _set(event: asyncio.Event) -> None:
    """Set an event."""
    event.set()
