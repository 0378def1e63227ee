"""Recordings of format 1, which had readings and response times, as the lines and spans of today's.

What was not recorded is left out, not made up: disk times, what a request was for, and who called whom; each
span is a trace of its own. A counter is the sum of the recorded rates, which were rounded to whole bytes a
second. Answers were recorded to the millisecond. Each service's spans of a second are taken to have been sent
at its end.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.testbed.lines import FIELDS
from pg_streaming_machine_learning.testbed.span_columns import SPAN_COLUMNS, SpanColumns
from pg_streaming_machine_learning.testbed.span_text import MOST_SPANS, UNKNOWN_KIND

__all__ = ["FORMER_FORMAT", "former_rows", "former_spans"]

FORMER_FORMAT = 1

_READINGS_FILE = "readings.csv.gz"
_REQUESTS_FILE = "requests.npz.xz"
_MEGABYTE = 1_000_000
_RATES = {
    "DISK_READ": "read_bytes",
    "DISK_WRITE": "write_bytes",
    "NETWORK_IN": "bytes_recv",
    "NETWORK_OUT": "bytes_sent",
}


def former_rows(
    path: Path, services: Sequence[str], metrics: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return times, rows and other load (`Recording`) of a recording of format 1.

    A row goes before the first, with the counters alone: the rates of the first reading counted from there.
    """
    text = gzip.decompress((path / _READINGS_FILE).read_bytes()).decode()
    table = list(csv.reader(io.StringIO(text)))[1:]
    values = np.array([[float(cell) for cell in row[1:]] for row in table], dtype=np.float64)
    values = values.reshape(len(table), 1 + len(services) * len(metrics))
    read_ms = np.array([int(row[0]) for row in table], dtype=np.int64)
    rows_ms = np.concatenate((read_ms[:1] - 1000, read_ms))
    readings = values[:, 1:].reshape(len(table), len(services), len(metrics))
    rows = np.full((len(rows_ms), len(services), len(FIELDS)), np.nan)
    elapsed_s = (np.diff(rows_ms) / 1000)[:, None]
    for column, metric in enumerate(metrics):
        if metric == "CPU":
            rows[1:, :, 0] = np.maximum(0.0, np.round(100 - readings[:, :, column], 1))
        elif metric == "MEMORY":
            rows[1:, :, 1] = np.round(readings[:, :, column] * _MEGABYTE)
        else:
            counter = FIELDS.index(_RATES[metric])
            rows[:1, :, counter] = 0
            rows[1:, :, counter] = np.cumsum(np.round(readings[:, :, column] * elapsed_s), axis=0)
    return rows_ms, rows, np.concatenate((np.zeros(len(rows_ms) - len(table)), values[:, 0]))


def former_spans(path: Path) -> SpanColumns:
    """Return the spans of a recording of format 1."""
    with np.load(
        io.BytesIO(lzma.decompress((path / _REQUESTS_FILE).read_bytes())), allow_pickle=False
    ) as kept:
        services = kept["services"].astype(np.uint8)
        done_ms = np.cumsum(_joined(kept["deltas_ms"]))
        if len(done_ms):
            done_ms += kept["first_ms"][0]
        request_us = _joined(kept["request_us"])
    spans = np.zeros((len(services), SPAN_COLUMNS), dtype=np.int64)
    spans[:, 0] = np.arange(len(services))
    spans[:, 1] = UNKNOWN_KIND
    spans[:, 2] = done_ms * 1000
    spans[:, 3] = request_us
    sent_ms = (done_ms // 1000 + 1) * 1000
    order = np.lexsort((services, sent_ms))
    batches = np.stack((sent_ms[order], services[order].astype(np.int64)), axis=1)
    (groups, sizes) = np.unique(batches, axis=0, return_counts=True)
    parts = [_parts(int(size)) for size in sizes]
    times = np.array([len(each) for each in parts], dtype=np.int64)
    return SpanColumns(
        services=np.repeat(groups[:, 1], times).astype(np.uint8),
        sent_ms=np.repeat(groups[:, 0], times),
        counts=np.array([count for each in parts for count in each], dtype=np.int64),
        spans=spans[order],
    )


def _parts(size: int) -> list[int]:
    """Return how many spans each message of so many has."""
    whole, rest = divmod(size, MOST_SPANS)
    return [MOST_SPANS] * whole + [rest] * (rest > 0)


def _joined(planes: NDArray[np.uint8]) -> NDArray[np.int64]:
    return np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.int64)
