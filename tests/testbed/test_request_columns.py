from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.request_columns import pack_requests, unpack_requests

requests = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=255),
        st.integers(min_value=0, max_value=2**40),
        st.integers(min_value=0, max_value=2**32 - 1),
    ),
    max_size=30,
)


def columns_of(
    rows: list[tuple[int, int, int]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    columns = np.array(sorted(rows, key=lambda row: row[1]), dtype=np.int64).reshape(-1, 3)
    return columns[:, 0].astype(np.uint8), columns[:, 1], columns[:, 2]


@given(rows=requests, first_ms=st.integers(min_value=0, max_value=2**45))
def test_unpacking_undoes_packing(rows: list[tuple[int, int, int]], first_ms: int) -> None:
    """Nothing is lost, whatever the times and response times, also without any request."""
    services, done_ms, request_us = columns_of([(row[0], row[1] % 2**32, row[2]) for row in rows])
    unpacked = unpack_requests(pack_requests(services, first_ms + done_ms, request_us))
    assert [list(column) for column in unpacked] == [
        list(services),
        list(first_ms + done_ms),
        list(request_us),
    ]
    assert [column.dtype for column in unpacked] == [np.uint8, np.int64, np.int64]


def test_packing_is_deterministic() -> None:
    """Equal requests give equal bytes: a recording that is saved again does not change."""
    columns = columns_of([(1, 5, 100), (0, 9, 200)])
    assert pack_requests(*columns) == pack_requests(*columns)


def test_a_request_takes_few_bytes() -> None:
    """An hour has to fit into a repository: 3 bytes suffice for a request like those of the testbed."""
    generator = np.random.default_rng(1)
    done_ms = np.cumsum(generator.poisson(6, 50_000))
    request_us = np.exp(generator.normal(9, 0.5, 50_000)).astype(np.int64)
    services = generator.integers(0, 6, 50_000).astype(np.uint8)
    assert len(pack_requests(services, done_ms, request_us)) < 3 * 50_000


def test_times_that_descend_are_refused() -> None:
    """Differences of times have no sign."""
    with pytest.raises(RecordingError, match="difference of times goes from -1 to 0"):
        pack_requests(np.zeros(2, np.uint8), np.array([6, 5]), np.array([1, 1]))


@pytest.mark.parametrize("request_us", [-1, 2**32])
def test_response_times_beyond_32_bits_are_refused(request_us: int) -> None:
    """A number that would be cut off must not be written."""
    with pytest.raises(RecordingError, match=f"response time goes from {request_us} to"):
        pack_requests(np.zeros(1, np.uint8), np.array([5]), np.array([request_us]))
