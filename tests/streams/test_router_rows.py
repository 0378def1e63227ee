"""A router writes many window updates as one record of the log, and everything else as before."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import pytest

from pg_streaming_machine_learning.errors import RegistryUnavailable, TransactionError
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark, WindowUpdate
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.sources.labeled_data import LabeledDataSource
from pg_streaming_machine_learning.sources.source import Part, Source
from pg_streaming_machine_learning.state.progress import RouterProgress
from pg_streaming_machine_learning.streams.batch import Batch
from pg_streaming_machine_learning.streams.breath import SLICE_S
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.host_place import host_place
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router, RouterOutlet
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.feature import FeatureKey
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.log import decode
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key
from tests.sources.conftest import KEY_ID, LABELED_ID, LIMITS, ContractSchemas
from tests.sources.test_sources import RECORD, START_MS
from tests.streams.stand_ins import Clock, ListTransactions, Record, opened, positions_at

PLACE = ("labeled", 0)
INPUT = InputPartition(*PLACE)
PARTITIONS = 3
HOSTS = [f"host-{number}" for number in range(20)]
AGAIN_ID = 12
BODY = (RECORD.value or b"")[5:]


@dataclass
class Outages(ContractSchemas):
    """The contract's schemas, the labeled one under another id too, which is not to be had for some time."""

    outages: int = 0

    def __post_init__(self) -> None:
        super().__init__()
        self._schemas[AGAIN_ID] = self._schemas[LABELED_ID]

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        """Return a schema."""
        if schema_id == AGAIN_ID and self.outages > 0:
            self.outages -= 1
            raise RegistryUnavailable("refused")
        return await super().schema(schema_id, record_time_s)


@dataclass
class Waited:
    """A source that has to be waited for, over another."""

    source: Source
    name: str = "waited"

    def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Return the parts of the other."""
        return self.source.parts(record)


def record(offset: int, host: str, hop: int = 0, schema_id: int = LABELED_ID) -> Record:
    """Return a good record."""
    key = FeatureKey(host, TraceMetric.CPU, TraceMeasure.UTILIZATION, TraceUnit.PERCENT)
    inner = AvroEncoder(FeatureKey, KEY_ID).encode(key)
    windowed = encode_windowed_key(inner, START_MS + hop * 60_000)
    return Record(offset, frame(schema_id, BODY), windowed, RECORD.timestamp_ms)


def good(count: int, base: int = 0) -> list[Record]:
    """Return good records of all hosts, the newest window not that of the last."""
    return [record(base + number, HOSTS[number % 20], min(number, 7)) for number in range(count - 1)] + [
        record(base + count - 1, "host-0")
    ]


@dataclass
class Stage:
    """A router of labeled data with everything around it."""

    schemas: Outages = field(default_factory=Outages)
    is_waited: bool = False
    transactions: ListTransactions = field(default_factory=lambda: opened(ListTransactions()))
    clock: Callable[[], float] = field(default_factory=Clock)
    positions: Positions = field(default_factory=lambda: positions_at({PLACE: 0}))
    closed_after_pauses: int = 10**9
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.marks = MarkSchedule(idle_after_s=1000)
        self.marks.take(INPUT, None, 1000.0)
        source = LabeledDataSource(self.schemas, LIMITS)
        self.router = Router(
            PLACE,
            Waited(source) if self.is_waited else source,
            None,
            self.transactions,
            RouterOutlet(
                "log", PARTITIONS, DeadLetters("dead"), HoppingWindows(60_000, 60_000), "progress", 5
            ),
            self.positions,
            self.marks,
            CommitGate(),
            monotonic=self.clock,
            now=lambda: 1600.5,
            pause=self._pause,
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) >= self.closed_after_pauses:
            self.router.close()
        await asyncio.sleep(0)

    async def taking(self, records: Sequence[Record], end: int | None = None) -> None:
        """Route a batch."""
        base = records[0].offset if records else self.positions.next(PLACE) or 0
        last = records[-1].offset + 1 if records else base
        await self.router.take(Batch(PLACE, base, end or last, records, self.positions.seeks))

    def take(self, records: Sequence[Record], end: int | None = None) -> None:
        """Route a batch."""
        asyncio.run(self.taking(records, end))

    def written(self, number: int = -1) -> list[WindowUpdates]:
        """Return the records of window updates of a transaction."""
        found = [decode(each.value or b"") for each in self.log_records(number)]
        return [each for each in found if isinstance(each, WindowUpdates)]

    def log_records(self, number: int = -1) -> list[Outgoing]:
        """Return what a transaction wrote to the log."""
        return [each for each in self.transactions.committed[number] if each.topic == "log"]

    def progress(self) -> list[RouterProgress]:
        """Return the progress that was committed."""
        return [
            RouterProgress.from_bytes(each.value or b"") for each in self.transactions.records("progress")
        ]


def offsets_by_partition(records: Sequence[Record], hosts: Sequence[str]) -> dict[int, list[int]]:
    """Return where offsets belong, by the hosts of their records."""
    found: dict[int, list[int]] = {}
    for each, host in zip(records, hosts, strict=True):
        found.setdefault(host_place(host, PARTITIONS)[1], []).append(each.offset)
    return found


def found_offsets(stage: Stage, number: int = -1) -> dict[int, list[int]]:
    """Return the offsets of the updates of a transaction, where they are."""
    found: dict[int, list[int]] = {}
    for outgoing in stage.log_records(number):
        logged = decode(outgoing.value or b"")
        assert isinstance(logged, WindowUpdates)
        assert {host_place(update.host, PARTITIONS)[1] for update in logged} == {outgoing.partition}
        found.setdefault(outgoing.partition, []).extend(update.place.offset for update in logged)
    return found


def hosts_of(records: Sequence[Record]) -> list[str]:
    """Return the hosts of good records made by `good`."""
    return [HOSTS[number % 20] for number in range(len(records) - 1)] + ["host-0"]


def test_many_updates_are_one_record_of_each_partition_of_the_log() -> None:
    """Of the first batch as well, whose schemas have to be asked for; without a key, and hosts once."""
    stage = Stage()
    for base in (0, 300):
        batch = good(300, base)
        stage.take(batch)
        assert [each.partition for each in stage.log_records()] == [0, 1, 2]
        assert {each.key for each in stage.log_records()} == {None}
        assert found_offsets(stage) == offsets_by_partition(batch, hosts_of(batch))
        assert sorted(host for each in stage.written() for host in each.hosts) == sorted(HOSTS)
        assert {each.input for each in stage.written()} == {INPUT}
    assert len(stage.transactions.committed) == 2


def test_progress_is_that_of_the_newest_window_and_behind_the_last_record() -> None:
    """Not of the last record's window; older windows do not take it back; offsets without records count."""
    stage = Stage()
    stage.take(good(30))
    stage.take([record(30, "web", 2)], end=40)

    assert stage.progress() == [
        RouterProgress(30, START_MS + 7 * 60_000),
        RouterProgress(40, START_MS + 7 * 60_000),
    ]
    assert stage.positions.next(PLACE) == 40


