"""The eleven statistics, against the answers of the real Apache Commons Math."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.windows.summary import percentile, summarize

FIXTURE = Path(__file__).with_name("commons_math.json")
CASES: list[dict[str, Any]] = json.loads(FIXTURE.read_text(encoding="utf-8"))

# The library's PearsonsCorrelation refuses fewer than two readings; the contract says 0, and NaN for none.
REFUSED = "MathIllegalArgumentException"


def answer_of_the_contract(case: dict[str, Any]) -> list[float]:
    """Return what the library answered, and the contract's rule where the library refuses."""
    rule = 0.0 if case["readings"] else math.nan
    return [rule if value == REFUSED else float(value) for value in case["library"]]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_the_statistics_are_those_of_commons_math(case: dict[str, Any]) -> None:
    """Each of the eleven is equal to 1e-9, NaN where the library has NaN."""
    actual = dict(zip(STATISTICS, summarize(case["readings"]), strict=True))
    expected = dict(zip(STATISTICS, answer_of_the_contract(case), strict=True))
    assert actual == pytest.approx(expected, rel=1e-9, abs=0.0, nan_ok=True)


def test_the_fixture_holds_every_length_from_none_to_fifty() -> None:
    assert {len(case["readings"]) for case in CASES} >= set(range(51))
    assert len(CASES) > 140


def test_no_readings_give_nan_throughout() -> None:
    assert all(math.isnan(value) for value in summarize([]))


def test_one_reading_has_no_spread_no_shape_and_no_slope() -> None:
    """Deviation 0, skewness, kurtosis and slope NaN, correlation 0."""
    assert summarize([5.0]) == pytest.approx(
        (5, 5, 5, 0, 5, 5, 5, math.nan, math.nan, math.nan, 0), nan_ok=True
    )


def test_a_constant_has_a_slope_but_no_correlation() -> None:
    """Also one that is no exact binary fraction, where rounding would leave a trace."""
    expected = (0.1, 0.1, 0.1, 0, 0.1, 0.1, 0.1, math.nan, math.nan, 0, math.nan)
    assert summarize([0.1] * 31) == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


def test_shape_needs_three_readings_and_kurtosis_four() -> None:
    statistics = [dict(zip(STATISTICS, summarize(range(n)), strict=True)) for n in (2, 3, 4)]
    assert [math.isnan(each["skewness"]) for each in statistics] == [True, False, False]
    assert [math.isnan(each["kurtosis"]) for each in statistics] == [True, True, False]


def test_integers_and_arrays_are_readings_too() -> None:
    """The result is of plain floats, whatever came in."""
    from_array = summarize(np.array([40, 35, 45, 40], dtype=np.int64))  # type: ignore[arg-type]
    assert from_array == summarize([40.0, 35.0, 45.0, 40.0])
    assert {type(value) for value in from_array} == {float}


@given(st.lists(st.floats(-1e6, 1e6), max_size=60))
def test_results_are_finite_or_nan_and_within_their_bounds(readings: list[float]) -> None:
    statistics = dict(zip(STATISTICS, summarize(readings), strict=True))
    assert not any(math.isinf(value) for value in statistics.values())
    if readings:
        quarters = [statistics[name] for name in ("percentile25", "median", "percentile75")]
        assert statistics["minimum"] <= quarters[0] <= quarters[1] <= quarters[2] <= statistics["maximum"]
        assert statistics["standard_deviation"] >= 0
        assert math.isnan(statistics["pearsons_correlation"]) or abs(statistics["pearsons_correlation"]) <= 1


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20))
def test_no_finite_readings_raise(readings: list[float]) -> None:
    """Magnitudes near the ends of the range of doubles overflow to NaN or infinity, never to an exception."""
    assert len(summarize(readings)) == len(STATISTICS)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(0.1, 100))
def test_percentiles_are_those_of_the_weibull_position(values: list[float], percent: float) -> None:
    """The position p · (n + 1) is what numpy calls weibull, and R type 6."""
    expected = float(np.percentile(values, percent, method="weibull"))
    assert percentile(sorted(values), percent) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_percentiles_are_clamped_to_the_extremes() -> None:
    assert [percentile([1.0, 2.0, 3.0], percent) for percent in (0, 10, 50, 90, 100)] == [1, 1, 2, 3, 3]
    assert math.isnan(percentile([], 50))
