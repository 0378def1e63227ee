"""The Avro body of a record: read by its writer's schema, then resolved to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import fastavro
from fastavro.schema import to_parsing_canonical_form

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.wire.writer_schema import record_name

__all__ = ["BodyReader"]

_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


class BodyReader:
    """Reads bodies written with one schema into the fields of another.

    fastavro accepts a body that is cut, or has bytes left over, or an enum index below zero. So a body is
    read with its writer's schema alone first, must be used up, and, where Avro allows one encoding only (no
    unions, arrays or maps), must be what the schema would write. Only then is it resolved.

    Parameters
    ----------
    writer : parsed schema
        The schema it was written with.
    reader : parsed schema
        The record wanted.
    symbols : mapping of str to frozenset of str
        The symbols of the reader's enum fields, by field.

    Raises
    ------
    RefusedRecord
        `Reason.WRONG_SCHEMA` if the writer's schema is not a record of the reader's name.
    """

    def __init__(self, writer: Any, reader: Any, symbols: Mapping[str, frozenset[str]]) -> None:
        self._name = record_name(reader)
        if record_name(writer) != self._name:
            raise RefusedRecord(
                Reason.WRONG_SCHEMA, f"the writer's schema is {record_name(writer)}, expected {self._name}"
            )
        self._writer = writer
        same = to_parsing_canonical_form(writer) == to_parsing_canonical_form(reader)
        self._reader = None if same else reader
        self._symbols = {} if same else symbols
        self._one_encoding = _has_one_encoding(writer)

    def read(self, body: bytes) -> dict[str, Any]:
        """Return the fields of the record.

        Raises
        ------
        RefusedRecord
            `Reason.BAD_AVRO` if the body is not of its schema, `Reason.UNKNOWN_SYMBOL` if an enum has a
            symbol that is none of ours, `Reason.WRONG_SCHEMA` if the record does not resolve to ours.
        """
        record = self._read_as_written(body)
        if self._reader is None:
            return record
        for field, symbols in self._symbols.items():
            symbol = record.get(field)
            if isinstance(symbol, str) and symbol not in symbols:
                expected = ", ".join(sorted(symbols))
                raise RefusedRecord(
                    Reason.UNKNOWN_SYMBOL, f"{field} is {symbol!r}, expected one of {expected}"
                )
        try:
            resolved: Any = fastavro.schemaless_reader(BytesIO(body), self._writer, self._reader)
        except Exception as error:  # a dead letter, whatever the reason
            raise RefusedRecord(
                Reason.WRONG_SCHEMA, f"does not resolve to {self._name}: {_first_line(error)}"
            ) from error
        fields: dict[str, Any] = resolved
        return fields

    def _read_as_written(self, body: bytes) -> dict[str, Any]:
        stream = BytesIO(body)
        try:
            record: Any = fastavro.schemaless_reader(stream, self._writer, None)
        except Exception as error:  # a dead letter, whatever the reason
            raise RefusedRecord(
                Reason.BAD_AVRO, f"{len(body)} bytes are no {self._name}: {_first_line(error)}"
            ) from error
        left = len(body) - stream.tell()
        if left > 0:
            raise RefusedRecord(Reason.BAD_AVRO, f"{left} bytes left over behind {self._name}")
        if self._one_encoding and self._written(record) != body:
            raise RefusedRecord(
                Reason.BAD_AVRO,
                f"{len(body)} bytes are not how a {self._name} is written (a value out of range)",
            )
        fields: dict[str, Any] = record
        return fields

    def _written(self, record: Any) -> bytes | None:
        stream = BytesIO()
        try:
            fastavro.schemaless_writer(stream, self._writer, record)
        except Exception:  # read, and yet not to be written: a dead letter
            return None
        return stream.getvalue()


def _has_one_encoding(schema: Any) -> bool:
    """Tell whether every record of the schema has exactly one encoding."""
    if isinstance(schema, list):
        return False
    if not isinstance(schema, dict):
        return True  # a primitive, or the name of a type that is judged where it is defined
    kind = schema["type"]
    if kind in ("record", "error"):
        return all(_has_one_encoding(field["type"]) for field in schema["fields"])
    return kind in _PRIMITIVES or kind in ("enum", "fixed")


def _first_line(error: Exception) -> str:
    # Without addresses of objects, the same bytes give the same dead letter.
    lines = re.sub(r"<[^<>]* at 0x[0-9a-f]+>", "them", str(error)).splitlines()
    return f"{type(error).__name__} {lines[0][:200]}" if lines else type(error).__name__
