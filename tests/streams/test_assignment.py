"""After a rebalance: what is kept, what is given up, where what is new begins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import LogTrimmedError
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.records.update import InputPartition
from pg_streaming_machine_learning.streams.answered import LogPlace
from pg_streaming_machine_learning.streams.assignment import Assignment
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.engine import EngineHost
from pg_streaming_machine_learning.streams.marks import MarkSchedule, Progress
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.trimmed import TrimmedError
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from tests.logs import config
from tests.streams.stand_ins import Clock, ListedOffsets, ListOutlet

LOG = ("log", 0)
INPUT = ("input", 0)
OTHER = ("input", 1)


@dataclass
class Stage:
    """An assignment with everything around it."""

    offsets: ListedOffsets
    positions: Positions = field(default_factory=Positions)
    marks: MarkSchedule = field(default_factory=lambda: MarkSchedule(10))
    created: list[tuple[TopicPlace, LogPlace | None, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.assignment = Assignment(
            "log",
            1,
            self.positions,
            self.marks,
            self.offsets,
            lambda partition: LogPlace(40 + partition, 2),
            self._create_host,
            monotonic=Clock(),
        )

    def _create_host(self, place: TopicPlace, answered: LogPlace | None, replay_to: int) -> EngineHost:
        self.created.append((place, answered, replay_to))
        output = PredictionOutput("predictions", AvroEncoder(BottleneckPrediction, 7))
        return EngineHost(place, Engine(config()), answered, replay_to, output, ListOutlet(), self.positions)

    def take_over(self, places: Iterable[TopicPlace]) -> None:
        """Have a rebalance end with these partitions."""
        asyncio.run(self.assignment.take_over(places))


def test_the_log_begins_at_its_first_record() -> None:
    """With a fresh engine, knowing what was answered and where the replay ends."""
    stage = Stage(ListedOffsets({LOG: 0}, {LOG: 50}))
    stage.take_over([LOG])
    assert stage.created == [(LOG, LogPlace(40, 2), 50)]
    assert stage.positions.next(LOG) == 0


def test_a_log_without_its_beginning_cannot_be_used() -> None:
    """The state would be another one than before."""
    stage = Stage(ListedOffsets({LOG: 7}, {LOG: 50}))
    with pytest.raises(
        LogTrimmedError, match=r"^the log log\[0\] begins at offset 7, expected 0: "
    ) as caught:
        stage.take_over([LOG])
    assert caught.value.exit_code == 4


def test_partitions_of_the_log_beyond_the_setting_are_passed_over() -> None:
    """The embedded broker's topics always have four."""
    spare = ("log", 1)
    stage = Stage(ListedOffsets({spare: 3}, {spare: 9}))
    stage.take_over([spare])
    assert stage.assignment.host(spare) is None
    assert stage.positions.next(spare) == 9


def test_an_input_goes_on_where_it_was_left() -> None:
    """At the committed offset, and at the first there is without one. Zero is an offset."""
    third = ("input", 2)
    begin = {INPUT: 0, OTHER: 5, third: 0}
    stage = Stage(ListedOffsets(begin, {INPUT: 9, OTHER: 9, third: 9}, {INPUT: 0, third: 9}))
    stage.take_over([INPUT, OTHER, third])
    assert [stage.positions.next(place) for place in (INPUT, OTHER, third)] == [0, 5, 9]
    due = stage.marks.due(1000, lambda _: False)
    assert due == [Progress(InputPartition("input", number), None, False) for number in range(3)]


@pytest.mark.parametrize("committed", [4, 10])
def test_records_deleted_unread_are_not_skipped(committed: int) -> None:
    """Deleted by retention (4), or a topic made anew (10): somebody has to decide."""
    stage = Stage(ListedOffsets({INPUT: 5}, {INPUT: 9}, {INPUT: committed}))
    with pytest.raises(TrimmedError, match=rf"^offset input\[0\]@{committed} is out of range: ") as caught:
        stage.take_over([INPUT])
    assert caught.value.exit_code == 4


def test_partitions_kept_keep_engine_and_position() -> None:
    """Nothing is read twice because another worker came."""
    stage = Stage(ListedOffsets({LOG: 0, INPUT: 0, OTHER: 0}, {LOG: 50, INPUT: 9, OTHER: 9}))
    stage.take_over([LOG, INPUT, OTHER])
    host = stage.assignment.host(LOG)
    stage.positions.done(LOG, 20)
    stage.positions.done(INPUT, 4)
    stage.take_over([LOG, INPUT])
    assert stage.assignment.host(LOG) is host
    assert (stage.positions.next(LOG), stage.positions.next(INPUT), stage.positions.next(OTHER)) == (
        20,
        4,
        None,
    )


def test_a_partition_of_the_log_that_comes_back_gets_a_new_engine() -> None:
    """Another worker had it meanwhile; the old engine is closed and stays so."""
    stage = Stage(ListedOffsets({LOG: 0}, {LOG: 50}))
    stage.take_over([LOG])
    first = stage.assignment.host(LOG)
    stage.positions.done(LOG, 20)
    stage.take_over([])
    stage.take_over([LOG])
    assert first is not None
    assert first.is_closed
    assert stage.assignment.host(LOG) is not first
    assert stage.positions.next(LOG) == 0


def test_no_partitions_are_fine() -> None:
    """More workers than partitions: the others stand by."""
    stage = Stage(ListedOffsets({}, {}))
    stage.take_over([])
    assert stage.created == []
