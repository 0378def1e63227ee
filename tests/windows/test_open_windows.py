"""One store for updates of every kind: which windows are open, and what each holds as it closes."""

from __future__ import annotations

import math

import pytest

from pg_streaming_machine_learning.errors import SnapshotError, WindowError
from pg_streaming_machine_learning.records.feature import pack, unpack
from pg_streaming_machine_learning.records.prediction import Measured
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    Metric,
    Reading,
    ReadingsUpdate,
    SourcePlace,
)
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.durations import Durations
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.open_windows import Late, OpenWindows
from pg_streaming_machine_learning.windows.rates import LONGEST_GAP_MS
from pg_streaming_machine_learning.windows.store import ClosedWindow
from pg_streaming_machine_learning.windows.summary import summarize
from tests.windows.updates import (
    CPU,
    DISK,
    GRACE_MS,
    HOP_MS,
    SIZE_MS,
    TRACES,
    counters,
    label,
    opened,
    reading,
    revision,
    span,
    starts,
)


def maxima(closed: ClosedWindow) -> dict[tuple[Metric, str], float]:
    """Return the maximum of each metric, to know readings by."""
    return {key: unpack(packed)[1] for key, (packed, _) in closed.revisions.items()}


def test_a_reading_opens_every_window_that_holds_it() -> None:
    """None before the epoch, none that it does not lie in.

    ::

        0         5         10        15        20
        ├─────────┼─────────┼─────────┼─────────┤
        [0                  10)
                  [5                  15)
               ↑ 4     ↑ 9
    """
    assert starts(opened(reading(4)).close(99)) == [(0, "web")]
    assert starts(opened(reading(9)).close(99)) == [(0, "web"), (5, "web")]


def test_a_size_that_is_no_multiple_of_the_hop() -> None:
    """Size 12, hop 5: two windows hold 14, three hold 11.

    ::

        0         5         10        15        20
        ├─────────┼─────────┼─────────┼─────────┤
        [0                      12)
                  [5                      17)
                            [10                     22)
                              ↑ 11  ↑ 14
    """
    assert starts(opened(reading(11), size_ms=12).close(99)) == [(0, "web"), (5, "web"), (10, "web")]
    assert starts(opened(reading(14), size_ms=12).close(99)) == [(5, "web"), (10, "web")]


def test_updates_of_every_kind_open_a_window() -> None:
    for update in (reading(3), span(3), label(0, 1), revision(0)):
        store = opened(update)
        assert len(store) == 1
        assert starts(store.close(12)) == [(0, "web")]
        assert len(store) == 0


def test_a_closed_window_holds_what_came_of_it() -> None:
    """Statistics of readings and revisions side by side, labels by topic, durations in order of arrival."""
    store = opened(
        reading(7, 40.0),
        reading(6, 20.0),
        reading(11, 90.0),
        revision(5, 3.0),
        label(5, 1),
        label(5, 0),
        span(14, 2),
        span(5, 1),
        span(15, 3),
    )
    [closed] = [each for each in store.close(99) if each.window == Window(5, 15)]
    assert closed == ClosedWindow(
        "web",
        Window(5, 15),
        {
            (CPU, TRACES): (pack(summarize([40.0, 20.0, 90.0])), None),
            (CPU, "labeled"): (pack((3.0,) * 11), 1),
        },
        {"targets": 0},
        Durations.of([Duration("orders", 14, 2), Duration("orders", 5, 1)]),
    )


def test_a_window_closes_when_the_watermark_reaches_its_end_and_grace() -> None:
    """Neither earlier nor later, whatever opened it.

    ::

        0         5         10        15
        ├─────────┼─────────┼───┼─────┤
        [0                  10) ↑ 12: closed
    """
    store = opened(reading(3), span(3))
    assert starts(store.close(11)) == []
    assert starts(store.close(12)) == [(0, "web")]
    assert starts(store.close(99)) == []


def test_windows_close_by_end_then_by_host() -> None:
    store = opened(reading(7, host="web"), span(7, host="db"), label(0, 1, host="ä"), revision(5, host="a"))
    assert starts(store.close(99)) == [(0, "db"), (0, "web"), (0, "ä"), (5, "a"), (5, "db"), (5, "web")]


def test_a_reading_that_misses_some_windows_is_used_for_the_others() -> None:
    """At watermark 12 the window of 0 to 10 has closed, and that of 5 to 15 has not.

    ::

        0         5         10        15
        ├─────────┼─────────┼───┼─────┤
        [0       closed     10) ↑ watermark 12
                  [5        open      15)
               ↑ 4: late ↑ 8: used
    """
    store = opened(reading(3, 1.0))
    assert starts(store.close(12)) == [(0, "web")]
    assert store.add(reading(8, 2.0), 12) == []
    assert store.add(reading(4, 3.0), 12) == [Late("web", CPU, 0, 0)]
    [closed] = store.close(99)
    assert (closed.window, maxima(closed)) == (Window(5, 15), {(CPU, TRACES): 2.0})


