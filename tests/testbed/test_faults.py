from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.testbed.faults import (
    BLAMED_METRIC,
    Fault,
    FaultKind,
    FaultTimes,
    plan_faults,
)
from pg_streaming_machine_learning.testbed.shop import SERVICES

seeds = st.integers(min_value=0, max_value=2**32)


def test_level_grows_stays_and_ends_at_once() -> None:
    """A fault grows evenly from its start, is 1 until its end, and 0 from its end on.

    ::

        level   1 |        ____
                  |    ·  |    |
                0 |__·____|____|____
                  0  10   20   30     seconds
    """
    fault = Fault(FaultKind.DISK, "cart", ramp_start_ms=10_000, full_ms=20_000, end_ms=30_000)
    offsets_ms = (0, 9_999, 10_000, 12_500, 20_000, 29_999, 30_000)
    assert [fault.level(offset_ms) for offset_ms in offsets_ms] == [0, 0, 0, 0.25, 1, 1, 0]


def test_level_of_a_fault_without_ramp_is_full_from_the_start() -> None:
    """A ramp of no length must not divide by zero."""
    fault = Fault(FaultKind.DISK, "cart", ramp_start_ms=5, full_ms=5, end_ms=6)
    assert [fault.level(offset_ms) for offset_ms in (4, 5, 6)] == [0, 1, 0]


@pytest.mark.parametrize("kind", FaultKind)
def test_every_kind_says_which_metric_is_to_blame(kind: FaultKind) -> None:
    """The truth names a metric for each kind, or UNKNOWN."""
    assert Fault(kind, "cart", 0, 1, 2).blamed_metric == BLAMED_METRIC[kind]


@given(seed=seeds)
def test_equal_seeds_give_equal_plans(seed: int) -> None:
    """A recording can be made again from its seed."""
    assert plan_faults(seed, minutes=65) == plan_faults(seed, minutes=65)


def test_other_seeds_give_other_plans() -> None:
    """Another seed makes another recording."""
    assert len({plan_faults(seed, minutes=65) for seed in range(20)}) == 20


@given(seed=seeds)
def test_an_hour_holds_every_kind_and_service(seed: int) -> None:
    """65 minutes hold at least 25 faults, each kind five times, each service four times."""
    faults = plan_faults(seed, minutes=65)
    assert len(faults) >= 25
    assert min(Counter(fault.kind for fault in faults)[kind] for kind in FaultKind) >= 5
    assert min(Counter(fault.service for fault in faults)[service] for service in SERVICES) >= 4


@given(
    seed=seeds,
    minutes=st.floats(min_value=0, max_value=90),
    quiet_minutes=st.floats(min_value=0, max_value=20),
)
def test_faults_keep_their_times(seed: int, minutes: float, quiet_minutes: float) -> None:
    """First minutes are quiet, ramps 45 to 90 s, starts 100 to 140 s apart, at least 25 s quiet between."""
    faults = plan_faults(seed, minutes, quiet_minutes)
    for fault in faults:
        assert fault.ramp_start_ms >= quiet_minutes * 60_000 - 1
        assert 44_999 <= fault.full_ms - fault.ramp_start_ms <= 90_001
        assert fault.end_ms - fault.full_ms >= 14_999
        assert fault.end_ms <= minutes * 60_000 + 1
    for former, latter in pairwise(faults):
        assert 99_999 <= latter.ramp_start_ms - former.ramp_start_ms <= 140_001
        assert 24_999 <= latter.ramp_start_ms - former.end_ms <= 40_001


def test_times_can_be_shortened() -> None:
    """A trial of two minutes needs faults of seconds."""
    times = FaultTimes(spacing_s=(20, 20), quiet_s=(5, 5), ramp_s=(8, 8), full_s=5)
    faults = plan_faults(1, minutes=2, quiet_minutes=0, times=times)
    assert [fault.ramp_start_ms for fault in faults] == [0, 20_000, 40_000, 60_000, 80_000, 100_000]
    assert {fault.full_ms - fault.ramp_start_ms for fault in faults} == {8_000}
    assert {fault.end_ms - fault.ramp_start_ms for fault in faults} == {15_000}
