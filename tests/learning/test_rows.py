"""Samples as rows of a matrix."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.learning.rows import rows_of
from pg_streaming_machine_learning.learning.sample import create_sample
from pg_streaming_machine_learning.records.feature import pack
from pg_streaming_machine_learning.records.prediction import Sample
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window

METRICS = tuple(
    Metric(*symbols)
    for symbols in (
        ("CPU", "UTILIZATION", "PERCENT"),
        ("DISK_READ", "THROUGHPUT", "BYTES"),
        ("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND"),
    )
)
VALUES = st.floats() | st.sampled_from([0.0, -0.0, 1e100, -1e100, 1.1e100, math.nan, math.inf])
SAMPLES = st.lists(
    st.dictionaries(
        st.sampled_from(METRICS), st.lists(VALUES, min_size=11, max_size=11).map(tuple), min_size=1
    ).map(lambda found: sample(found)),
    min_size=1,
    max_size=8,
)


def sample(statistics: dict[Metric, tuple[float, ...]]) -> Sample:
    return create_sample(
        "web", Window(0, 10), {(metric, "labeled"): (pack(row), None) for metric, row in statistics.items()}
    )


@given(SAMPLES)
def test_rows_hold_the_features_and_nothing_else(samples: list[Sample]) -> None:
    """What has no feature is NaN; bit by bit, minus zero too."""
    rows = rows_of(samples)
    assert list(rows.names) == sorted({name for each in samples for name in _all_names(each)})
    for each, row in zip(samples, rows.matrix.tolist(), strict=True):
        found = {name: value for name, value in zip(rows.names, row, strict=True) if not math.isnan(value)}
        assert {name: struct.pack(">d", value) for name, value in found.items()} == {
            name: struct.pack(">d", value) for name, value in each.features.items()
        }


def _all_names(each: Sample) -> list[str]:
    whole = create_sample(
        "web", Window(0, 10), {(metric, "labeled"): (pack((0.0,) * 11), None) for metric in each.metrics}
    )
    return list(whole.features)


@given(SAMPLES)
def test_what_is_said_of_a_sample_does_not_depend_on_its_company(samples: list[Sample]) -> None:
    together = rows_of(samples).contents
    assert list(together) == [rows_of([each]).contents[0] for each in samples]


def test_the_bits_of_what_is_missing_do_not_count() -> None:
    """A snapshot of open windows does not keep them: a restored engine has another NaN."""
    (odd,) = struct.unpack(">d", bytes.fromhex("fff8000000000abc"))
    rows = [rows_of([sample({METRICS[0]: (value, *(1.0,) * 10)})]) for value in (math.nan, odd, math.inf)]
    assert len({each.contents[0] for each in rows}) == 1
    assert len({each.matrix.tobytes() for each in rows}) == 1


@pytest.mark.parametrize("statistics", [(2.0,) * 11, (*(1.0,) * 10, -0.0)])
def test_other_numbers_are_other_contents(statistics: tuple[float, ...]) -> None:
    one = rows_of([sample({METRICS[0]: (*(1.0,) * 10, 0.0)})]).contents
    assert rows_of([sample({METRICS[0]: statistics})]).contents != one


def test_the_matrix_is_of_doubles() -> None:
    rows = rows_of([sample({METRICS[0]: (1.0,) * 11})])
    assert rows.matrix.dtype == np.float64
    assert rows.matrix.shape == (1, 11)
