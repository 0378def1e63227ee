"""Records that need not be waited for go through the router as those that do."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import RegistryUnavailable
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.sources.labeled_data import LabeledDataSource
from pg_streaming_machine_learning.sources.source import Part, Source
from pg_streaming_machine_learning.streams.batch import Batch
from pg_streaming_machine_learning.streams.breath import SLICE_S
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.router import Router, RouterOutlet
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.log import decode
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key
from tests.sources.conftest import LIMITS, ContractSchemas
from tests.sources.test_sources import INNER, RECORD, START_MS
from tests.streams.stand_ins import ListTransactions, Record, opened, positions_at

PLACE = ("labeled", 0)


@dataclass
class Waited:
    """A source that has to be waited for, over another."""

    source: Source
    name: str = "waited"

    def parts(self, record: InputRecord) -> AsyncIterator[Part]:
        """Return the parts of the other."""
        return self.source.parts(record)


@dataclass
class Outages(ContractSchemas):
    """The contract's schemas, of which each question is answered the second time."""

    asked: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> object:
        """Return a schema."""
        if schema_id not in self.asked:
            self.asked.add(schema_id)
            raise RegistryUnavailable("refused")
        return await super().schema(schema_id, record_time_s)


def records() -> list[Record]:
    """Return good records of many windows, and bad ones of several kinds among them."""
    values = [RECORD.value, RECORD.value, b"bad", frame(99, b""), None, (RECORD.value or b"")[:-1]]
    return [
        Record(
            number,
            values[number % 7] if number % 7 < len(values) else RECORD.value,
            encode_windowed_key(INNER, START_MS + 60_000 * (number % 5)),
            RECORD.timestamp_ms,
            (("trace", None),) if number % 3 else (),
        )
        for number in range(100)
    ]


def routed(
    source: Source, clock: Callable[[], float] = lambda: 0.0, beside: Callable[[], object] = lambda: None
) -> list[list[Outgoing]]:
    """Return the transactions of a batch; `beside` is called whenever the event loop is free."""
    transactions = opened(ListTransactions())
    positions = positions_at({PLACE: 0})
    outlet = RouterOutlet("log", 3, DeadLetters("dead"), HoppingWindows(60_000, 60_000), "progress", 5)
    schedule = MarkSchedule(10.0)

    async def no_pause(_: float) -> None:
        await asyncio.sleep(0)

    router = Router(
        PLACE,
        source,
        None,
        transactions,
        outlet,
        positions,
        schedule,
        CommitGate(),
        monotonic=clock,
        pause=no_pause,
    )

    async def others() -> None:
        while True:
            beside()
            await asyncio.sleep(0)

    async def run() -> None:
        running = asyncio.create_task(others())
        await router.take(Batch(PLACE, 0, 100, records(), positions.seeks))
        running.cancel()

    asyncio.run(run())
    return transactions.committed


def test_what_is_taken_at_once_is_written_as_if_it_had_been_waited_for() -> None:
    """Updates, dead letters, order and event time; the first records wait for the registry."""
    at_once = routed(LabeledDataSource(Outages(), LIMITS))
    waited = routed(Waited(LabeledDataSource(Outages(), LIMITS)))

    assert [_by_topic(each) for each in at_once] == [_by_topic(each) for each in waited]
    counts = [
        sum(len(some) for name, some in _by_topic(at_once[0]).items() if topic in name)
        for topic in ("log", "dead")
    ]
    assert counts == [44, 56]


def _by_topic(transaction: list[Outgoing]) -> dict[str, list[object]]:
    """Return what is written by topic and partition, the log's updates one by one."""
    found: dict[str, list[object]] = {}
    for record in transaction:
        place = found.setdefault(f"{record.topic}[{record.partition}]", [])
        if record.topic != "log":
            place.append(record)
        elif isinstance(logged := decode(record.value or b""), WindowUpdates):
            place += logged
        else:
            place.append(logged)
    return found


def test_others_run_while_a_long_batch_is_taken() -> None:
    """At least once in a time slice, a quarter of which each of 56 records takes that are looked at alone.

    The clock is moved by asking.
    """
    clock = itertools.count(0.0, SLICE_S / 4).__next__
    turns = itertools.count()

    routed(LabeledDataSource(ContractSchemas(), LIMITS), clock, lambda: next(turns))

    assert next(turns) >= 14
