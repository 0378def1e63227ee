"""Progress is told when it changes, once a second at most, and again from time to time."""

from __future__ import annotations

from pg_streaming_machine_learning.records.update import InputPartition
from pg_streaming_machine_learning.streams.marks import MarkSchedule, Progress

ONE = InputPartition("input", 0)
TWO = InputPartition("input", 1)


def ended(_: InputPartition) -> bool:
    """Every partition is read to its end."""
    return True


def behind(_: InputPartition) -> bool:
    """No partition is read to its end."""
    return False


def test_a_partition_taken_over_is_told_at_once() -> None:
    """Engines hold the watermark back for it from then on."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(TWO, now_s=0)
    marks.take(ONE, now_s=0)
    assert marks.due(0, ended) == [Progress(ONE, None, False), Progress(TWO, None, False)]
    assert marks.due(0, ended) == []


def test_at_most_one_mark_a_second() -> None:
    """Changes in between are told together.

    ::

        seconds   0     0.2   0.5   1.0
        read            100   200
        told      None              200
    """
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, now_s=0)
    marks.due(0, ended)
    marks.read(ONE, 100, now_s=0.2)
    assert marks.due(0.3, ended) == []
    marks.read(ONE, 200, now_s=0.5)
    assert marks.due(1.0, ended) == [Progress(ONE, 200, False)]


def test_event_time_is_the_greatest_read() -> None:
    """Revisions of older windows, and bad records (None), do not take it back. Zero is a time."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, now_s=0)
    marks.read(ONE, 0, now_s=0)
    assert marks.due(0, ended) == [Progress(ONE, 0, False)]
    marks.read(ONE, 300, now_s=0)
    marks.read(ONE, 100, now_s=0)
    marks.read(ONE, None, now_s=0)
    assert marks.due(5, ended) == [Progress(ONE, 300, False)]


def test_idle_needs_both_silence_and_the_end() -> None:
    """A partition that is behind is not idle, however long its records are being handled."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, now_s=0)
    marks.read(ONE, 100, now_s=1)
    assert marks.due(1, behind) == [Progress(ONE, 100, False)]
    assert marks.due(10.9, ended) == []
    assert marks.due(11, behind) == [Progress(ONE, 100, False)]
    assert marks.due(12, ended) == [Progress(ONE, 100, True)]
    marks.read(ONE, 200, now_s=13)
    assert marks.due(13, ended) == [Progress(ONE, 200, False)]


def test_unchanged_progress_is_told_again() -> None:
    """The log tells passing time by it."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, now_s=0)
    marks.read(ONE, 100, now_s=0)
    marks.due(0, behind)
    assert marks.due(9.9, behind) == []
    assert marks.due(10, behind) == [Progress(ONE, 100, False)]
    assert marks.due(15, behind) == []


def test_partitions_lost_are_forgotten() -> None:
    """Someone else speaks for them."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, now_s=0)
    marks.take(TWO, now_s=0)
    marks.keep_only({TWO})
    marks.read(ONE, 100, now_s=0)
    assert marks.due(0, ended) == [Progress(TWO, None, False)]


def test_partitions_that_wake_are_told_first() -> None:
    """Before the progress of another, which would close windows that the woken one has updates for."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, now_s=0)
    marks.take(TWO, now_s=0)
    marks.read(TWO, 100, now_s=0)
    marks.read(ONE, 100, now_s=5)
    assert marks.due(10, ended) == [Progress(ONE, 100, False), Progress(TWO, 100, True)]
    marks.read(ONE, 900, now_s=12)
    marks.read(TWO, 800, now_s=12)
    assert marks.due(12, ended) == [Progress(TWO, 800, False), Progress(ONE, 900, False)]


def test_what_was_told_covers_what_was_read() -> None:
    """Until something newer is read that was not told yet."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, now_s=0)
    assert marks.told() == []
    marks.due(0, ended)
    assert marks.told() == [ONE]
    marks.read(ONE, 100, now_s=0.5)
    assert marks.told() == []
    marks.due(0.5, ended)
    assert marks.told() == []
    marks.due(1, ended)
    assert marks.told() == [ONE]
    marks.read(ONE, 50, now_s=1.5)
    assert marks.told() == [ONE]