def test_what_is_late_is_told_by_metric_with_the_latest() -> None:
    """And counted: the rest of the update is used."""
    store = opened()
    rows = [(CPU, 14), (CPU, 4), (DISK, 9), (CPU, 29), (CPU, 9)]
    readings = tuple(Reading(metric, at_ms, 1.0) for metric, at_ms in rows)
    durations = tuple(Duration("orders", at_ms, 1) for _, at_ms in rows)
    place = SourcePlace(TRACES, 0, 0)
    assert store.add(ReadingsUpdate(place, "web", readings), 30) == [
        Late("web", CPU, 0, 18, 3),
        Late("web", DISK, 5, 13, 1),
    ]
    assert store.add(DurationsUpdate(place, "web", durations), 30) == [Late("web", None, 0, 18, 4)]
    assert starts(store.close(99)) == [(20, "web"), (25, "web")]


def test_labels_and_revisions_of_closed_windows_are_late() -> None:
    store = opened()
    assert store.add(label(0, 1), 20) == [Late("web", None, 0, 8)]
    assert store.add(revision(0), 20) == [Late("web", CPU, 0, 8)]
    assert [store.late_ms(0, watermark_ms) for watermark_ms in (None, 11, 12, 20)] == [None, None, 0, 8]
    assert len(store) == 0


def test_a_time_before_the_epoch_is_late() -> None:
    """No source lets one through; nothing is to end here if one does."""
    store = opened()
    assert store.add(reading(-1), None) == [Late("web", CPU, -5, 0)]
    assert len(store) == 0


def test_a_start_off_the_grid_is_an_error() -> None:
    for update in (label(7, 1), revision(7)):
        with pytest.raises(
            WindowError, match="window start 7 of host 'web' is not a multiple of the hop, 5 ms"
        ):
            opened(update)


def test_counters_become_rates_added_up_over_devices() -> None:
    """Two disks, read every 2 ms: the second reading of each is the first that has a value.

    ::

        ms        0      2      4
        sda       1000   1200   1200    a rate of 100,000 a second, then 0
        sdb       50     56     60      3,000, then 2,000
    """
    store = opened(
        counters("web", ("sda", 0, 1000), ("sdb", 0, 50), ("sda", 2, 1200), ("sdb", 2, 56)),
        counters("web", ("sda", 4, 1200), ("sdb", 4, 60)),
    )
    [closed] = store.close(12)
    assert closed.revisions[DISK, TRACES] == (pack(summarize([103_000.0, 2_000.0])), None)


def test_what_goes_into_windows_is_told_as_soon_as_it_is_final() -> None:
    """A gauge at once, a sum when a newer one begins or the first window that holds it is closed.

    ::

        0         5         10        15        20
        ├─────────┼─────────┼─────────┼─────────┤
                  [5                  15)
                            [10                 20)
                             ↑ 11  ↑ 14           both disks of the host
    """
    store = OpenWindows(HoppingWindows(SIZE_MS, HOP_MS), GRACE_MS, is_telling=True)
    store.add(counters("web", ("sda", 1, 0.0), ("sdb", 1, 0.0)), None)
    store.add(counters("web", ("sda", 11, 1.0), ("sdb", 11, 2.0)), None)
    assert store.take_measured() == []
    store.add(reading(12, 7.0), None)
    assert store.take_measured() == [Measured("web", CPU, 12, 7.0)]
    store.add(counters("web", ("sda", 14, 4.0)), None)
    assert store.take_measured() == [Measured("web", DISK, 11, 300.0)]
    assert starts(store.close(16)) == []
    assert store.take_measured() == []
    assert starts(store.close(17)) == [(5, "web")]
    assert store.take_measured() == [Measured("web", DISK, 14, 1000.0)]
    store.add(counters("web", ("sdb", 14, 8.0)), 17)
    assert store.take_measured() == [Measured("web", DISK, 14, 2000.0)]
    (last,) = store.close(99)
    assert unpack(last.revisions[DISK, TRACES][0])[:2] == (300.0, 2000.0)


def test_what_is_late_is_not_told() -> None:
    store = OpenWindows(HoppingWindows(SIZE_MS, HOP_MS), GRACE_MS, is_telling=True)
    store.add(reading(3), 99)
    store.add(counters("web", ("sda", 1, 0.0), ("sda", 3, 5.0)), 99)
    assert store.take_measured() == []


def test_nothing_is_kept_to_be_told_if_nobody_wants_to_know() -> None:
    assert opened(reading(3)).take_measured() == []


def test_the_first_reading_of_a_counter_opens_no_window() -> None:
    """It has no value: whoever gets rates instead of counters does not see it either."""
    store = opened(counters("web", ("sda", 0, 1000)))
    assert len(store) == 0


