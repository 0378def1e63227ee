from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.span_columns import (
    SPAN_COLUMNS,
    SpanColumns,
    pack_spans,
    unpack_spans,
)

START_US = 1_700_000_000_000_000

spans = st.tuples(
    st.integers(min_value=0, max_value=2**24),
    st.sampled_from([0, 1, 2, 255]),
    st.integers(min_value=0, max_value=2**30).map(lambda offset_us: START_US + offset_us),
    st.integers(min_value=0, max_value=2**32 - 1),
    st.integers(min_value=0, max_value=1),
)
messages = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=255),
        st.integers(min_value=0, max_value=2**30),
        st.lists(spans, min_size=1, max_size=5),
    ),
    max_size=12,
)


def columns_of(sent: list[tuple[int, int, list[tuple[int, ...]]]]) -> SpanColumns:
    """Return messages (service, milliseconds, spans) as columns."""
    return SpanColumns(
        services=np.array([service for service, _, _ in sent], dtype=np.uint8),
        sent_ms=np.array([sent_ms for _, sent_ms, _ in sent], dtype=np.int64),
        counts=np.array([len(each) for _, _, each in sent], dtype=np.int64),
        spans=np.array([span for _, _, each in sent for span in each], dtype=np.int64).reshape(
            -1, SPAN_COLUMNS
        ),
    )


@given(sent=messages)
def test_unpacking_undoes_packing(sent: list[tuple[int, int, list[tuple[int, ...]]]]) -> None:
    """Nothing is lost and the order stays, whatever the numbers, also without any span."""
    columns = columns_of(sent)
    unpacked = unpack_spans(pack_spans(columns))
    for name in ("services", "sent_ms", "counts", "spans"):
        before, after = getattr(columns, name), getattr(unpacked, name)
        assert before.dtype == after.dtype, name
        assert np.array_equal(before, after), name


def test_spans_come_by_message() -> None:
    """Each message is given back with its own spans."""
    first, second, third = [(number, 0, START_US + number, 10, 0) for number in range(3)]
    columns = columns_of([(1, 1000, [first]), (0, 1001, [second, third])])
    listed = [(service, sent_ms, each.tolist()) for service, sent_ms, each in columns.messages()]
    assert listed == [(1, 1000, [list(first)]), (0, 1001, [list(second), list(third)])]
    assert columns.span_services.tolist() == [1, 0, 0]


def test_packing_is_deterministic() -> None:
    """Equal spans give equal bytes: a recording that is saved again does not change."""
    columns = columns_of([(1, 1000, [(1, 0, START_US, 5, 0)])])
    assert pack_spans(columns) == pack_spans(columns)


def test_a_span_takes_few_bytes() -> None:
    """An hour has to fit into a repository: 5 bytes suffice for a span like those of the testbed."""
    generator = np.random.default_rng(1)
    count = 48_000
    services = np.repeat(np.arange(count // 50) % 6, 50)
    done_us = START_US + np.cumsum(generator.exponential(6_000, count)).astype(np.int64)
    rows = np.zeros((count, SPAN_COLUMNS), dtype=np.int64)
    rows[:, 0] = np.arange(count) // 3 + generator.integers(0, 4, count)
    rows[:, 1] = generator.integers(0, 3, count)
    rows[:, 2] = done_us
    rows[:, 3] = np.exp(generator.normal(9, 0.5, count)).astype(np.int64)
    columns = SpanColumns(
        services=services[::50].astype(np.uint8),
        sent_ms=done_us[49::50] // 1000,
        counts=np.full(count // 50, 50),
        spans=rows,
    )
    assert len(pack_spans(columns)) < 5 * count


@pytest.mark.parametrize("duration_us", [-1, 2**32])
def test_response_times_beyond_32_bits_are_refused(duration_us: int) -> None:
    """A number that would be cut off must not be written."""
    with pytest.raises(RecordingError, match=f"response time goes from {duration_us} to"):
        pack_spans(columns_of([(0, 0, [(0, 0, START_US, duration_us, 0)])]))


def test_times_far_apart_are_refused() -> None:
    """Two spans of a service more than half an hour apart have a difference that does not fit."""
    with pytest.raises(RecordingError, match="difference of times goes from 0 to"):
        pack_spans(columns_of([(0, 0, [(0, 0, START_US + at_us, 1, 0) for at_us in (0, 2**32)])]))
