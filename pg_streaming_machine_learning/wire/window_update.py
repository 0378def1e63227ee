"""A window update of the log, by hand: the record that the log has most of.

Its bytes are those that fastavro writes by the schema in `wire.log_schemas`, which remains what they are; a
hand knows the fields, and keeps what is the same in record after record.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from functools import lru_cache

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.update import SourcePlace, WindowUpdate
from pg_streaming_machine_learning.wire.metric_symbols import METRIC_BYTES, METRIC_OF
from pg_streaming_machine_learning.wire.zigzag import (
    Irregular,
    long_of,
    raw_integer,
    read_long,
    text_bytes,
    zigzag,
)

__all__ = ["LABEL_BYTES", "read_window_update", "window_update_bytes"]

_MOST_HOSTS = 50_000
"""Names of hosts remembered at most, as text or as bytes."""

_MOST_STARTS = 5_000
"""Starts of windows remembered at most: few windows are open at a time, but of many hosts."""

_MOST_INPUTS = 1_000
"""Input partitions remembered at most."""

_COUNT = zigzag(len(STATISTICS))
_STATISTICS = struct.Struct(f"<{len(STATISTICS)}d")
_END = 1 + _STATISTICS.size
"""Where the array of statistics says that no more come, behind its beginning."""

LABEL_BYTES: Mapping[int | None, bytes] = {
    None: zigzag(0),
    0: zigzag(1) + zigzag(0),
    1: zigzag(1) + zigzag(1),
}
"""A label as the union of null and int that it is: which of them, and its value."""

# What follows the statistics: the end of their array, the label, and no more.
_LABELS: Mapping[bytes, int | None] = {zigzag(0) + data: label for label, data in LABEL_BYTES.items()}

_host_bytes = lru_cache(_MOST_HOSTS)(text_bytes)
_host = lru_cache(_MOST_HOSTS)(bytes.decode)
_start_bytes = lru_cache(_MOST_STARTS)(zigzag)
_start = lru_cache(_MOST_STARTS)(long_of)


def window_update_bytes(update: WindowUpdate) -> bytes:
    """Return the body of an update.

    Raises
    ------
    ValueError, LookupError, struct.error
        If it is not an update like most (`wire.zigzag.IRREGULAR`).
    """
    place, metric = update.place, update.metric
    return b"".join(
        (
            _input_bytes(place.topic, place.partition),
            zigzag(place.offset),
            zigzag(place.index),
            _host_bytes(update.host),
            METRIC_BYTES[metric.metric, metric.measure, metric.unit],
            _start_bytes(update.window_start_ms),
            _COUNT,
            _STATISTICS.pack(*update.statistics),
            b"\x00",
            LABEL_BYTES[update.label],
        )
    )


def read_window_update(data: bytes, at: int) -> WindowUpdate:
    """Return the update whose body begins at a place and ends with the bytes.

    Raises
    ------
    ValueError, LookupError, struct.error
        If it is not an update like most, or none (`wire.zigzag.IRREGULAR`).
    """
    first = at
    length = data[at]
    at += 1
    if length > 0x7F:
        length, at = raw_integer(data, at, length)
    at += length >> 1
    while data[at] > 0x7F:
        at += 1
    at += 1
    topic, partition = _input(data[first:at])
    offset, at = read_long(data, at)
    index, at = read_long(data, at)
    length = data[at]
    at += 1
    if length > 0x7F:
        length, at = raw_integer(data, at, length)
    if length & 1:
        raise Irregular("a text has a negative length")
    end = at + (length >> 1)
    host = _host(data[at:end])
    at = end + 3
    metric = METRIC_OF[data[end:at]]
    end = at
    while data[end] > 0x7F:
        end += 1
    end += 1
    start_ms = _start(data[at:end])
    if data[end] != _COUNT[0]:
        raise Irregular("not the eleven statistics in one piece")
    return WindowUpdate(
        SourcePlace(topic, partition, offset, index),
        host,
        metric,
        start_ms,
        _STATISTICS.unpack_from(data, end + 1),
        _LABELS[data[end + _END :]],
    )


@lru_cache(_MOST_INPUTS)
def _input_bytes(topic: str, partition: int) -> bytes:
    return text_bytes(topic) + zigzag(partition)


@lru_cache(_MOST_INPUTS)
def _input(data: bytes) -> tuple[str, int]:
    length, at = read_long(data, 0)
    if length < 0:
        raise Irregular("a text has a negative length")
    return data[at : at + length].decode(), long_of(data[at + length :])
