"""The statistics of many windows at once are, bit by bit, those of each by itself."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.windows.summaries import summarize_all
from pg_streaming_machine_learning.windows.summary import summarize

CASES = json.loads(Path(__file__).with_name("commons_math.json").read_text(encoding="utf-8"))


def bits(statistics: Iterable[float]) -> bytes:
    """Return the bits of statistics, any NaN as the same: its sign and payload mean nothing."""
    return struct.pack(">11d", *(float("nan") if value != value else value for value in statistics))


def assert_equal_bits(series: Sequence[Sequence[float]]) -> None:
    together = summarize_all([np.array(readings, dtype=np.float64) for readings in series])
    for readings, statistics in zip(series, together, strict=True):
        assert bits(statistics) == bits(summarize(readings)), readings


def test_the_readings_that_commons_math_has_answered() -> None:
    """Every length from none to fifty, side by side, which pads all but the longest."""
    assert_equal_bits([case["readings"] for case in CASES])


@pytest.mark.parametrize("length", [4, 5, 127, 128, 129, 180, 1000])
@pytest.mark.parametrize("count", [1, 3, 4, 5, 60])
def test_windows_as_they_come(length: int, count: int) -> None:
    """Few series are done one by one, more in a matrix; sums in blocks of 128 would differ."""
    chance = random.Random(length * count)
    assert_equal_bits([[chance.gauss(50, 10) for _ in range(length)] for _ in range(count)])


@pytest.mark.parametrize("length", [17, 300, 5000])
def test_zeros_of_both_signs_stay_in_their_order(length: int) -> None:
    """Least, percentiles and greatest have the sign that the sorted list has there."""
    chance = random.Random(length)
    for values in ([0.0, -0.0, 1.0], [0.0, -0.0, -1.0], [0.0, -0.0, 1.0, -1.0]):
        assert_equal_bits([[chance.choice(values) for _ in range(length)] for _ in range(20)])


READINGS = st.one_of(
    st.lists(st.floats(-1e6, 1e6), max_size=20),
    st.lists(st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 1e200, -1e170, 1e-200, 5e-324]), max_size=12),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=12),
)


@given(st.lists(READINGS, max_size=8))
def test_any_finite_readings_of_any_lengths(series: list[list[float]]) -> None:
    """Zeros of both signs, magnitudes whose powers leave the range of a double, constants among others."""
    assert_equal_bits(series)


def test_results_are_plain_floats() -> None:
    [*_, last] = summarize_all([np.arange(float(length)) for length in range(8)])
    assert {type(value) for value in last} == {float}


def test_no_series_give_no_statistics() -> None:
    assert summarize_all([]) == []
