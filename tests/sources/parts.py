"""What a source makes of a record, in a list."""

from __future__ import annotations

import asyncio

from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Update
from pg_streaming_machine_learning.sources.source import RefusedPart, Source, read_whole

TIMESTAMP_MS = 1_795_225_000_000
"""Kafka's timestamp of records: a quarter of an hour after the spans of the samples."""


def record_of(value: bytes | None, key: bytes | None = None, timestamp_ms: int = TIMESTAMP_MS) -> InputRecord:
    return InputRecord("topic", 2, 1_000, timestamp_ms, key, value)


def parts_of(source: Source, record: InputRecord) -> list[Update | RefusedPart]:
    """Return all parts, the pauses left out."""
    return asyncio.run(read_whole(source, record))
