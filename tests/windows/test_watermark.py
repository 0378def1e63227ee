"""How the progress of the input partitions becomes one watermark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.update import InputPartition, ProgressMark
from pg_streaming_machine_learning.windows.watermark import WatermarkTracker

IDLE_AFTER_MS = 1000
CLOSING_DELAY_MS = 12


def tracker(*inputs: str) -> WatermarkTracker:
    return WatermarkTracker(inputs or ("metrics",), IDLE_AFTER_MS, CLOSING_DELAY_MS)


def mark(
    partition: int,
    event_ms: int | None,
    *,
    sent_ms: int = 0,
    idle: bool = False,
    partitions: int = 2,
    topic: str = "metrics",
) -> ProgressMark:
    return ProgressMark(InputPartition(topic, partition), partitions, event_ms, idle, sent_ms)


def watermarks(watermark: WatermarkTracker, *marks: ProgressMark) -> list[int | None]:
    """Return the watermark after each mark."""
    seen = []
    for each in marks:
        watermark.update(each)
        seen.append(watermark.watermark_ms)
    return seen


def test_the_watermark_is_the_least_of_the_active_partitions() -> None:
    """A partition that lags holds it back.

    ::

        partition 0   ──────●100────────────●200
        partition 1   ─────────────●50─────────────●150
        watermark     none         50      50      150
    """
    marks = (mark(0, 100), mark(1, 50), mark(0, 200), mark(1, 150))
    assert watermarks(tracker(), *marks) == [None, 50, 50, 150]


def test_an_unheard_partition_holds_the_watermark_back_for_a_while() -> None:
    """It counts until `idle_after_ms` after the first mark, by the time the marks were sent."""
    marks = (mark(0, 100, sent_ms=5000), mark(0, 200, sent_ms=5999), mark(0, 300, sent_ms=6000))
    assert watermarks(tracker(), *marks) == [None, None, 300]


def test_an_unheard_topic_holds_the_watermark_back_too() -> None:
    """Each configured topic has at least one partition, whether it was heard of or not."""
    marks = (mark(0, 100, partitions=1), mark(0, 70, partitions=1, topic="features"))
    assert watermarks(tracker("metrics", "features"), *marks) == [None, 70]


def test_marks_of_other_topics_are_ignored() -> None:
    """Neither their progress nor their time counts."""
    marks = (
        mark(0, 100, partitions=1, sent_ms=0, topic="gone"),
        mark(0, 200, sent_ms=5000),
        mark(0, 200, sent_ms=5500, topic="gone"),
    )
    assert watermarks(tracker(), *marks) == [None, None, None]


def test_an_active_partition_without_an_event_holds_the_watermark_back() -> None:
    """It has records to come, older than those of the others perhaps; waiting does not end by time."""
    marks = (mark(0, 100), mark(1, None), mark(0, 200, sent_ms=9000), mark(1, 150, sent_ms=9000))
    assert watermarks(tracker(), *marks) == [None, None, None, 150]


def test_an_idle_partition_does_not_count() -> None:
    marks = (mark(0, 100), mark(1, 50), mark(1, 50, idle=True), mark(0, 200))
    assert watermarks(tracker(), *marks) == [None, 50, 100, 200]


def test_a_partition_that_never_had_a_record_is_idle_and_does_not_count() -> None:
    marks = (mark(0, 100), mark(1, None), mark(1, None, idle=True))
    assert watermarks(tracker(), *marks) == [None, None, 100]


def test_a_stream_that_stops_closes_its_last_windows() -> None:
    """All idle: the watermark passes everything seen."""
    marks = (mark(0, 100), mark(1, 50), mark(1, 50, idle=True), mark(0, 100, idle=True))
    assert watermarks(tracker(), *marks) == [None, 50, 100, 100 + CLOSING_DELAY_MS]


def test_a_lone_idle_partition_waits_for_the_unheard_ones() -> None:
    """The others may have records of any age."""
    marks = (mark(0, 100, idle=True), mark(0, 100, idle=True, sent_ms=1000))
    assert watermarks(tracker(), *marks) == [None, 100 + CLOSING_DELAY_MS]


def test_idle_partitions_without_any_event_give_no_watermark() -> None:
    marks = (mark(0, None, idle=True), mark(1, None, idle=True, sent_ms=5000))
    assert watermarks(tracker(), *marks) == [None, None]


def test_a_stream_that_goes_on_does_not_bring_the_watermark_down() -> None:
    """What an outage held back comes late."""
    marks = (mark(0, 100), mark(1, 100, idle=True), mark(0, 100, idle=True), mark(1, 60), mark(0, 105))
    assert watermarks(tracker(), *marks)[2:] == [112, 112, 112]


def test_a_router_that_takes_over_does_not_take_progress_back() -> None:
    """It begins with no event time, then with older records than the other had read."""
    marks = (mark(0, 100), mark(1, 90), mark(1, None), mark(1, 40), mark(0, 200), mark(1, 95))
    assert watermarks(tracker(), *marks) == [None, 90, 90, 90, 90, 95]


def test_a_topic_that_grows_has_partitions_to_wait_for() -> None:
    """A mark that speaks of more partitions makes the new ones unheard."""
    marks = (mark(0, 100, partitions=1), mark(0, 200, partitions=2), mark(1, 150))
    assert watermarks(tracker(), *marks) == [100, 100, 150]


def test_update_says_whether_the_watermark_rose() -> None:
    watermark = tracker()
    assert [watermark.update(each) for each in (mark(0, 10), mark(1, 5), mark(1, 5), mark(1, 8))] == [
        False,
        True,
        False,
        True,
    ]


def test_event_time_zero_is_a_value() -> None:
    assert watermarks(tracker(), mark(0, 0), mark(1, 7)) == [None, 0]


MARKS = st.lists(
    st.builds(
        mark,
        st.integers(0, 2),
        st.none() | st.integers(0, 100),
        sent_ms=st.integers(0, 3000),
        idle=st.booleans(),
        partitions=st.integers(1, 3),
        topic=st.sampled_from(["metrics", "features", "gone"]),
    ),
    max_size=30,
)


@given(MARKS, st.integers(0, 30))
def test_stop_restore_and_go_on_equals_never_stopping(marks: list[ProgressMark], stop: int) -> None:
    never_stopped, stopped = tracker("metrics", "features"), tracker("metrics", "features")
    watermarks(never_stopped, *marks[:stop])
    stopped.restore(never_stopped.snapshot())
    assert watermarks(stopped, *marks[stop:]) == watermarks(never_stopped, *marks[stop:])
    assert stopped.snapshot() == never_stopped.snapshot()


@given(MARKS)
def test_the_watermark_never_falls_nor_disappears(marks: list[ProgressMark]) -> None:
    seen = [-1 if each is None else each for each in watermarks(tracker("metrics", "features"), *marks)]
    assert seen == sorted(seen)


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(SnapshotError, match="5 bytes are no state of 'watermark'"):
        tracker().restore(b"hello")
