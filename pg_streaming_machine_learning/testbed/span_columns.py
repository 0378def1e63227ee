"""Spans of a recording in their messages ↔ bytes, compact and without loss."""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import RecordingError

__all__ = ["SPAN_COLUMNS", "SpanColumns", "pack_spans", "unpack_spans"]

SPAN_COLUMNS = 5
"""Columns of a table of spans: those of `span_text.SpanNumbers`."""

_MOST = (1 << 32) - 1
_MS = 1000


@dataclass(frozen=True, eq=False)
class SpanColumns:
    """Spans in the order and the messages in which they were sent.

    Parameters
    ----------
    services : ndarray of uint8, shape (n_messages,)
        Who sent each message.
    sent_ms : ndarray of int64, shape (n_messages,)
        When, milliseconds since the epoch, ascending.
    counts : ndarray of int64, shape (n_messages,)
        How many spans each holds.
    spans : ndarray of int64, shape (n_spans, SPAN_COLUMNS)
        The spans of all messages, one message after the other.
    """

    services: NDArray[np.uint8]
    sent_ms: NDArray[np.int64]
    counts: NDArray[np.int64]
    spans: NDArray[np.int64]

    @property
    def span_services(self) -> NDArray[np.uint8]:
        """Return the service of each span, shape (n_spans,)."""
        return np.repeat(self.services, self.counts)

    def messages(self) -> Iterator[tuple[int, int, NDArray[np.int64]]]:
        """Yield service, time of sending and spans of each message."""
        ends = np.cumsum(self.counts)
        starts = ends - self.counts
        for service, sent_ms, first, last in zip(
            self.services.tolist(), self.sent_ms.tolist(), starts.tolist(), ends.tolist(), strict=True
        ):
            yield service, sent_ms, self.spans[first:last]


def pack_spans(columns: SpanColumns) -> bytes:
    """Pack spans: differences within each service, numbers as planes of their bytes.

    Raises
    ------
    RecordingError
        If a number does not fit into 32 bits.

    Notes
    -----
    A plane holds one byte of every number, lowest first: the upper ones are nearly all zero, and xz makes
    next to nothing of them. A span takes about 4.5 bytes. Where all times are whole milliseconds, they are
    kept as such.
    """
    of_service = columns.span_services
    order = np.argsort(of_service, kind="stable")
    requests, kinds, done_us, duration_us, failed = columns.spans[order].T
    tick_us = _MS if len(done_us) and not np.any(done_us % _MS) else 1
    first_ms, sent_deltas = _differences(columns.sent_ms, np.zeros(len(columns.sent_ms), np.uint8))
    first_requests, request_deltas = _differences(requests, of_service[order])
    first_done, done_deltas = _differences(done_us // tick_us, of_service[order])
    packed = io.BytesIO()
    np.savez(
        packed,
        services=columns.services,
        counts=_planes("number of spans", columns.counts),
        first_ms=first_ms,
        sent=_planes("difference of times of sending", sent_deltas),
        tick_us=np.array([tick_us]),
        first_requests=first_requests,
        requests=_planes("difference of requests", request_deltas),
        kinds=kinds.astype(np.uint8),
        first_done=first_done,
        done=_planes("difference of times", done_deltas),
        duration_us=_planes("response time", duration_us),
        failed=np.packbits(failed.astype(np.bool_)),
    )
    return lzma.compress(packed.getvalue(), preset=lzma.PRESET_DEFAULT | lzma.PRESET_EXTREME)


def unpack_spans(packed: bytes) -> SpanColumns:
    """Return what was packed."""
    with np.load(io.BytesIO(lzma.decompress(packed)), allow_pickle=False) as columns:
        services = columns["services"].astype(np.uint8)
        counts = _joined(columns["counts"])
        sent_ms = _sums(columns["first_ms"], _joined(columns["sent"]), np.zeros(len(services), np.uint8))
        of_service = np.repeat(services, counts)
        order = np.argsort(of_service, kind="stable")
        sorted_services = of_service[order]
        tick_us = int(columns["tick_us"][0])
        kept = (
            _sums(columns["first_requests"], _joined(columns["requests"]), sorted_services),
            columns["kinds"].astype(np.int64),
            _sums(columns["first_done"], _joined(columns["done"]), sorted_services) * tick_us,
            _joined(columns["duration_us"]),
            np.unpackbits(columns["failed"], count=len(order)).astype(np.int64),
        )
    spans = np.empty((len(order), SPAN_COLUMNS), dtype=np.int64)
    spans[order] = np.stack(kept, axis=1)
    return SpanColumns(services, sent_ms, counts, spans)


def _differences(
    column: NDArray[np.int64], groups: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first number of each group, and the differences within, as numbers without sign.

    A difference of d is 2 d, or -2 d - 1 if it is negative.
    """
    starts = _starts(groups)
    deltas = np.diff(column, prepend=column[:1])
    deltas[starts] = 0
    return column[starts], (deltas << 1) ^ (deltas >> 63)


def _sums(
    first: NDArray[np.int64], differences: NDArray[np.int64], groups: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Undo `_differences`."""
    starts = _starts(groups)
    deltas = (differences >> 1) ^ -(differences & 1)
    totals = np.cumsum(deltas)
    lengths = np.diff(starts, append=len(groups))
    return np.asarray(totals + np.repeat(first - totals[starts], lengths), dtype=np.int64)


def _starts(groups: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return where each group of an ascending column starts."""
    return np.flatnonzero(np.diff(groups.astype(np.int64), prepend=-1))


def _planes(name: str, column: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the bytes of 32-bit numbers, shape (4, n), the lowest bytes first."""
    if len(column) and (column.min() < 0 or column.max() > _MOST):
        raise RecordingError(f"{name} goes from {column.min()} to {column.max()}, expected 0 to {_MOST}")
    return np.ascontiguousarray(column.astype("<u4").view(np.uint8).reshape(-1, 4).T)


def _joined(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.int64)
