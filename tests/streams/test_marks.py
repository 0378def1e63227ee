"""Progress is told when it changes, once a second at most, and again from time to time."""

from __future__ import annotations

from collections.abc import Callable

from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark
from pg_streaming_machine_learning.streams.marks import MarkSchedule, Progress
from pg_streaming_machine_learning.windows.watermark import WatermarkTracker

ONE = InputPartition("input", 0)
TWO = InputPartition("input", 1)


def ended(_: InputPartition) -> bool:
    """Every partition is read to its end."""
    return True


def behind(_: InputPartition) -> bool:
    """No partition is read to its end."""
    return False


def told(
    marks: MarkSchedule, now_s: float, is_read_to_end: Callable[[InputPartition], bool]
) -> list[Progress]:
    """Return what is told now, in the order in which it is."""
    first, then = marks.due(now_s, is_read_to_end)
    return [*first, *then]


def test_a_partition_taken_over_is_told_at_once() -> None:
    """Engines hold the watermark back for it from then on."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(TWO, None, now_s=0)
    marks.take(ONE, None, now_s=0)
    assert told(marks, 0, ended) == [Progress(ONE, None, False), Progress(TWO, None, False)]
    assert told(marks, 0, ended) == []


def test_a_partition_taken_over_goes_on_at_the_event_time_of_its_former_owner() -> None:
    """That it is active is told first, how far it has come only then; zero is a time.

    ::

        former owner read 500      this one: nothing   100 (a revision)   900
        told                       None      500       500                900
    """
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, 500, now_s=0)
    marks.take(TWO, 0, now_s=0)
    assert marks.due(0, ended) == ([Progress(ONE, None, False), Progress(TWO, None, False)], [])
    assert marks.due(1, ended) == ([], [Progress(ONE, 500, False), Progress(TWO, 0, False)])
    marks.read(ONE, 100, now_s=1)
    assert marks.due(2, ended) == ([], [])
    marks.read(ONE, 900, now_s=2)
    assert marks.due(2, ended) == ([], [Progress(ONE, 900, False)])


def test_a_partition_taken_over_in_silence_becomes_idle_by_itself() -> None:
    """Its former owner may have read all there will ever be."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, 500, now_s=0)
    told(marks, 0, ended)
    told(marks, 1, ended)
    assert told(marks, 10, ended) == [Progress(ONE, 500, True)]


def test_at_most_one_mark_a_second() -> None:
    """Changes in between are told together.

    ::

        seconds   0     0.2   0.5   1.0
        read            100   200
        told      None              200
    """
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    told(marks, 0, ended)
    marks.read(ONE, 100, now_s=0.2)
    assert told(marks, 0.3, ended) == []
    marks.read(ONE, 200, now_s=0.5)
    assert told(marks, 1.0, ended) == [Progress(ONE, 200, False)]


def test_event_time_is_the_greatest_read() -> None:
    """Revisions of older windows, and bad records (None), do not take it back. Zero is a time."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    told(marks, 0, ended)
    marks.read(ONE, 0, now_s=0)
    assert told(marks, 1, ended) == [Progress(ONE, 0, False)]
    marks.read(ONE, 300, now_s=0)
    marks.read(ONE, 100, now_s=0)
    marks.read(ONE, None, now_s=0)
    assert told(marks, 5, ended) == [Progress(ONE, 300, False)]


def test_idle_needs_both_silence_and_the_end() -> None:
    """A partition that is behind is not idle, however long its records are being handled."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    told(marks, 0, ended)
    marks.read(ONE, 100, now_s=1)
    assert told(marks, 1, behind) == [Progress(ONE, 100, False)]
    assert told(marks, 10.9, ended) == []
    assert told(marks, 11, behind) == [Progress(ONE, 100, False)]
    assert told(marks, 12, ended) == [Progress(ONE, 100, True)]
    marks.read(ONE, 200, now_s=13)
    assert told(marks, 13, ended) == [Progress(ONE, 100, False)]
    assert told(marks, 14, ended) == [Progress(ONE, 200, False)]


