"""State topics in memory, with the state of trained engines, for the tests of the snapshot commands."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.operations.snapshot_judge import Judge
from pg_streaming_machine_learning.operations.state_writer import FencedError
from pg_streaming_machine_learning.operations.stored_state import PartitionState
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.state.generation import GenerationOrder
from pg_streaming_machine_learning.state.layout import GENERATION_KEY, PROGRESS_KEY, StateRecord
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.recovery import LogBounds
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.snapshot_schedule import SnapshotSchedule, SnapshotSettings
from pg_streaming_machine_learning.streams.snapshots import SnapshotWriter
from tests.logs import config, fleet, merged

__all__ = ["APPLICATION", "KEY", "MAX_BYTES", "NOW_MS", "StateStore", "judge", "log_records", "trained"]

APPLICATION = "the-application"
KEY = b"a key of sixteen or more"
MAX_BYTES = 10_000_000
NOW_MS = 1_700_000_000_000


@lru_cache
def log_records(count: int = 240) -> tuple[SingleRecord, ...]:
    """Return the first records of a log."""
    found = fleet(["a", "b"], 40, seed=5)
    return tuple(merged(found.partitions, random.Random(1))[:count])


def trained(count: int, generation: int = 1, of: EngineConfig | None = None) -> Engine:
    """Return an engine that has read so many records of the log."""
    engine = Engine(of or config(), generation)
    engine.process(log_records(count))
    return engine


def judge(key: bytes | None = KEY, *, accept_unsigned: bool = False, application: str = APPLICATION) -> Judge:
    """Return a judge of the engines that `trained` returns."""
    signer = Signer(key, accept_unsigned)
    return Judge(application, signer, MAX_BYTES, lambda generation: Engine(config(), generation))


@dataclass
class StateStore:
    """A state topic in memory, with writers that are fenced as Kafka's are.

    Parameters
    ----------
    partitions : int
        How many it has.
    log : LogBounds
        What each partition of the log has.
    """

    partitions: int = 1
    log: LogBounds = field(default_factory=lambda: LogBounds(0, 1000))
    records: list[list[StateRecord]] = field(default_factory=list)
    owners: dict[str, int] = field(default_factory=dict)
    transactions: list[tuple[str, Mapping[int, Sequence[StateRecord]]]] = field(default_factory=list)
    before_write: Callable[[str], None] = lambda name: None

    def __post_init__(self) -> None:
        self.records = [[] for _ in range(self.partitions)]

    def states(self) -> list[PartitionState]:
        """Return what the partitions hold."""
        empty = (PartitionState(partition, {}, self.log) for partition in range(self.partitions))
        return [self.read_on(state) for state in empty]

    def read_on(self, state: PartitionState) -> PartitionState:
        """Return what a partition holds by now."""
        records = self.records[state.partition]
        return state.after(records[state.end :], len(records))

    def put(self, partition: int, *records: StateRecord) -> None:
        """Add records to a partition."""
        self.records[partition] += records

    def put_progress(self, partition: int, engine: Engine, end: int) -> None:
        """Add what an engine writes with its outputs."""
        progress = EngineProgress(
            end, engine.fingerprint(), engine.generation, model_version(engine.generation)
        )
        self.put(partition, StateRecord(PROGRESS_KEY, progress.to_bytes()))

    def put_order(self, partition: int, number: int, model: str) -> None:
        """Add an order."""
        order = GenerationOrder(number, model, NOW_MS)
        self.put(partition, StateRecord(GENERATION_KEY, order.to_bytes()))

    def put_snapshot(
        self,
        partition: int,
        engine: Engine,
        position: int,
        number: int,
        *,
        key: bytes | None = KEY,
        application: str = APPLICATION,
    ) -> None:
        """Add a snapshot as a worker takes it."""
        schedule = SnapshotSchedule(SnapshotSettings(1, 1.0), monotonic=lambda: 0.0)
        writer = SnapshotWriter(
            ("log", partition),
            application,
            "state",
            Signer(key, accept_unsigned=False),
            MAX_BYTES,
            number,
            schedule,
            now=lambda: NOW_MS / 1000,
        )
        for record in asyncio.run(writer.records(engine, position)):
            assert record.key is not None
            self.put(partition, StateRecord(record.key, record.value))

    def at_work(self, of: EngineConfig | None = None, key: bytes = KEY) -> StateStore:
        """Add two snapshots and the progress of an engine to each partition; return itself."""
        for partition in range(self.partitions):
            for number, count in enumerate((100, 200)):
                self.put_snapshot(partition, trained(count, of=of), count, number, key=key)
            self.put_progress(partition, trained(240, of=of), 240)
        return self

    def open(self, transactional_id: str) -> StoreWriter:
        """Return a writer."""
        return StoreWriter(self, transactional_id)


@dataclass
class StoreWriter:
    """A writer of a `StateStore`."""

    store: StateStore
    name: str
    epoch: int = -1

    def fence(self) -> None:
        """Become the only writer under the name."""
        self.epoch = self.store.owners[self.name] = self.store.owners.get(self.name, 0) + 1

    def write(self, records: Mapping[int, Sequence[StateRecord]]) -> None:
        """Write, unless another has the name."""
        self.store.before_write(self.name)
        if self.store.owners.get(self.name) != self.epoch:
            raise FencedError(f"{self.name} has another writer")
        self.store.transactions.append((self.name, records))
        for partition, some in records.items():
            self.store.put(partition, *some)
