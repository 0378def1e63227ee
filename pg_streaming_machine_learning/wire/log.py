"""Records of the log topic ↔ bytes.

The log is kept for ever and read again and again, so its format is fixed and compact: byte 0 is the version
of the format, byte 1 the kind of record, then an Avro body by a schema of `wire.log_schemas`. What has been
written is never changed; a kind that needs another shape gets a number of its own. Symbols are written by
their place in the contract's enums, which only grow at their ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any

import fastavro
import numpy as np

from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    InputPartition,
    LabelUpdate,
    Metric,
    ProgressMark,
    Reading,
    ReadingsUpdate,
    SourcePlace,
    Update,
    WindowUpdate,
)
from pg_streaming_machine_learning.records.window_updates import METRICS, NO_LABEL, ROW, WindowUpdates
from pg_streaming_machine_learning.wire.log_schemas import (
    DURATIONS_UPDATE_SCHEMA,
    LABEL_UPDATE_SCHEMA,
    PROGRESS_MARK_SCHEMA,
    READINGS_UPDATE_SCHEMA,
    WINDOW_UPDATE_SCHEMA,
    WINDOW_UPDATES_SCHEMA,
)
from pg_streaming_machine_learning.wire.metric_symbols import METRIC_BYTES, METRIC_OF
from pg_streaming_machine_learning.wire.window_update import read_window_update, window_update_bytes
from pg_streaming_machine_learning.wire.zigzag import IRREGULAR

__all__ = ["FORMAT_VERSION", "decode", "encode_mark", "encode_update"]

FORMAT_VERSION = 1
"""Byte 0 of every value of the log."""

WINDOW_UPDATE = 1
"""Byte 1 of a window update."""

PROGRESS_MARK = 2
"""Byte 1 of a progress mark."""

READINGS_UPDATE = 3
"""Byte 1 of readings."""

DURATIONS_UPDATE = 4
"""Byte 1 of durations."""

LABEL_UPDATE = 5
"""Byte 1 of a label."""

WINDOW_UPDATES = 6
"""Byte 1 of many window updates."""

_HEAD_BYTES = 2
_WINDOW_UPDATE_HEAD = bytes((FORMAT_VERSION, WINDOW_UPDATE))

_METRICS = tuple(metric.value for metric in TraceMetric)
_MEASURES = tuple(measure.value for measure in TraceMeasure)
_UNITS = tuple(unit.value for unit in TraceUnit)


def encode_update(update: Update | WindowUpdates) -> bytes:
    """Return the value of an update, or of many."""
    if isinstance(update, WindowUpdates):
        return _encode_many(update)
    if isinstance(update, WindowUpdate):
        try:
            return _WINDOW_UPDATE_HEAD + window_update_bytes(update)
        except IRREGULAR:
            return _encode_update(update)
    return _encode_update(update)


def _encode_update(update: Update) -> bytes:
    """Return the value of an update of any kind."""
    place = update.place
    fields: dict[str, Any] = {
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "index": place.index,
        "host": update.host,
    }
    if isinstance(update, ReadingsUpdate):
        fields["readings"] = [_reading_fields(reading) for reading in update.readings]
        return _encode(READINGS_UPDATE, READINGS_UPDATE_SCHEMA, fields)
    if isinstance(update, DurationsUpdate):
        fields["durations"] = [_duration_fields(duration) for duration in update.durations]
        return _encode(DURATIONS_UPDATE, DURATIONS_UPDATE_SCHEMA, fields)
    fields |= {"window_start_ms": update.window_start_ms, "label": update.label}
    if isinstance(update, LabelUpdate):
        return _encode(LABEL_UPDATE, LABEL_UPDATE_SCHEMA, fields)
    fields |= {**_metric_fields(update.metric), "statistics": update.statistics}
    return _encode(WINDOW_UPDATE, WINDOW_UPDATE_SCHEMA, fields)


def _encode_many(updates: WindowUpdates) -> bytes:
    return _encode(
        WINDOW_UPDATES,
        WINDOW_UPDATES_SCHEMA,
        {
            "topic": updates.input.topic,
            "partition": updates.input.partition,
            "hosts": updates.hosts,
            "rows": updates.rows.tobytes(),
        },
    )


def encode_mark(mark: ProgressMark) -> bytes:
    """Return the value of a progress mark."""
    return _encode(
        PROGRESS_MARK,
        PROGRESS_MARK_SCHEMA,
        {
            "topic": mark.input.topic,
            "partition": mark.input.partition,
            "partitions": mark.partitions,
            "event_ms": mark.event_ms,
            "idle": mark.idle,
            "sent_ms": mark.sent_ms,
        },
    )


def decode(value: bytes) -> LogRecord:
    """Return the record that a value of the log holds.

    Raises
    ------
    LogFormatError
        If the bytes are damaged, or were written by a newer release.
    """
    if value.startswith(_WINDOW_UPDATE_HEAD):
        try:
            return read_window_update(value, _HEAD_BYTES)
        except IRREGULAR:
            return _decode_any(value)
    return _decode_any(value)


def _decode_any(value: bytes) -> LogRecord:
    """Return the record of any kind, or say what is wrong with it."""
    if len(value) < _HEAD_BYTES or value[0] != FORMAT_VERSION:
        raise LogFormatError(
            f"record of the log begins with {value[:2].hex(' ') or 'nothing'}, expected format version "
            f"{FORMAT_VERSION:02x}: it is damaged or was written by a newer release"
        )
    kind = _KINDS.get(value[1])
    if kind is None:
        raise LogFormatError(
            f"record of the log has kind {value[1]}, expected one of {', '.join(map(str, _KINDS))}: "
            "it is damaged or was written by a newer release"
        )
    schema, make = kind
    return make(_decode(schema, value))


def _encode(kind: int, schema: Any, fields: dict[str, Any]) -> bytes:
    body = BytesIO()
    body.write(bytes((FORMAT_VERSION, kind)))
    fastavro.schemaless_writer(body, schema, fields)
    return body.getvalue()


def _decode(schema: Any, value: bytes) -> dict[str, Any]:
    body = BytesIO(value)
    body.seek(_HEAD_BYTES)
    try:
        found: Any = fastavro.schemaless_reader(body, schema, None)
    except Exception as error:  # whatever it is, the engine must not go on
        raise LogFormatError(f"record of the log is damaged: {type(error).__name__} {error}") from error
    left = len(value) - body.tell()
    if left > 0:
        raise LogFormatError(f"record of the log is damaged: {left} bytes left over")
    fields: dict[str, Any] = found
    return fields


def _metric_fields(metric: Metric) -> dict[str, int]:
    return {
        "metric": _METRICS.index(metric.metric),
        "measure": _MEASURES.index(metric.measure),
        "unit": _UNITS.index(metric.unit),
    }


def _reading_fields(reading: Reading) -> dict[str, Any]:
    return {
        **_metric_fields(reading.metric),
        "timestamp_ms": reading.timestamp_ms,
        "value": reading.value,
        "counter": reading.counter,
    }


def _duration_fields(duration: Duration) -> dict[str, Any]:
    return {
        "service": duration.service,
        "start_ms": duration.start_ms,
        "duration_us": duration.duration_us,
        "is_error": duration.is_error,
    }


def _place(fields: dict[str, Any]) -> SourcePlace:
    return SourcePlace(fields["topic"], fields["partition"], fields["offset"], fields["index"])


@lru_cache(len(METRIC_OF))
def _metric(metric: int, measure: int, unit: int) -> Metric:
    """Return the metric of three symbols, the same object as in every other record."""
    symbols = _symbol(_METRICS, metric), _symbol(_MEASURES, measure), _symbol(_UNITS, unit)
    return METRIC_OF[METRIC_BYTES[symbols]]


def _update(fields: dict[str, Any]) -> WindowUpdate:
    return WindowUpdate(
        place=_place(fields),
        host=fields["host"],
        metric=_metric(fields["metric"], fields["measure"], fields["unit"]),
        window_start_ms=fields["window_start_ms"],
        statistics=tuple(fields["statistics"]),
        label=fields["label"],
    )


def _updates(fields: dict[str, Any]) -> WindowUpdates:
    hosts, data = tuple(fields["hosts"]), fields["rows"]
    if len(data) % ROW.itemsize:
        raise LogFormatError(
            f"record of the log is damaged: rows of {ROW.itemsize} bytes each have {len(data)}"
        )
    rows = np.frombuffer(data, ROW)
    offsets = rows["offset"]
    is_right = (
        bool(np.all(offsets[1:] > offsets[:-1]))
        and bool(np.all(rows["host"] < len(hosts)))
        and bool(np.all(rows["label"] <= NO_LABEL))
        and METRICS.keys() >= set(np.unique(rows["metric"]).tolist())
    )
    if not is_right:
        raise LogFormatError(
            "record of the log has rows with offsets that do not ascend, or hosts, metrics or labels that "
            "do not exist: it is damaged or was written by a newer release"
        )
    return WindowUpdates(InputPartition(fields["topic"], fields["partition"]), hosts, rows)


def _readings(fields: dict[str, Any]) -> ReadingsUpdate:
    readings = tuple(
        Reading(
            _metric(each["metric"], each["measure"], each["unit"]),
            each["timestamp_ms"],
            each["value"],
            each["counter"],
        )
        for each in fields["readings"]
    )
    return ReadingsUpdate(_place(fields), fields["host"], readings)


def _durations(fields: dict[str, Any]) -> DurationsUpdate:
    durations = tuple(Duration(**each) for each in fields["durations"])
    return DurationsUpdate(_place(fields), fields["host"], durations)


def _label(fields: dict[str, Any]) -> LabelUpdate:
    return LabelUpdate(_place(fields), fields["host"], fields["window_start_ms"], fields["label"])


def _mark(fields: dict[str, Any]) -> ProgressMark:
    return ProgressMark(
        input=InputPartition(fields["topic"], fields["partition"]),
        partitions=fields["partitions"],
        event_ms=fields["event_ms"],
        idle=fields["idle"],
        sent_ms=fields["sent_ms"],
    )


def _symbol(symbols: tuple[str, ...], place: int) -> str:
    if not 0 <= place < len(symbols):
        raise LogFormatError(
            f"record of the log has symbol {place} of {len(symbols)}: "
            "it is damaged or was written by a newer release"
        )
    return symbols[place]


_KINDS: dict[int, tuple[Any, Callable[[dict[str, Any]], LogRecord]]] = {
    WINDOW_UPDATE: (WINDOW_UPDATE_SCHEMA, _update),
    PROGRESS_MARK: (PROGRESS_MARK_SCHEMA, _mark),
    READINGS_UPDATE: (READINGS_UPDATE_SCHEMA, _readings),
    DURATIONS_UPDATE: (DURATIONS_UPDATE_SCHEMA, _durations),
    LABEL_UPDATE: (LABEL_UPDATE_SCHEMA, _label),
    WINDOW_UPDATES: (WINDOW_UPDATES_SCHEMA, _updates),
}
"""Schema and maker of each kind of record."""
