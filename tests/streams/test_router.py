"""The router sends on everything or nothing is done: updates by host, dead letters, progress after both."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from pg_streaming_machine_learning.errors import Reason, RefusedRecord, RegistryUnavailable
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    Metric,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.sources import Source
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.marks import MarkSchedule
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router, log_partition
from pg_streaming_machine_learning.wire.log import decode
from tests.streams.stand_ins import Clock, ListOutlet, batch_of, positions_at, run_on

PLACE = ("input", 0)
STATISTICS = tuple(float(number) for number in range(11))
KAFKAS_MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
"""From Apache Kafka's own test, UtilsTest.testMurmur2."""


@dataclass
class LineSource:
    """A source of lines ``host start``; ``bad`` is refused, and an outage can be made."""

    name: str = "lines"
    outages: int = 0
    asked: list[int] = field(default_factory=list)

    async def updates(self, record: InputRecord) -> list[WindowUpdate]:
        """Return an update for each line."""
        self.asked.append(record.offset)
        if self.outages > 0:
            self.outages -= 1
            raise RegistryUnavailable("refused")
        text = (record.value or b"").decode()
        if text == "bad":
            raise RefusedRecord(Reason.BAD_FRAMING, "found 'bad'")
        return [
            WindowUpdate(
                SourcePlace(record.topic, record.partition, record.offset, index),
                line.split()[0],
                Metric("CPU", "UTILIZATION", "PERCENT"),
                int(line.split()[1]),
                STATISTICS,
                None,
            )
            for index, line in enumerate(text.splitlines())
        ]


@dataclass
class Stage:
    """A router with everything around it."""

    positions: Positions = field(default_factory=lambda: positions_at({PLACE: 0}))
    source: LineSource = field(default_factory=LineSource)
    outlet: ListOutlet = field(default_factory=ListOutlet)
    clock: Clock = field(default_factory=Clock)
    log_partitions: int = 1
    pauses: list[float] = field(default_factory=list)
    lost_after_pauses: int = 10**9

    def __post_init__(self) -> None:
        self.marks = MarkSchedule(idle_after_s=10)
        self.marks.take(InputPartition(*PLACE), self.clock())
        sources: Mapping[str, Source] = {"input": self.source}
        self.router = Router(
            sources,
            "log",
            self.log_partitions,
            self.outlet,
            DeadLetters("dead", self.outlet),
            self.positions,
            self.marks,
            monotonic=self.clock,
            now=lambda: 1600.5,
            pause=self._pause,
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) >= self.lost_after_pauses:
            self.positions.keep_only([])

    def route(self, *values: bytes | None, base: int = 0) -> None:
        """Route a batch of values."""
        asyncio.run(self.router.route(batch_of(self.positions, PLACE, values, base)))

    def tell(self, *, is_ended: bool = False) -> list[tuple[int | None, ProgressMark]]:
        """Tell progress, and return the marks sent with the partition each went to."""
        before = len(self.outlet.sent)
        asyncio.run(self.router.tell_progress(lambda _: is_ended, lambda _: 3))
        sent = [(sent.partition, decode(sent.output.value or b"")) for sent in self.outlet.sent[before:]]
        return [(partition, mark) for partition, mark in sent if isinstance(mark, ProgressMark)]


@pytest.mark.parametrize(("host", "hash_"), KAFKAS_MURMUR2.items())
def test_hosts_go_where_kafkas_own_clients_send_them(host: str, hash_: int) -> None:
    """Key and partition of the log agree, so that any Kafka tool finds a host's records."""
    for partitions in (1, 3, 12):
        assert log_partition(host, partitions) == (hash_ & 0x7FFFFFFF) % partitions


def test_updates_leave_by_host_and_keep_their_place() -> None:
    """Key is the host, value the update, the partition the host's."""
    stage = Stage(log_partitions=12)
    stage.route(b"abc 60000\nfoobar 0", b"abc 120000")
    assert [(sent.output.topic, sent.output.key, sent.partition) for sent in stage.outlet.sent] == [
        ("log", b"abc", 3),
        ("log", b"foobar", 6),
        ("log", b"abc", 3),
    ]
    updates = [decode(sent.output.value or b"") for sent in stage.outlet.sent]
    assert [update.place for update in updates if isinstance(update, WindowUpdate)] == [
        SourcePlace("input", 0, 0, 0),
        SourcePlace("input", 0, 0, 1),
        SourcePlace("input", 0, 1, 0),
    ]