def test_bad_records_alone_do_not_keep_a_partition_active() -> None:
    """It would hold the watermark back for as long as somebody writes nonsense."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    told(marks, 0, ended)
    marks.read(ONE, None, now_s=9)
    assert told(marks, 10, ended) == [Progress(ONE, None, True)]


def test_unchanged_progress_is_told_again() -> None:
    """The log tells passing time by it."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    told(marks, 0, behind)
    marks.read(ONE, 100, now_s=0)
    told(marks, 1, behind)
    assert told(marks, 10.9, behind) == []
    assert told(marks, 11, behind) == [Progress(ONE, 100, False)]
    assert told(marks, 16, behind) == []


def test_partitions_lost_are_forgotten() -> None:
    """Someone else speaks for them."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    marks.take(TWO, None, now_s=0)
    marks.keep_only({TWO})
    marks.read(ONE, 100, now_s=0)
    assert told(marks, 0, ended) == [Progress(TWO, None, False)]


def test_partitions_that_wake_are_told_first() -> None:
    """Before the progress of another, which would close windows that the woken one has updates for."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    marks.take(TWO, None, now_s=0)
    told(marks, 0, ended)
    marks.read(TWO, 100, now_s=0)
    marks.read(ONE, 100, now_s=5)
    assert told(marks, 10, ended) == [Progress(ONE, 100, False), Progress(TWO, 100, True)]
    marks.read(ONE, 900, now_s=12)
    marks.read(TWO, 800, now_s=12)
    assert marks.due(12, ended) == ([Progress(TWO, 100, False)], [Progress(ONE, 900, False)])
    assert told(marks, 13, ended) == [Progress(TWO, 800, False)]


def test_partitions_with_a_backlog_hold_each_other_back_though_both_were_idle() -> None:
    """After a restart, or when two wake at once, nobody's progress closes the windows of the other.

    ::

        told before   ONE idle at 100   TWO idle at 100
        read          900               200
        watermark     stays at that of the end of the stream, and no update of TWO after it is late
    """
    marks = MarkSchedule(idle_after_s=10)
    tracker = WatermarkTracker(("input",), idle_after_ms=10_000, closing_delay_ms=50)
    for partition in (ONE, TWO):
        tracker.update(ProgressMark(partition, 2, 100, True, 0))
    assert tracker.watermark_ms == 150
    for partition, event_ms in ((ONE, 900), (TWO, 200)):
        marks.take(partition, None, now_s=0)
        marks.read(partition, event_ms, now_s=0)
    for now_s in (0, 1):
        for each in told(marks, now_s, behind):
            tracker.update(ProgressMark(each.input, 2, each.event_ms, each.idle, 100_000))
            assert tracker.watermark_ms is not None
            assert tracker.watermark_ms <= 200
    assert tracker.watermark_ms == 200


