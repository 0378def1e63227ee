"""Requests of a recording ↔ bytes, compact and without loss."""

from __future__ import annotations

import io
import lzma

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import RecordingError

Columns = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]
"""Service, time of answer (milliseconds, ascending) and response time (microseconds) of each request."""

_MOST = (1 << 32) - 1


def pack_requests(
    services: NDArray[np.uint8], done_ms: NDArray[np.int64], request_us: NDArray[np.int64]
) -> bytes:
    """Pack the columns of requests: times as differences, numbers as planes of their bytes.

    Raises
    ------
    RecordingError
        If times do not ascend, or a number does not fit into 32 bits.

    Notes
    -----
    A plane holds one byte of every number, lowest first: the upper ones are nearly all zero, and xz makes
    next to nothing of them. A request takes about 2.6 bytes.
    """
    deltas_ms = np.diff(done_ms, prepend=done_ms[:1])
    columns = io.BytesIO()
    np.savez(
        columns,
        services=services,
        first_ms=done_ms[:1],
        deltas_ms=_planes("difference of times", deltas_ms),
        request_us=_planes("response time", request_us),
    )
    return lzma.compress(columns.getvalue(), preset=lzma.PRESET_DEFAULT | lzma.PRESET_EXTREME)


def unpack_requests(packed: bytes) -> Columns:
    """Return the columns that were packed."""
    with np.load(io.BytesIO(lzma.decompress(packed)), allow_pickle=False) as columns:
        done_ms = np.cumsum(_joined(columns["deltas_ms"]))
        if len(done_ms):
            done_ms += columns["first_ms"][0]
        return columns["services"].astype(np.uint8), done_ms, _joined(columns["request_us"])


def _planes(name: str, column: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the bytes of 32-bit numbers, shape (4, n), the lowest bytes first."""
    if len(column) and (column.min() < 0 or column.max() > _MOST):
        raise RecordingError(f"{name} goes from {column.min()} to {column.max()}, expected 0 to {_MOST}")
    return np.ascontiguousarray(column.astype("<u4").view(np.uint8).reshape(-1, 4).T)


def _joined(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.int64)
