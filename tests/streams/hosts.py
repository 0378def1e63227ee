"""A host of an engine with everything around it, for its tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.outputs.published import Publisher
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY, StateRecord, StoredState
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.recovery import Recovered
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.cause import LogPlace
from pg_streaming_machine_learning.streams.engine import EngineHost, EngineOutlet
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.snapshot_schedule import SnapshotSchedule, SnapshotSettings
from pg_streaming_machine_learning.streams.snapshots import SnapshotWriter
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.log import decode
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from tests.logs import CPU, TOPIC, config
from tests.outputs.published import topics
from tests.streams.stand_ins import (
    Clock,
    ListTransactions,
    batch_of,
    opened,
    positions_at,
)

__all__ = [
    "LATE",
    "NEVER",
    "PLACE",
    "SIGNER",
    "Stage",
    "causes_of",
    "fingerprint_at",
    "progress_of",
    "recovered",
]

PLACE = ("log", 3)
SIGNER = Signer(b"0123456789abcdef", accept_unsigned=False)
NEVER = 10**9


LATE: list[SingleRecord] = [
    WindowUpdate(SourcePlace(TOPIC, 0, 1), "web", CPU, 100_000, (1.0,) * 11, 0),
    ProgressMark(InputPartition(TOPIC, 0), 1, 100_000, False, 0),
    WindowUpdate(SourcePlace(TOPIC, 0, 2), "web", CPU, 5_000, (1.0,) * 11, 0),
    WindowUpdate(SourcePlace(TOPIC, 0, 3), "db", CPU, 0, (1.0,) * 11, 0),
]


def recovered(position: int = 0, emitted_to: int = 0, fingerprint: str | None = None) -> Recovered:
    """Return a fresh engine as it is recovered without any snapshot."""
    return Recovered(
        engine=Engine(config()),
        position=position,
        emitted_to=emitted_to,
        fingerprint=fingerprint,
        generation=1,
        learner=None,
        model_version="0.0.1/river 0.1/g1",
        snapshot_number=0,
        hole=0,
        notes=(),
    )


@dataclass
class Stage:
    """A host with everything around it."""

    recovered: Recovered = field(default_factory=recovered)
    positions: Positions | None = None
    transactions: ListTransactions = field(default_factory=lambda: opened(ListTransactions()))
    gate: CommitGate = field(default_factory=CommitGate)
    clock: Clock = field(default_factory=Clock)
    every_updates: int = NEVER
    publish: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.places = self.positions or positions_at({PLACE: self.recovered.position})
        schedule = SnapshotSchedule(SnapshotSettings(self.every_updates, NEVER), monotonic=self.clock)
        self.host = EngineHost(
            PLACE,
            self.recovered,
            EngineOutlet(
                self.transactions,
                PredictionOutput("predictions", AvroEncoder(BottleneckPrediction, 7)),
                "state",
                Publisher(topics(*self.publish)),
            ),
            SnapshotWriter(
                PLACE,
                "app",
                "state",
                SIGNER,
                2**28,
                self.recovered.snapshot_number,
                schedule,
                monotonic=self.clock,
            ),
            self.places,
            self.gate,
            monotonic=self.clock,
        )

    async def taking(self, values: Sequence[bytes | None], base: int = 0) -> None:
        """Hand over a batch."""
        await self.host.take(batch_of(self.places, PLACE, values, base))

    def take(self, values: Sequence[bytes | None], base: int = 0) -> None:
        """Hand over a batch."""
        asyncio.run(self.taking(values, base))

    def begin(self) -> None:
        """Begin after the partition was taken over."""
        asyncio.run(self.host.begin())

    def read_on(self, log: Sequence[bytes], size: int) -> None:
        """Hand over the log from the position on, in batches; a second passes before each."""
        for base in range(self.places.next(PLACE) or 0, len(log), size):
            self.clock.now_s += 1
            self.take(log[base : base + size], base)

    def values(self) -> list[bytes | None]:
        """Return the predictions that left."""
        return [record.value for record in self.transactions.records("predictions")]

    def progress(self) -> list[EngineProgress]:
        """Return the progress of each transaction; it is its last record, and there is one."""
        return [progress_of(records) for records in self.transactions.committed]

    def stored(self) -> StoredState:
        """Return what the state topic holds."""
        records = self.transactions.records("state")
        assert {record.partition for record in records} == {PLACE[1]}
        return StoredState.from_records(StateRecord(record.key or b"", record.value) for record in records)


def progress_of(records: Sequence[Outgoing]) -> EngineProgress:
    """Return the progress that a transaction ends with."""
    assert [record.key for record in records if record.topic == "state"].count(PROGRESS_KEY) == 1
    last = records[-1]
    assert (last.topic, last.partition, last.key) == ("state", PLACE[1], PROGRESS_KEY)
    return EngineProgress.from_bytes(last.value or b"")


def causes_of(records: Sequence[Outgoing]) -> list[LogPlace]:
    """Return the causes of predictions, as readers of the topic see them."""
    headers = [dict(record.headers) for record in records]
    return [LogPlace(int(named["log-offset"]), int(named["log-index"])) for named in headers]


def fingerprint_at(log: Sequence[bytes], end: int) -> str:
    """Return the fingerprint of an undisturbed engine behind some records."""
    engine = Engine(config())
    engine.process(decode(value) for value in log[:end])
    return engine.fingerprint()