def followed() -> MarkSchedule:
    """Return a schedule with a partition that was told to be active, and where it had come to, at 1 s."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, 0, now_s=0)
    assert told(marks, 0, behind) == [Progress(ONE, None, False)]
    assert told(marks, 1, behind) == [Progress(ONE, 0, False)]
    return marks


def test_what_records_brought_event_time_to_is_told_along_with_them() -> None:
    """Nothing twice, and no revision of what is older.

    ::

        seconds   1     1.2   1.21  1.4   1.5   2.2
        read            200   300   200   None
        told      0     200   (300)             300
    """
    marks = followed()
    assert marks.along(ONE, 200, 1.2) == Progress(ONE, 200, False)
    marks.read(ONE, 200, now_s=1.2)
    assert told(marks, 1.2, behind) == []
    assert marks.along(ONE, 300, 1.21) is None  # too soon after the other
    marks.read(ONE, 300, now_s=1.21)
    assert marks.along(ONE, 200, 1.4) is None
    assert marks.along(ONE, None, 1.5) is None
    assert told(marks, 2.2, behind) == [Progress(ONE, 300, False)]
    assert marks.along(ONE, 300, 3) is None
    marks.read(ONE, 500, now_s=3)
    assert marks.along(ONE, 400, 3) == Progress(ONE, 500, False)
    assert marks.along(TWO, 300, 3) is None


def test_a_partition_that_wakes_leaves_others_a_second_to_wake() -> None:
    """Its progress closes no window before they had the time to say that they are active."""
    marks = followed()
    assert told(marks, 12, ended) == [Progress(ONE, 0, True)]
    assert marks.along(ONE, 900, 20) is None
    marks.read(ONE, 900, now_s=20)
    assert marks.due(20, ended) == ([Progress(ONE, 0, False)], [])
    assert marks.along(ONE, 950, 20.5) is None
    assert marks.due(20.5, ended) == ([], [])
    assert marks.due(21, ended) == ([], [Progress(ONE, 900, False)])
    assert marks.along(ONE, 990, 21.1) == Progress(ONE, 990, False)


def two_followed() -> MarkSchedule:
    """Return a schedule with two partitions: one active, told to have come to 100, and one idle, at 11 s."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    marks.take(TWO, None, now_s=0)
    told(marks, 0, ended)
    marks.read(TWO, 100, now_s=0)
    marks.read(ONE, 100, now_s=5)
    assert told(marks, 10, ended) == [Progress(ONE, 100, False), Progress(TWO, 100, True)]
    assert marks.along(ONE, 150, 10.5) == Progress(ONE, 150, False)
    return marks


def test_nothing_goes_along_while_another_partition_wakes() -> None:
    """From its first records on, before they are written, until all know that it is active.

    Otherwise the engines would close by ONE's progress what TWO, idle for all they know, brings next.
    """
    marks = two_followed()
    assert marks.along(TWO, 120, 11) is None  # its records are about to be written
    assert marks.along(ONE, 900, 11.1) is None
    marks.read(TWO, 120, now_s=11.2)
    marks.read(ONE, 900, now_s=11.2)
    assert marks.along(ONE, 950, 11.3) is None
    assert marks.due(12, ended) == ([Progress(TWO, 100, False)], [Progress(ONE, 900, False)])
    assert marks.along(ONE, 960, 12.5) is None  # that TWO is active is on its way
    marks.woken_told()
    assert marks.along(ONE, 960, 12.6) == Progress(ONE, 960, False)
    assert marks.along(TWO, 130, 12.6) is None  # others have a second to wake
    assert marks.due(13, ended) == ([], [Progress(TWO, 120, False)])
    assert marks.along(TWO, 130, 13.1) == Progress(TWO, 130, False)


def test_nothing_goes_along_before_a_partition_taken_over_is_told_to_be_active() -> None:
    """Its former owner may have told that it is idle."""
    marks = followed()
    marks.take(TWO, 50, now_s=2)
    assert marks.along(ONE, 900, 2.1) is None
    assert marks.due(2.2, behind) == ([Progress(TWO, None, False)], [])
    assert marks.along(ONE, 900, 2.3) is None
    marks.woken_told()
    assert marks.along(ONE, 900, 2.4) == Progress(ONE, 900, False)


def test_bad_records_wake_nobody() -> None:
    marks = two_followed()
    assert marks.along(TWO, None, 11) is None
    assert marks.along(ONE, 900, 11.1) == Progress(ONE, 900, False)


def test_a_partition_taken_over_says_that_it_is_active_before_anything_goes_along() -> None:
    """Zero is a time."""
    marks = MarkSchedule(idle_after_s=10)
    marks.take(ONE, None, now_s=0)
    assert marks.along(ONE, 0, 0) is None
    marks.read(ONE, 0, now_s=0)
    assert told(marks, 0, behind) == [Progress(ONE, None, False)]
    assert marks.along(ONE, 50, 5) is None
    assert told(marks, 5, behind) == [Progress(ONE, 0, False)]
    assert marks.along(ONE, 50, 6) == Progress(ONE, 50, False)
