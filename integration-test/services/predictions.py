"""Predictions as a consumer of the topic sees them."""

from __future__ import annotations

import struct
import urllib.request
from functools import lru_cache
from io import BytesIO
from json import loads
from typing import Any

import fastavro

from services.topics import Read, read_until

__all__ = ["by_id", "decode", "read_predictions"]


def by_id(read: list[Read], registry_url: str) -> dict[str, dict[str, Any]]:
    """Return the predictions by id; an id may come more than once, but never with two contents.

    They are decoded here with nothing but fastavro and the schema in the registry.
    """
    values: dict[str, bytes] = {}
    predictions: dict[str, dict[str, Any]] = {}
    for record in read:
        assert record.value is not None
        prediction = decode(record.value, registry_url)
        assert record.key == prediction["host"].encode()
        name = prediction["id"]
        assert values.setdefault(name, record.value) == record.value, f"{name} has two contents"
        predictions[name] = prediction
    return predictions


def read_predictions(
    bootstrap: str, topic: str, registry_url: str, count: int, timeout_s: float
) -> dict[str, dict[str, Any]]:
    """Read until there are so many different predictions, or the time is up."""

    def enough(read: list[Read]) -> bool:
        return len(read) >= count and len({record.value for record in read}) >= count

    return by_id(read_until(bootstrap, topic, enough, timeout_s), registry_url)


def decode(value: bytes | None, registry_url: str) -> dict[str, Any]:
    """Return what a key or a value in Avro holds, by nothing but fastavro and the schema in the registry."""
    assert value is not None
    magic, schema_id = struct.unpack(">bI", value[:5])
    assert magic == 0
    body = BytesIO(value[5:])
    found: Any = fastavro.schemaless_reader(body, _schema(registry_url, schema_id), None)
    assert not body.read()
    decoded: dict[str, Any] = found
    return decoded


@lru_cache
def _schema(registry_url: str, schema_id: int) -> Any:
    with urllib.request.urlopen(f"{registry_url}/schemas/ids/{schema_id}", timeout=10) as answer:
        return fastavro.parse_schema(loads(loads(answer.read())["schema"]))
