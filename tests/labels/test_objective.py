"""When a host is too slow."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.labels.objective import Objective


def test_the_threshold_is_a_multiple_of_the_median_while_all_was_well() -> None:
    assert Objective(share=0.9, factor=5.0).threshold_ms([9.0, 1.0, 2.0, 2.5, 100.0]) == 12.5


def test_one_slow_request_in_twenty_is_within_a_ninety_percent_objective() -> None:
    assert Objective(share=0.9).label([1.0] * 19 + [500.0], threshold_ms=10.0) == 0


def test_three_slow_requests_in_twenty_are_not() -> None:
    assert Objective(share=0.9).label([500.0] * 3 + [1.0] * 17, threshold_ms=10.0) == 1


def test_a_share_of_one_allows_no_slow_request() -> None:
    objective = Objective(share=1.0, factor=2.0)
    assert [objective.label([1.0] * 50 + [last], threshold_ms=10.0) for last in (9.0, 10.0, 11.0)] == [
        0,
        0,
        1,
    ]


def test_a_response_time_at_the_threshold_is_within_the_objective() -> None:
    assert Objective().label([10.0], threshold_ms=10.0) == 0


def test_without_requests_there_is_no_label() -> None:
    assert Objective().label([], threshold_ms=10.0) is None


def test_without_a_threshold_there_is_no_label() -> None:
    """A host that had no request while all was well."""
    objective = Objective()
    assert math.isnan(objective.threshold_ms([]))
    assert objective.label([1.0], objective.threshold_ms([])) is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0.05, 1.0), st.floats(0, 1e6))
def test_slower_requests_never_mend_a_window(
    durations_ms: list[float], share: float, threshold_ms: float
) -> None:
    """Order does not matter, and doubling every response time can only turn 0 into 1."""
    objective = Objective(share=share)
    label = objective.label(durations_ms, threshold_ms)
    assert label in (0, 1)
    assert objective.label(durations_ms[::-1], threshold_ms) == label
    slower = objective.label([2 * each for each in durations_ms], threshold_ms)
    assert slower is not None
    assert slower >= label


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, math.nan])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share of the objective is"):
        Objective(share=share)


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_a_factor_out_of_range_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="factor of the objective is"):
        Objective(factor=factor)
