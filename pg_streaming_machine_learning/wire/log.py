"""Records of the log topic ↔ bytes.

The log is kept for ever and read again and again, so its format is fixed and compact: byte 0 is the version
of the format, byte 1 the kind of record, then an Avro body by the schema below. What has been written is
never changed; a kind that needs another shape gets a number of its own. Symbols are written by their place
in the contract's enums, which only grow at their ends.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro

from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    LogRecord,
    Metric,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)

__all__ = ["FORMAT_VERSION", "decode", "encode_mark", "encode_update", "log_key"]

FORMAT_VERSION = 1
"""Byte 0 of every value of the log."""

WINDOW_UPDATE = 1
"""Byte 1 of a window update."""

PROGRESS_MARK = 2
"""Byte 1 of a progress mark."""

_METRICS = tuple(metric.value for metric in TraceMetric)
_MEASURES = tuple(measure.value for measure in TraceMeasure)
_UNITS = tuple(unit.value for unit in TraceUnit)


def _record(name: str, **fields: Any) -> Any:
    """Return the parsed schema of a record with these fields, in this order."""
    return fastavro.parse_schema(
        {
            "type": "record",
            "name": name,
            "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
        }
    )


_UPDATE = _record(
    "WindowUpdate",
    topic="string",
    partition="int",
    offset="long",
    index="int",
    host="string",
    metric="int",
    measure="int",
    unit="int",
    window_start_ms="long",
    statistics={"type": "array", "items": "double"},
    label=["null", "int"],
)

_MARK = _record(
    "ProgressMark",
    topic="string",
    partition="int",
    partitions="int",
    event_ms=["null", "long"],
    idle="boolean",
    sent_ms="long",
)


def encode_update(update: WindowUpdate) -> bytes:
    """Return the value of a window update."""
    metric = update.metric
    return _encode(
        WINDOW_UPDATE,
        _UPDATE,
        {
            "topic": update.place.topic,
            "partition": update.place.partition,
            "offset": update.place.offset,
            "index": update.place.index,
            "host": update.host,
            "metric": _METRICS.index(metric.metric),
            "measure": _MEASURES.index(metric.measure),
            "unit": _UNITS.index(metric.unit),
            "window_start_ms": update.window_start_ms,
            "statistics": update.statistics,
            "label": update.label,
        },
    )


def encode_mark(mark: ProgressMark) -> bytes:
    """Return the value of a progress mark."""
    return _encode(
        PROGRESS_MARK,
        _MARK,
        {
            "topic": mark.input.topic,
            "partition": mark.input.partition,
            "partitions": mark.partitions,
            "event_ms": mark.event_ms,
            "idle": mark.idle,
            "sent_ms": mark.sent_ms,
        },
    )


def log_key(record: LogRecord) -> bytes | None:
    """Return the key of a record of the log: the host of an update, none for a mark."""
    return record.host.encode() if isinstance(record, WindowUpdate) else None


def decode(value: bytes) -> LogRecord:
    """Return the record that a value of the log holds.

    Raises
    ------
    LogFormatError
        If the bytes are damaged, or were written by a newer release.
    """
    if len(value) < 2 or value[0] != FORMAT_VERSION:
        raise LogFormatError(
            f"record of the log begins with {value[:2].hex(' ') or 'nothing'}, expected format version "
            f"{FORMAT_VERSION:02x}: it is damaged or was written by a newer release"
        )
    if value[1] == WINDOW_UPDATE:
        return _update(_decode(_UPDATE, value))
    if value[1] == PROGRESS_MARK:
        return _mark(_decode(_MARK, value))
    raise LogFormatError(
        f"record of the log has kind {value[1]}, expected {WINDOW_UPDATE} or {PROGRESS_MARK}: "
        "it is damaged or was written by a newer release"
    )


def _encode(kind: int, schema: Any, fields: dict[str, Any]) -> bytes:
    body = BytesIO()
    body.write(bytes((FORMAT_VERSION, kind)))
    fastavro.schemaless_writer(body, schema, fields)
    return body.getvalue()


def _decode(schema: Any, value: bytes) -> dict[str, Any]:
    body = BytesIO(value)
    body.seek(2)
    try:
        found: Any = fastavro.schemaless_reader(body, schema, None)
    except Exception as error:  # whatever it is, the engine must not go on
        raise LogFormatError(f"record of the log is damaged: {type(error).__name__} {error}") from error
    left = len(value) - body.tell()
    if left > 0:
        raise LogFormatError(f"record of the log is damaged: {left} bytes left over")
    fields: dict[str, Any] = found
    return fields


def _update(fields: dict[str, Any]) -> WindowUpdate:
    return WindowUpdate(
        place=SourcePlace(fields["topic"], fields["partition"], fields["offset"], fields["index"]),
        host=fields["host"],
        metric=Metric(
            _symbol(_METRICS, fields["metric"]),
            _symbol(_MEASURES, fields["measure"]),
            _symbol(_UNITS, fields["unit"]),
        ),
        window_start_ms=fields["window_start_ms"],
        statistics=tuple(fields["statistics"]),
        label=fields["label"],
    )


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
