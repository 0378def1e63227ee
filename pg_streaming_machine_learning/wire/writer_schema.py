"""The schema a record was written with, as a registry returns it, made fit to decode with."""

from __future__ import annotations

import json
from typing import Any

import fastavro

from pg_streaming_machine_learning.errors import Reason, RefusedRecord

__all__ = ["has_fields", "parse_writer_schema", "record_name"]

_MOST_FIELDS = 200
"""Of a writer's schema that something is made of: its size is bounded, whatever a registry says."""

_NOT_FOR_READING = frozenset({"doc", "logicalType", "order"})
"""What a schema says to people and to programs that want other values than those on the wire.

A date out of Python's range, in a field that is not ours, must not make a record unreadable.
"""


def parse_writer_schema(text: str, schema_type: str = "AVRO", *, keep_defaults: bool = False) -> Any:
    """Return the schema parsed by fastavro, names in full.

    Parameters
    ----------
    text : str
        JSON of the schema.
    schema_type : str
        What the registry calls it.
    keep_defaults : bool
        Keep the defaults of fields, and refuse schemas with invalid ones. They are dropped otherwise: the
        JVM jobs give their doubles the default ``"0"``, a string, which newer Avro refuses, and a writer's
        defaults are of no use to anybody who reads what it wrote.

    Raises
    ------
    RefusedRecord
        `Reason.WRONG_SCHEMA` if it is not Avro, or refers to types that it does not define.

    Examples
    --------
    >>> record_name(parse_writer_schema('{"type": "record", "name": "a.B", "fields": []}'))
    'a.B'
    """
    if schema_type != "AVRO":
        raise RefusedRecord(Reason.WRONG_SCHEMA, f"the writer's schema is {schema_type!r}, expected 'AVRO'")
    dropped = _NOT_FOR_READING if keep_defaults else _NOT_FOR_READING | {"default"}
    try:
        return fastavro.parse_schema(_without(dropped, json.loads(text)))
    except Exception as error:  # whatever a foreign schema provokes, its records become dead letters
        raise RefusedRecord(
            Reason.WRONG_SCHEMA, f"the writer's schema cannot be read: {type(error).__name__} {error}"
        ) from error


def record_name(schema: Any) -> str:
    """Return the full name of a parsed record schema, or what it is instead."""
    if isinstance(schema, dict) and schema.get("type") == "record":
        return str(schema["name"])
    return f"no record but {schema['type'] if isinstance(schema, dict) else schema!r}"


def has_fields(writer: Any, reader: Any) -> bool:
    """Say whether a writer's record has all fields of the reader's, each once, and not too many."""
    written = [field["name"] for field in writer["fields"]]
    wanted = {field["name"] for field in reader["fields"]}
    return len(set(written)) == len(written) <= _MOST_FIELDS and wanted <= set(written)


def _without(dropped: frozenset[str], node: Any) -> Any:
    if isinstance(node, list):
        return [_without(dropped, item) for item in node]
    if isinstance(node, dict):
        return {key: _without(dropped, value) for key, value in node.items() if key not in dropped}
    return node
