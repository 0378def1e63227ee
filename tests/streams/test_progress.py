"""The progress of inputs is told to the engines: what holds back first, each by its own router."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark
from pg_streaming_machine_learning.state.progress import RouterProgress, router_key
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.progress import ProgressTeller
from pg_streaming_machine_learning.wire.log import decode
from tests.streams.stand_ins import Cluster, run_on
from tests.streams.workers import INPUT, LOG, OTHER, MemoryWorker

ONE = InputPartition(*INPUT)
TWO = InputPartition(*OTHER)


@dataclass
class Stage:
    """A worker with two input partitions, and who tells their progress."""

    ended: set[TopicPlace] = field(default_factory=set)
    partitions: int = 2

    def __post_init__(self) -> None:
        cluster = Cluster()
        for place in (INPUT, OTHER):
            for number in range(1, 4):
                cluster.put(place, None, b"web %d" % (60_000 * number))
        self.worker = MemoryWorker(cluster)
        self.worker.take_over(INPUT, OTHER)
        self.teller = ProgressTeller(
            self.worker.assignment,
            self.worker.marks,
            lambda place: place in self.ended,
            lambda topic: self.partitions,
            monotonic=self.worker.clock,
        )

    def tell(self, after_s: float = 0.0) -> list[tuple[InputPartition, int | None, bool]]:
        """Tell what is due, and return what came into the log by it, in order."""
        self.worker.clock.now_s += after_s
        before = len(self.worker.cluster.records(*LOG))
        asyncio.run(self.teller.tell())
        return [(mark.input, mark.event_ms, mark.idle) for mark in self.marks()[before:]]

    def marks(self) -> list[ProgressMark]:
        """Return what is in the log; updates are left out by counting them as marks of nothing."""
        found = [decode(record.value or b"") for record in self.worker.cluster.records(*LOG)]
        return [
            each
            if isinstance(each, ProgressMark)
            else ProgressMark(InputPartition("update", 0), 0, None, False, 0)
            for each in found
        ]


def test_partitions_taken_over_are_told_to_be_active() -> None:
    """The engines wait for them from then on."""
    assert Stage().tell() == [(ONE, None, False), (TWO, None, False)]


def test_what_was_read_is_told() -> None:
    """Each partition's own event time; nothing twice."""
    stage = Stage()
    stage.tell()
    stage.worker.read(INPUT)
    stage.worker.read(OTHER, to=1)
    assert stage.tell(1) == [(ONE, 180_000, False), (TWO, 60_000, False)]
    assert stage.tell(1) == []


def test_idle_is_what_was_read_to_its_end_and_is_silent() -> None:
    """The other one may be behind."""
    stage = Stage(ended={INPUT})
    stage.tell()
    assert stage.tell(10) == [(ONE, None, True), (TWO, None, False)]


def test_the_number_of_partitions_is_told_as_kafka_has_it() -> None:
    """The engines wait for all of them, also for those that nobody has told of yet."""
    stage = Stage(partitions=7)
    stage.tell()
    assert [mark.partitions for mark in stage.marks()] == [7, 7]


def test_a_topic_that_grows_is_known_to_routers_that_have_nothing_to_tell() -> None:
    """What goes along with their next records says so."""
    stage = Stage()
    stage.tell()
    stage.worker.read(INPUT, to=1)
    assert stage.tell(1) == [(ONE, 60_000, False)]
    stage.partitions = 7
    assert stage.tell(1) == []
    stage.worker.read(INPUT)
    mark = stage.marks()[-1]
    assert (mark.input, mark.event_ms, mark.partitions) == (ONE, 180_000, 7)


def test_partitions_that_wake_are_committed_before_the_others_begin() -> None:
    """Otherwise a window could be closed that the woken one has updates for, if theirs come first."""
    stage = Stage(ended={INPUT, OTHER})
    stage.tell()
    assert stage.tell(10) == [(ONE, None, True), (TWO, None, True)]
    stage.worker.read(OTHER, to=1)
    stage.ended = {INPUT}
    writers = stage.worker.cluster.writers
    slow = writers["app-router-input-1"]
    slow.holds_back = True
    stage.worker.clock.now_s += 10

    async def run() -> None:
        telling = asyncio.create_task(stage.teller.tell())
        await run_on()
        assert len(slow.held) == 1
        assert len(writers["app-router-input-0"].committed) == 2
        slow.commit_held()
        await telling

    asyncio.run(run())
    last = [(mark.input, mark.idle) for mark in stage.marks()[-2:]]
    assert last == [(TWO, False), (ONE, True)]


def test_partitions_lost_are_told_by_their_next_owner() -> None:
    """Nobody else may write for them."""
    stage = Stage()
    stage.worker.take_over(OTHER)
    assert stage.tell() == [(TWO, None, False)]


def test_a_partition_that_stands_still_holds_the_others_back() -> None:
    """Its records are missing; closing windows without them would be wrong. It is not told to be idle."""
    stage = Stage(ended={INPUT, OTHER})
    stage.worker.take_over(OTHER)
    stage.worker.cluster.begin[INPUT] = 100
    progress = RouterProgress(3, None).to_bytes()
    stage.worker.cluster.put(("progress", 0), router_key(*INPUT), progress)
    stage.worker.take_over(INPUT, OTHER)
    assert list(stage.worker.assignment.stopped()) == ["input[0]"]
    assert stage.tell() == [(TWO, None, False)]
    assert stage.tell(10) == [(TWO, None, True)]
