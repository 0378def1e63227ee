"""The Avro schemas of the records of the log, by which their bodies are what they are, for ever."""

from __future__ import annotations

from typing import Any

import fastavro

__all__ = [
    "DURATIONS_UPDATE_SCHEMA",
    "LABEL_UPDATE_SCHEMA",
    "PROGRESS_MARK_SCHEMA",
    "READINGS_UPDATE_SCHEMA",
    "WINDOW_UPDATES_SCHEMA",
    "WINDOW_UPDATE_SCHEMA",
]


def _record(name: str, **fields: Any) -> Any:
    """Return the parsed schema of a record with these fields, in this order."""
    return fastavro.parse_schema(
        {
            "type": "record",
            "name": name,
            "fields": [{"name": field, "type": kind} for field, kind in fields.items()],
        }
    )


def _array(name: str, **fields: Any) -> Any:
    """Return the schema of an array of records with these fields."""
    return {"type": "array", "items": _record(name, **fields)}


_PLACE = {"topic": "string", "partition": "int", "offset": "long", "index": "int", "host": "string"}

WINDOW_UPDATE_SCHEMA = _record(
    "WindowUpdate",
    **_PLACE,
    metric="int",
    measure="int",
    unit="int",
    window_start_ms="long",
    statistics={"type": "array", "items": "double"},
    label=["null", "int"],
)

# The rows one after the other, each as `records.window_updates.ROW` has it, little-endian.
WINDOW_UPDATES_SCHEMA = _record(
    "WindowUpdates",
    topic="string",
    partition="int",
    hosts={"type": "array", "items": "string"},
    rows="bytes",
)

READINGS_UPDATE_SCHEMA = _record(
    "ReadingsUpdate",
    **_PLACE,
    readings=_array(
        "Reading",
        metric="int",
        measure="int",
        unit="int",
        timestamp_ms="long",
        value="double",
        counter="string",
    ),
)

DURATIONS_UPDATE_SCHEMA = _record(
    "DurationsUpdate",
    **_PLACE,
    durations=_array("Duration", service="string", start_ms="long", duration_us="long", is_error="boolean"),
)

LABEL_UPDATE_SCHEMA = _record("LabelUpdate", **_PLACE, window_start_ms="long", label="int")

PROGRESS_MARK_SCHEMA = _record(
    "ProgressMark",
    topic="string",
    partition="int",
    partitions="int",
    event_ms=["null", "long"],
    idle="boolean",
    sent_ms="long",
)