def test_a_refused_record_is_a_dead_letter_among_good_ones() -> None:
    """The router goes on."""
    stage = Stage()
    stage.route(b"a 0", b"bad", b"b 0")
    assert [sent.output.topic for sent in stage.outlet.sent] == ["log", "dead", "log"]
    assert stage.outlet.sent[1].output.value == b"bad"
    assert dict(stage.outlet.sent[1].headers)["offset"] == b"1"
    assert stage.positions.next(PLACE) == 3


def test_nothing_is_done_before_kafka_has_stored_it() -> None:
    """The position moves, and progress may be told, after the last acknowledgement."""
    stage = Stage(outlet=ListOutlet(holds_back=True))

    async def run() -> None:
        routing = asyncio.create_task(
            stage.router.route(batch_of(stage.positions, PLACE, [b"a 60000", b"bad"]))
        )
        await run_on()
        assert len(stage.outlet.waiting) == 2
        assert stage.positions.next(PLACE) == 0
        stage.outlet.store()
        await routing

    asyncio.run(run())
    assert stage.positions.next(PLACE) == 2


def test_what_kafka_does_not_store_is_an_error() -> None:
    """It is raised, and the position stays."""
    stage = Stage(outlet=ListOutlet(holds_back=True))

    async def run() -> None:
        routing = asyncio.create_task(stage.router.route(batch_of(stage.positions, PLACE, [b"a 60000"])))
        await run_on()
        stage.outlet.fail(OSError("gone"))
        await routing

    with pytest.raises(OSError, match="gone"):
        asyncio.run(run())
    assert stage.positions.next(PLACE) == 0


def test_an_outage_of_the_registry_is_waited_for() -> None:
    """With growing pauses; nothing is lost, nothing is sent twice, nothing is a dead letter."""
    stage = Stage(source=LineSource(outages=8))
    stage.route(b"a 0", b"b 0")
    assert stage.pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert stage.source.asked == [0] * 9 + [1]
    assert [sent.output.key for sent in stage.outlet.sent] == [b"a", b"b"]
    assert stage.positions.next(PLACE) == 2


def test_a_partition_lost_while_waiting_is_left_to_others() -> None:
    """The wait would otherwise keep the worker from its other partitions."""
    stage = Stage(source=LineSource(outages=100), lost_after_pauses=3)
    stage.route(b"a 0")
    assert len(stage.pauses) == 3
    assert stage.outlet.sent == []


def test_records_done_before_are_not_routed_again() -> None:
    """A batch fetched again after a rebalance."""
    stage = Stage(positions=positions_at({PLACE: 1}))
    stage.route(b"a 0", b"b 0")
    assert [sent.output.key for sent in stage.outlet.sent] == [b"b"]


def test_progress_goes_to_every_partition_of_the_log() -> None:
    """Without a key, with the number of partitions of the topic, and the time by our clock."""
    stage = Stage(log_partitions=2)
    first = ProgressMark(InputPartition("input", 0), 3, None, False, 1_600_500)
    assert stage.tell() == [(0, first), (1, first)]
    assert all(sent.output.key is None for sent in stage.outlet.sent)


def test_progress_is_that_of_good_records_only() -> None:
    """A dead letter has no event time; a batch of nothing else leaves it as it was."""
    stage = Stage()
    stage.tell()
    stage.route(b"a 120000\nb 60000", b"bad")
    stage.clock.now_s += 1
    assert [mark.event_ms for _, mark in stage.tell()] == [120_000]
    stage.route(b"bad", base=2)
    stage.clock.now_s += 1
    assert stage.tell() == []


def test_idle_is_told_when_the_partition_is_read_to_its_end() -> None:
    """And not before it was silent for long."""
    stage = Stage()
    stage.tell()
    stage.route(b"a 60000")
    stage.clock.now_s += 9
    assert [mark.idle for _, mark in stage.tell(is_ended=True)] == [False]
    stage.clock.now_s += 1
    assert [mark.idle for _, mark in stage.tell(is_ended=True)] == [True]


def test_positions_are_told_to_kafka_after_the_progress_up_to_them() -> None:
    """Otherwise who takes the partition over finds nothing to read, and has no progress to tell."""
    stage = Stage()
    stage.positions.hold({PLACE: 0})
    stage.tell()
    stage.route(b"a 60000")
    assert stage.positions.untold() == {PLACE: 0}
    stage.tell()
    assert stage.positions.untold() == {PLACE: 0}
    stage.clock.now_s += 1
    stage.tell()
    assert stage.positions.untold() == {PLACE: 1}