@pytest.mark.parametrize("values", [[], [b"bad"], [b"bad", None]])
def test_a_batch_without_a_good_record_has_no_event_time(values: list[bytes | None]) -> None:
    """None is not zero; there is no record of the log without updates."""
    stage = Stage()
    stage.take([replace(record(number, "web"), value=value) for number, value in enumerate(values)], end=4)

    assert stage.log_records() == []
    assert stage.progress() == [RouterProgress(4, None)]
    assert len(stage.transactions.records("dead")) == len(values)


def test_what_is_refused_is_a_dead_letter_and_the_rest_goes_together() -> None:
    """In one transaction, which ends with the progress."""
    stage = Stage()
    batch = [
        record(number, "web") if number % 4 else replace(record(number, "web"), key=None)
        for number in range(9)
    ]
    stage.take(batch)

    *first, updates, progress = stage.transactions.committed[0]
    assert [each.topic for each in first] == ["dead"] * 3
    assert [dict(each.headers)["offset"] for each in first] == [b"0", b"4", b"8"]
    assert (updates.topic, progress.topic) == ("log", "progress")
    assert [update.place.offset for update in stage.written()[0]] == [1, 2, 3, 5, 6, 7]


def test_marks_go_along_and_are_told_as_where_each_record_is_waited_for() -> None:
    """Behind the updates of the same transaction, in every partition."""
    said: list[list[object]] = []
    for is_waited in (False, True):
        clock = Clock()
        stage = Stage(is_waited=is_waited, clock=clock)
        said.append([stage.marks.due(clock(), lambda _: False)])
        stage.marks.woken_told()
        for base in (0, 50, 100):
            clock.now_s += 1.5
            batch = [replace(each, offset=base + each.offset) for each in good(50)]
            stage.take([replace(each, key=_later(each.key, base // 5)) for each in batch])
            said[-1] += [_by_partition(stage.log_records())]
            said[-1] += [stage.marks.due(clock(), lambda _: False)]
            stage.marks.woken_told()
        said[-1] += stage.progress()
    marks = [each for partition in said[0] if isinstance(partition, dict) for each in partition[0]]
    assert sum(isinstance(each, ProgressMark) for each in marks) >= 1
    assert said[0] == said[1]


def _later(key: bytes | None, hops: int) -> bytes:
    """Return a key of a later window."""
    assert key is not None
    start_ms = int.from_bytes(key[-8:], "big") + hops * 60_000
    return key[:-8] + start_ms.to_bytes(8, "big")


def _by_partition(records: Sequence[Outgoing]) -> dict[int, list[object]]:
    """Return what partitions of the log were written, updates one by one."""
    found: dict[int, list[object]] = {}
    for each in records:
        logged = decode(each.value or b"")
        found.setdefault(each.partition, []).extend(logged if isinstance(logged, WindowUpdates) else [logged])
    assert all(isinstance(each, WindowUpdate | ProgressMark) for some in found.values() for each in some)
    return found


def mixed() -> list[Record]:
    """Return records of two schemas in turns, and bad ones."""
    found = [
        record(number, HOSTS[number % 20], number % 5, AGAIN_ID if number % 3 == 1 else LABELED_ID)
        for number in range(100)
    ]
    return [replace(each, value=b"bad") if each.offset % 11 == 5 else each for each in found]


@pytest.mark.parametrize("is_warm", [False, True])
def test_an_outage_of_the_registry_in_the_middle_keeps_the_order(is_warm: bool) -> None:
    """By offset within each partition of the log, what was waited for among what was known."""
    stage = Stage(schemas=Outages(outages=3))
    base = 0
    if is_warm:
        stage.take([record(0, "web")])
        base = 1
    batch = [replace(each, offset=base + each.offset) for each in mixed()]
    stage.take(batch)

    assert stage.pauses == [0.2, 0.4, 0.8]
    assert len(stage.transactions.committed) == base + 1
    right = [each for each in batch if each.value != b"bad"]
    assert found_offsets(stage) == offsets_by_partition(
        right, [HOSTS[(each.offset - base) % 20] for each in right]
    )
    assert len(stage.log_records()) == PARTITIONS
    assert len(stage.transactions.records("dead")) == len(batch) - len(right)
    assert stage.positions.next(PLACE) == base + 100


def test_a_partition_lost_during_an_outage_is_left_to_others() -> None:
    """Nothing of the batch is written, whatever of it was known."""
    stage = Stage(schemas=Outages(outages=100), closed_after_pauses=2)
    stage.take([record(0, "web")])
    stage.take([replace(each, offset=1 + each.offset) for each in mixed()])

    assert len(stage.pauses) == 2
    assert len(stage.transactions.committed) == 1
    assert stage.positions.next(PLACE) == 1


@pytest.mark.parametrize("turns", range(0, 60, 3))
def test_a_router_closed_at_any_turn_writes_all_of_a_batch_or_nothing(turns: int) -> None:
    """Others run now and then in the middle of it; by this clock a slice is over each second time."""
    stage = Stage(clock=itertools.count(1000.0, SLICE_S / 2).__next__)

    async def closing() -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        stage.router.close()

    async def run() -> None:
        await asyncio.gather(stage.taking(mixed()), closing())

    asyncio.run(run())
    offsets = sorted(chain(*found_offsets(stage).values())) if stage.transactions.committed else []
    assert offsets in ([], [number for number in range(100) if number % 11 != 5])
    if turns == 0:
        assert offsets == []


def test_a_transaction_that_fails_leaves_the_position() -> None:
    stage = Stage()
    stage.transactions.error = TransactionError("gone")
    with pytest.raises(TransactionError, match=r"^gone$"):
        stage.take(good(30))

    assert stage.positions.next(PLACE) == 0


def test_records_done_before_are_not_routed_again() -> None:
    """A batch fetched again after a rebalance: only the rest is in the log."""
    stage = Stage(positions=positions_at({PLACE: 12}))
    batch = good(30)
    stage.take(batch)

    assert found_offsets(stage) == offsets_by_partition(batch[12:], hosts_of(batch)[12:])
