from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pg_streaming_machine_learning.labels.objective import Objective
from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.figures import (
    NO_REQUESTS,
    between_faults,
    fault_free,
    slow_windows,
)
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.windows.hopping import HoppingWindows

CALM = [(0, at_ms, 10_000) for at_ms in range(0, 60_000, 500)]
"""The cart answers every half second after 10 ms: slow is above 50 ms."""

FAULT = Fault(FaultKind.LOCK, "cart", 32_000, 44_000, 47_000)


def with_slow(first_ms: int, last_ms: int) -> list[tuple[int, int, int]]:
    """Return calm requests that take 60 ms from a time up to another."""
    return [(0, at_ms, 60_000 if first_ms <= at_ms < last_ms else 10_000) for _, at_ms, _ in CALM]


def test_windows_lie_on_the_grid_within_the_recording(recording_of: Callable[..., Recording]) -> None:
    """Of a minute from a multiple of 5 s on, windows of 10 s start every 5 s, the last at 50 s."""
    windows = slow_windows(recording_of(CALM))
    assert list(windows.starts_ms - 1_700_000_000_000) == list(range(0, 50_001, 5_000))


def test_calm_service_is_never_slow(recording_of: Callable[..., Recording]) -> None:
    """The threshold is a multiple of the service's own fault-free median."""
    windows = slow_windows(recording_of(CALM, services=("cart",)))
    assert list(windows.thresholds_ms) == [pytest.approx(50.0)]
    assert windows.share() == 0
    assert windows.incidents() == 0


def test_window_is_slow_when_its_percentile_is(recording_of: Callable[..., Recording]) -> None:
    """Eleven slow requests make every window slow that holds more than a tenth of slow requests.

    ::

        slow requests           40=====45
        windows      30----------40               0 of 20: calm
                          35----------45         10 of 20: slow
                               40----------50    11 of 20: slow
                                    45----------55   1 of 20: calm
    """
    windows = slow_windows(recording_of(with_slow(40_000, 45_500), services=("cart",)))
    slow_ms = windows.starts_ms[windows.labels[:, 0] == 1] - 1_700_000_000_000
    assert list(slow_ms) == [35_000, 40_000]
    assert windows.incidents() == 1
    assert windows.share() == pytest.approx(2 / 11)


def test_window_without_requests_has_no_label(recording_of: Callable[..., Recording]) -> None:
    """Nothing can be told of a service that nobody asked; it counts for no share."""
    windows = slow_windows(recording_of([(0, at_ms, 10_000) for at_ms in range(0, 20_000, 500)]))
    assert list(windows.labels[:, 0]) == [0] * 4 + [NO_REQUESTS] * 7
    assert list(windows.labels[:, 1]) == [NO_REQUESTS] * 11
    assert np.isnan(windows.thresholds_ms[1])
    assert windows.share() == 0


def test_rule_can_be_another(recording_of: Callable[..., Recording]) -> None:
    """Windows and objective are the caller's."""
    objective, grid = Objective(share=1.0, factor=7), HoppingWindows(size_ms=20_000, hop_ms=20_000)
    windows = slow_windows(recording_of(with_slow(40_000, 45_500)), objective, grid)
    assert len(windows.starts_ms) == 3
    assert windows.incidents() == 0


def test_first_slow_window_of_a_fault_reaches_into_it(recording_of: Callable[..., Recording]) -> None:
    """A fault's first slow window begins before its end and ends after its start; another's is not taken."""
    recording = recording_of(with_slow(40_000, 45_500), faults=(FAULT,))
    windows = slow_windows(recording)
    start_ms = recording.start_ms
    assert windows.first_slow_ms(FAULT, start_ms, 0) == start_ms + 35_000
    assert windows.first_slow_ms(FAULT, start_ms, 1) is None
    earlier = Fault(FaultKind.LOCK, "cart", 10_000, 20_000, 35_000)
    assert windows.first_slow_ms(earlier, start_ms, 0) is None


def test_parts_without_faults_are_known(recording_of: Callable[..., Recording]) -> None:
    """Windows of the first 20 s are fault-free; between faults are those 10 s after one, and before the next.

    ::

        0    fault-free    20     25==fault==30   40    55==fault==60
        windows between faults:   15--25                40--50, 45--55
    """
    faults = (
        Fault(FaultKind.LOCK, "cart", 25_000, 28_000, 30_000),
        Fault(FaultKind.LOCK, "cart", 55_000, 58_000, 60_000),
    )
    recording = recording_of(CALM, faults=faults, quiet_minutes=1 / 3)
    windows = slow_windows(recording)
    starts_s = (windows.starts_ms - recording.start_ms) // 1000
    assert list(starts_s[fault_free(recording, windows)]) == [0, 5, 10]
    assert list(starts_s[between_faults(recording, windows)]) == [15, 40, 45]
