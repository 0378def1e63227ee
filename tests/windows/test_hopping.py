"""Which hopping windows hold a timestamp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import WindowError
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.hopping import HoppingWindows, nearest_start, windows_holding


def starts(timestamp_ms: int, size_ms: int, hop_ms: int) -> list[int]:
    return [window.start_ms for window in windows_holding(timestamp_ms, size_ms, hop_ms)]


def test_a_timestamp_lies_in_size_over_hop_windows() -> None:
    """In the stationary part each timestamp is in size / hop windows.

    ::

        0    5    10   15   20   25   30   35   40
        ├────┼────┼────┼────┼────┼────┼────┼────┤
                  [10       20)
                       [15       25)
                         ↑ 17
    """
    assert windows_holding(17, size_ms=10, hop_ms=5) == [Window(10, 20), Window(15, 25)]


def test_a_start_belongs_to_the_window_and_an_end_does_not() -> None:
    """At a multiple of the hop one window has just ended, and one starts."""
    assert starts(19, 10, 5) == [10, 15]
    assert starts(20, 10, 5) == [15, 20]
    assert starts(21, 10, 5) == [15, 20]


def test_near_the_epoch_no_window_starts_before_it() -> None:
    """Kafka Streams has no window with a negative start."""
    assert starts(0, 10, 5) == [0]
    assert starts(4, 10, 5) == [0]
    assert starts(5, 10, 5) == [0, 5]


def test_a_size_that_is_no_multiple_of_the_hop_gives_changing_numbers_of_windows() -> None:
    """Size 50, hop 20: two windows hold 95, three hold 105.

    ::

        0         20        40        60        80        100       120
        ├─────────┼─────────┼─────────┼─────────┼─────────┼─────────┤
                            [40                      90)
                                      [60                      110)
                                                [80                      130)
                                                          [100
                                                       ↑ 95 ↑ 105
    """
    assert starts(95, 50, 20) == [60, 80]
    assert starts(105, 50, 20) == [60, 80, 100]


def test_hop_equal_to_size_gives_tumbling_windows() -> None:
    """Each timestamp is in one window."""
    assert starts(9, 10, 10) == [0]
    assert starts(10, 10, 10) == [10]


def test_production_windows_of_half_an_hour_every_minute() -> None:
    """A timestamp of today is in 30 windows on the grid of minutes."""
    windows = windows_holding(1_600_000_000_123, 1_800_000, 60_000)
    assert len(windows) == 30
    assert windows[-1].start_ms == 1_599_999_960_000


@given(st.integers(0, 500), st.integers(1, 60), st.integers(1, 60))
def test_windows_equal_a_scan_over_all_starts(timestamp_ms: int, size_ms: int, hop_ms: int) -> None:
    """Brute force: every start on the grid is tried."""
    size_ms = max(size_ms, hop_ms)
    scanned = [
        Window(start, start + size_ms)
        for start in range(0, timestamp_ms + 1, hop_ms)
        if start <= timestamp_ms < start + size_ms
    ]
    assert windows_holding(timestamp_ms, size_ms, hop_ms) == scanned


@pytest.mark.parametrize(("size_ms", "hop_ms"), [(10, 0), (10, -5), (10, 11), (0, 0)])
def test_a_hop_that_leaves_gaps_or_does_not_move_is_refused(size_ms: int, hop_ms: int) -> None:
    with pytest.raises(WindowError, match=f"window hop is {hop_ms} ms and size {size_ms} ms"):
        HoppingWindows(size_ms, hop_ms)


def test_only_multiples_of_the_hop_are_starts() -> None:
    windows = HoppingWindows(size_ms=10, hop_ms=5)
    assert [start for start in range(-10, 12) if windows.is_start(start)] == [0, 5, 10]
    with pytest.raises(WindowError, match="window start 7 is not a multiple of the hop, 5 ms"):
        windows.window(7)


def test_a_timestamp_before_the_epoch_is_refused() -> None:
    with pytest.raises(WindowError, match="timestamp is -1 ms, expected at least 0"):
        windows_holding(-1, 10, 5)


@given(st.integers(0, 500), st.integers(1, 60))
def test_the_nearest_start_is_at_most_a_quarter_of_the_hop_away(start_ms: int, hop_ms: int) -> None:
    """Brute force: every multiple of the hop is tried."""
    near = [each for each in range(0, start_ms + 2 * hop_ms, hop_ms) if 4 * abs(each - start_ms) <= hop_ms]
    assert nearest_start(start_ms, hop_ms) == (near[0] if near else None)


def test_the_first_start_after_a_time_and_the_last_that_is_not() -> None:
    """No start is before the epoch."""
    windows = HoppingWindows(size_ms=10, hop_ms=5)
    assert [windows.first_start_after(time_ms) for time_ms in (-99, -1, 0, 4, 5, 6)] == [0, 0, 5, 5, 10, 10]
    assert [windows.last_start(time_ms) for time_ms in (0, 4, 5, 9, 10)] == [0, 0, 5, 5, 10]