def test_a_late_counter_is_the_base_of_the_next_rate() -> None:
    store = opened()
    assert store.add(counters("web", ("sda", 1, 1000)), 30) == [Late("web", DISK, 0, 18)]
    store.add(counters("web", ("sda", 1001, 4000)), 30)
    assert maxima(next(store.close(9999))) == {(DISK, TRACES): 3000.0}


def test_revisions_of_the_same_topic_rank_before_readings() -> None:
    store = opened(reading(3, 1.0), revision(0, 7.0, topic=TRACES))
    assert maxima(next(store.close(12))) == {(CPU, TRACES): 7.0}


def test_closing_is_done_step_by_step() -> None:
    """What was not asked for yet is still open."""
    store = opened(*(reading(7, host=f"host {n:02}") for n in range(10)))
    closing = store.close(99)
    assert [next(closing).host, next(closing).host] == ["host 00", "host 01"]
    assert len(store) == 18


def test_many_readings_are_summarised_in_several_pieces() -> None:
    """Each host gets its own."""
    readings = tuple(Reading(CPU, n % 5, float(n)) for n in range(9000))
    hosts = [f"host {n}" for n in range(6)]
    store = opened(
        *(ReadingsUpdate(SourcePlace(TRACES, 0, 0), host, readings[n:]) for n, host in enumerate(hosts))
    )
    assert [(closed.host, unpack(closed.revisions[CPU, TRACES][0])[0]) for closed in store.close(12)] == [
        (host, float(n)) for n, host in enumerate(hosts)
    ]


def test_nothing_is_left_of_closed_windows() -> None:
    """Of a host that went away, in any part of the state but the bases of its rates."""
    store = opened(
        reading(3), span(4), label(0, 1), revision(0), counters("web", ("sda", 1, 1), ("sda", 2, 2))
    )
    assert len(list(store.close(99))) == 1
    empty = opened().snapshot()
    left = {name: data for name, data in store.snapshot().items() if data != empty[name]}
    assert list(left) == ["rates"]
    assert store._runs == {}


def test_a_host_that_comes_back_has_its_windows_opened_again() -> None:
    """Also older ones than it had when its readings came out of order, and others far ahead."""
    store = opened(reading(102))
    store.add(reading(22), None)
    store.add(reading(52), None)
    assert starts(store.close(9999)) == [(at_ms, "web") for at_ms in (15, 20, 45, 50, 95, 100)]
    store.add(reading(10_002), 9999)
    assert starts(store.close(99_999)) == [(9995, "web"), (10_000, "web")]


@pytest.mark.parametrize("times_ms", [(9, 22, 12), (22, 9, 12), (22, 12, 9)])
def test_windows_left_out_at_first_are_opened_by_a_later_reading(times_ms: tuple[int, ...]) -> None:
    """The window of 10 to 20 holds only one of them.

    ::

        0         5         10        15        20        25        30
        ├─────────┼─────────┼─────────┼─────────┼─────────┼─────────┤
        [0                  10)       [15                 25)
                  [5                  15)       [20                 30)
                         ↑ 9[10                 20) ↑ 22
                                ↑ 12
    """
    store = opened(*map(reading, times_ms))
    assert starts(store.close(99)) == [(start_ms, "web") for start_ms in (0, 5, 10, 15, 20)]


def test_counters_of_hosts_that_went_away_are_forgotten() -> None:
    """After so long that no rate could be made of them, and now and then only."""
    store = opened(counters("web", ("sda", 1, 1), ("sda", 2, 2)))
    forgetting_ms = LONGEST_GAP_MS + SIZE_MS + GRACE_MS + LONGEST_GAP_MS // 4
    list(store.close(forgetting_ms - 1))
    assert len(store._rates) == 1
    list(store.close(forgetting_ms))
    assert len(store._rates) == 0


def test_the_parts_of_a_snapshot_have_names() -> None:
    assert list(opened().snapshot()) == ["store", "readings", "durations", "labels", "rates"]


def test_a_snapshot_of_revisions_alone_is_read() -> None:
    """As a release wrote it that knew nothing else; what was there before is gone."""
    store = opened(reading(3), span(3), label(0, 1))
    store.restore({"store": opened(revision(5, math.nan)).snapshot()["store"], "learner": b"of others"})
    store.add(reading(3), None)
    first, second = store.close(99)
    assert (first.window, first.label_updates, len(first.durations)) == (Window(0, 10), {}, 0)
    assert (second.window, list(second.revisions)) == (Window(5, 15), [(CPU, "labeled")])


def test_a_snapshot_without_windows_is_refused() -> None:
    with pytest.raises(SnapshotError, match="snapshot has no part 'store', expected the open windows"):
        opened().restore({"readings": b""})


def test_a_damaged_part_is_refused() -> None:
    parts = opened(reading(3)).snapshot()
    with pytest.raises(SnapshotError, match="state of 'readings' is damaged"):
        opened().restore({**parts, "readings": parts["readings"][:-1]})
