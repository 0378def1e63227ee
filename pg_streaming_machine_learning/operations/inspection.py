"""Records of our topics as plain data that JSON can hold, for people to read."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from enum import Enum
from typing import Any, Literal

from pg_streaming_machine_learning.errors import (
    LogFormatError,
    RefusedRecord,
    RegistryError,
    RegistryUnavailable,
    RegistryUnreachable,
)
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.wire import log
from pg_streaming_machine_learning.wire.body import BodyReader
from pg_streaming_machine_learning.wire.framing import unframe
from pg_streaming_machine_learning.wire.registry import Registry
from pg_streaming_machine_learning.wire.target import decode_target, decode_target_key
from pg_streaming_machine_learning.wire.windowed_key import split_windowed_key

__all__ = ["Inspector", "Part", "TopicKind"]

Part = Literal["key", "value"]
"""Which half of a record some bytes are."""

_Decoding = Callable[[bytes], Awaitable[Any]]


class TopicKind(Enum):
    """What the records of a topic are made of."""

    WINDOWED = "windowed"
    """An input topic: windowed Avro key, Avro value."""
    TARGETS = "targets"
    """Windowed host, a number of four bytes."""
    SYSTEM_TRACES = "system-traces"
    """Name of the source, Avro value."""
    TEXT = "text"
    """What agents send: text, such as lines or JSON."""
    LOG = "log"
    """The log: host, our own encoding."""
    PREDICTIONS = "predictions"
    """Host, Avro value."""
    DEAD_LETTERS = "dead-letters"
    """Untouched bytes of another topic, which the headers name."""
    OTHER = "other"
    """Anything: Avro if it is framed, else text, else hexadecimal digits."""


class Inspector:
    """Decode records as their topic writes them; what cannot be decoded says why.

    Parameters
    ----------
    kinds : dict of str to TopicKind
        Our topics; any other is `TopicKind.OTHER`.
    registry : Registry
        Where the writers' schemas are.
    """

    def __init__(self, kinds: dict[str, TopicKind], registry: Registry) -> None:
        self._kinds = kinds
        self._registry = registry
        self._bodies: dict[int, BodyReader] = {}

    async def describe(self, record: InputRecord) -> dict[str, Any]:
        """Return a record of Kafka, place and headers included.

        Raises
        ------
        RegistryUnreachable
            If a schema is needed and no registry answers.
        """
        headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
        topic = record.topic
        if self._kinds.get(topic) is TopicKind.DEAD_LETTERS:
            topic = headers.get("topic", "")
        return {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": _time(record.timestamp_ms) if record.timestamp_ms > 0 else None,
            "headers": headers,
            "key": await self.decode(topic, "key", record.key),
            "value": await self.decode(topic, "value", record.value),
        }

    async def decode(self, topic: str, part: Part, data: bytes | None) -> Any:
        """Return what a key or a value of a topic holds, None for none.

        Raises
        ------
        RegistryUnreachable
            If a schema is needed and no registry answers.

        Notes
        -----
        Bytes that are refused come back as hexadecimal digits with the reason; NaN as null, since JSON
        has none, and an infinity as text.
        """
        if data is None:
            return None
        try:
            return _plain(await self._decoding(topic, part)(data))
        except (RefusedRecord, LogFormatError) as error:
            return {"hex": data.hex(" "), "refused": str(error)}
        except RegistryUnavailable as error:
            return {"hex": data.hex(" "), "refused": await self._why_not(error)}

    def _decoding(self, topic: str, part: Part) -> _Decoding:
        kind = self._kinds.get(topic, TopicKind.OTHER)
        table: dict[tuple[TopicKind, Part], _Decoding] = {
            (TopicKind.WINDOWED, "key"): self._windowed_key,
            (TopicKind.WINDOWED, "value"): self._avro,
            (TopicKind.TARGETS, "key"): _target_key,
            (TopicKind.TARGETS, "value"): _target,
            (TopicKind.SYSTEM_TRACES, "key"): _text,
            (TopicKind.SYSTEM_TRACES, "value"): self._avro,
            (TopicKind.TEXT, "key"): _text,
            (TopicKind.TEXT, "value"): _text,
            (TopicKind.LOG, "key"): _text,
            (TopicKind.LOG, "value"): _log_record,
            (TopicKind.PREDICTIONS, "key"): _text,
            (TopicKind.PREDICTIONS, "value"): self._avro,
        }
        return table.get((kind, part), self._anything)

    async def _windowed_key(self, data: bytes) -> Any:
        inner, start_ms = split_windowed_key(data)
        return {**await self._avro(inner), **_window(start_ms)}

    async def _avro(self, data: bytes) -> dict[str, Any]:
        schema_id, body = unframe(data)
        if schema_id not in self._bodies:
            writer = await self._registry.schema(schema_id)
            self._bodies[schema_id] = BodyReader(writer, writer, {})
        return self._bodies[schema_id].read(body)

    async def _anything(self, data: bytes) -> Any:
        try:
            return await self._avro(data)
        except (RefusedRecord, RegistryUnavailable):
            return await _text(data)

    async def _why_not(self, error: RegistryUnavailable) -> str:
        """Return why a schema is missing, if the registry as such is there."""
        try:
            await self._registry.ping()
        except RegistryError as unreachable:
            raise RegistryUnreachable(f"{unreachable}; is SCHEMA_REGISTRY_URL right?") from unreachable
        return str(error)


async def _text(data: bytes) -> Any:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return {"hex": data.hex(" ")}


async def _target_key(data: bytes) -> Any:
    host, start_ms = decode_target_key(data)
    return {"host": host, **_window(start_ms)}


async def _target(data: bytes) -> Any:
    return {"label": decode_target(data)}


async def _log_record(data: bytes) -> Any:
    record = log.decode(data)
    about: dict[str, Any] = {"type": type(record).__name__}
    if isinstance(record, WindowUpdates):
        return about | {"updates": [dataclasses.asdict(update) for update in record]}
    return about | dataclasses.asdict(record)


def _plain(value: Any) -> Any:
    """Return a value with nothing in it that JSON lacks."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, bytes):
        return {"hex": value.hex(" ")}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Metric):
        value = value._asdict()
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _window(start_ms: int) -> dict[str, Any]:
    return {"window_start_ms": start_ms, "window_start": _time(start_ms)}


def _time(at_ms: int) -> str:
    """Return a time as ISO 8601, UTC; what is beyond the years of Python as its number."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{at_ms} ms"
