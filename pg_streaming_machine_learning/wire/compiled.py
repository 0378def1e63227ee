"""The reader of Avro bodies, compiled: plain Python, made for one writer's schema and one class of records.

It reads what nearly every body is, in one pass and without asking the schema again. Whatever is rare or wrong
(bytes cut or left over, integers written longer than need be, numbers out of range, symbols that are none of
ours) raises one of `zigzag.IRREGULAR`, and `BodyReader` decides what the body is, or why it is refused.

For ``FeatureKey``, written by its own schema, this is compiled::

    def read(data, at):
        raw = data[at]
        at += 1
        if raw > 127:
            raw, at = raw_integer(data, at, raw)
        if raw & 1:
            raise Irregular("a length below zero")
        end = at + (raw >> 1)
        v0 = data[at:end].decode()
        at = end
        v1 = symbols1[data[at]]
        at += 1
        ...
        if at != len(data):
            raise Irregular("not all of it was read")
        return (v0, v1, v2, v3)

Nothing of a schema's text gets into the code, only places of fields.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from pg_streaming_machine_learning.wire.writer_schema import has_fields
from pg_streaming_machine_learning.wire.zigzag import Irregular, raw_integer

__all__ = ["CompiledReader", "compile_reader"]

CompiledReader = Callable[[bytes, int], tuple[Any, ...]]
"""Takes bytes, and where the body begins in them; returns the values of the fields wanted, in their order."""

_MOST_SYMBOLS = 64
"""Of an enum: as many as have a place of one byte."""

_PROMOTED = {
    ("int", "int"): "{}",
    ("int", "long"): "{}",
    ("long", "long"): "{}",
    ("int", "double"): "float({})",
    ("long", "double"): "float({})",
    ("float", "float"): "{}",
    ("float", "double"): "{}",
    ("double", "double"): "{}",
    ("string", "string"): "{}",
    ("boolean", "boolean"): "{}",
}
"""How a value becomes what the reader wants, by the types of writer and reader; nothing else is compiled."""

_FIXED = {"double": "d", "float": "f"}
"""Types that `struct` reads, as it calls them."""

_BOOLEANS = {0: False, 1: True}

_INT_BITS = 32


def compile_reader(writer: Any, reader: Any, enums: Mapping[str, type[Enum]]) -> CompiledReader | None:
    """Return a reader compiled for a writer's schema, None if that has something that is not understood.

    Parameters
    ----------
    writer, reader : parsed schema
        Records of the same name.
    enums : mapping of str to type of Enum
        The classes of the reader's fields that are enums, by field.
    """
    written = [field["name"] for field in writer["fields"]]
    wanted = {field["name"]: _Type(field["type"], reader) for field in reader["fields"]}
    if not has_fields(writer, reader):
        return None
    code = _Code()
    for field in writer["fields"]:
        name = field["name"]
        if not code.add(_Type(field["type"], writer), wanted.get(name), enums.get(name)):
            return None
    return code.compiled([written.index(name) for name in wanted])


class _Type:
    """The type of a field: its name if it is primitive, ``enum`` with name and symbols, or empty."""

    def __init__(self, schema: Any, record: Any) -> None:
        if isinstance(schema, str):
            schema = record.get("__named_schemas", {}).get(schema, schema)
        attributes = {} if not isinstance(schema, dict) or "logicalType" in schema else schema
        self.kind: str = schema if isinstance(schema, str) else str(attributes.get("type"))
        self.name: str | None = attributes.get("name")
        self.symbols: list[str] = attributes.get("symbols", [])


class _Code:
    """The body of a function that reads fields, written field after field."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._values: list[str] = []
        self._run = ""
        self._names: dict[str, Any] = {"Irregular": Irregular, "raw_integer": raw_integer}

    def add(self, written: _Type, wanted: _Type | None, enum: type[Enum] | None) -> bool:
        """Read one more field; say False if that cannot be compiled.

        Parameters
        ----------
        written, wanted : _Type
            Of writer and reader; None if the reader does not have the field.
        enum : type of Enum or None
            The reader's class if it is an enum.
        """
        kind = written.kind
        wanted_kind = kind if wanted is None else wanted.kind
        promoted = _PROMOTED.get((kind, wanted_kind))
        if kind in _FIXED and promoted is not None:
            self._run += _FIXED[kind]
            self._values.append(f"v{len(self._values)}")
            return True
        self._end_run()
        value = f"v{len(self._values)}"
        if kind == wanted_kind == "enum":
            table = _symbols(written, wanted, enum)
            if table is None:
                return False
            self._look_up(value, table)
        elif promoted is None:
            return False
        elif kind == "boolean":
            self._look_up(value, _BOOLEANS)
        elif kind == "string":
            self._read_text(value)
        else:
            self._read_integer(value, kind)
        self._values.append(promoted.format(value) if promoted else value)
        return True

    def compiled(self, order: list[int]) -> CompiledReader:
        """Return the function; it returns the values at these places of the fields written."""
        self._end_run()
        self._write("if at != len(data):", "    raise Irregular('not all of it was read')")
        self._write(f"return ({''.join(self._values[place] + ', ' for place in order)})")
        source = "\n    ".join(["def read(data, at):", *self._lines])
        exec(source, self._names)
        read: CompiledReader = self._names["read"]
        return read

    def _write(self, *lines: str) -> None:
        self._lines += lines

    def _end_run(self) -> None:
        """Read the floating-point numbers gathered so far, at one go."""
        if not self._run:
            return
        first = len(self._values) - len(self._run)
        unpack, size = f"unpack{first}", struct.calcsize(f"<{self._run}")
        self._names[unpack] = struct.Struct(f"<{self._run}").unpack_from
        run = [f"v{first + number}" for number in range(len(self._run))]
        self._write(f"{', '.join(run)}, = {unpack}(data, at)", f"at += {size}")
        for value, code in zip(run, self._run, strict=True):
            if code == "f":  # a single NaN is not always written as it was read
                self._write(f"if {value} != {value}:", "    raise Irregular('a single NaN')")
        self._run = ""

    def _read_raw(self) -> None:
        self._write("raw = data[at]", "at += 1", "if raw > 127:", "    raw, at = raw_integer(data, at, raw)")

    def _read_integer(self, value: str, kind: str) -> None:
        self._read_raw()
        if kind == "int":
            self._write(f"    if raw >> {_INT_BITS}:", "        raise Irregular('an int of too many bits')")
        self._write(f"{value} = raw >> 1 ^ -(raw & 1)")

    def _read_text(self, value: str) -> None:
        self._read_raw()
        self._write("if raw & 1:", "    raise Irregular('a length below zero')", "end = at + (raw >> 1)")
        self._write(f"{value} = data[at:end].decode()", "at = end")

    def _look_up(self, value: str, table: Mapping[int, Any]) -> None:
        """Read one byte that stands for a value; any other byte is irregular."""
        self._names[f"symbols{len(self._values)}"] = table
        self._write(f"{value} = symbols{len(self._values)}[data[at]]", "at += 1")


def _symbols(written: _Type, wanted: _Type | None, enum: type[Enum] | None) -> dict[int, Any] | None:
    """Return the reader's members by the byte that the writer has for them, None if it is not that simple."""
    symbols = written.symbols
    if len(symbols) > _MOST_SYMBOLS or len(set(symbols)) != len(symbols):
        return None
    if wanted is None:
        return {2 * place: None for place in range(len(symbols))}
    if enum is None or written.name != wanted.name:
        return None
    known = {symbol: enum(symbol) for symbol in wanted.symbols}
    return {2 * place: known[symbol] for place, symbol in enumerate(symbols) if symbol in known}
