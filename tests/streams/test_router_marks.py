"""Progress that goes along with the records that brought it, in their transaction."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.records.update import ProgressMark, WindowUpdate
from pg_streaming_machine_learning.streams.marks import Progress
from pg_streaming_machine_learning.wire.log import decode
from tests.streams.test_router import INPUT, Stage


def awake(log_partitions: int = 1) -> Stage:
    """Return a router whose partition was told to be active, and where it had come to, a second ago."""
    stage = Stage(log_partitions=log_partitions, event_ms=0)
    for reached_ms in (None, 0):
        assert stage.told_event_ms() == [reached_ms]
        stage.tell(Progress(INPUT, reached_ms, False), partitions=3)
        stage.clock.now_s += 1
    return stage


def last(stage: Stage) -> list[object]:
    """Return the records of the log that the last transaction has."""
    return [
        decode(record.value or b"") for record in stage.transactions.committed[-1] if record.topic == "log"
    ]


def test_event_time_is_told_behind_the_records_that_brought_it() -> None:
    """In their transaction, to every partition of the log, and it is not due any more."""
    stage = awake(log_partitions=2)
    stage.route(b"abc 60000", b"abc 120000\nabc 60000")
    *updates, one, other = last(stage)
    assert [isinstance(each, WindowUpdate) for each in updates] == [True] * 3
    assert one == other == ProgressMark(INPUT, 3, 120_000, False, 1_600_500)
    marks = [record for record in stage.transactions.committed[-1] if record.topic == "log"][-2:]
    assert [(record.partition, record.key) for record in marks] == [(0, None), (1, None)]
    assert stage.told_event_ms() == []


def test_a_topic_that_grows_is_told_with_the_next_records() -> None:
    """Engines wait for partitions that nobody has told of yet."""
    stage = awake()
    stage.router.know_partitions(6)
    stage.route(b"abc 120000")
    mark = last(stage)[-1]
    assert isinstance(mark, ProgressMark)
    assert mark.partitions == 6


@pytest.mark.parametrize("again", [b"abc 60000", b"abc 120000", b"bad"])
def test_records_that_bring_nothing_new_go_alone(again: bytes) -> None:
    """Revisions of older windows, and bad records."""
    stage = awake()
    stage.route(b"abc 120000")
    stage.clock.now_s += 1
    stage.route(again, base=1)
    assert not any(isinstance(each, ProgressMark) for each in last(stage))


def test_nothing_goes_along_before_it_was_told_where_the_partition_had_come_to() -> None:
    """It holds the watermark back first, and others have a second to do so too."""
    stage = Stage()
    stage.route(b"abc 60000")
    for base, reached_ms in ((1, None), (2, 120_000)):
        assert stage.told_event_ms() == [reached_ms]
        stage.tell(Progress(INPUT, reached_ms, False))
        stage.clock.now_s += 1
        stage.route(b"abc %d" % (60_000 * (base + 1)), base=base)
        assert isinstance(last(stage)[-1], ProgressMark) == (base == 2)


def test_what_comes_too_soon_after_is_told_in_its_time() -> None:
    """Not lost: once a second what is left is due."""
    stage = awake()
    stage.route(b"abc 60000")
    stage.route(b"abc 120000", base=1)
    assert not any(isinstance(each, ProgressMark) for each in last(stage))
    stage.clock.now_s += 1
    assert stage.told_event_ms() == [120_000]
