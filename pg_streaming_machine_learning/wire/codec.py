"""Avro codec of one record class, framed, with the writers' schemas from the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from io import BytesIO
from typing import Any, Generic, Protocol, TypeVar, get_args, get_origin, get_type_hints

import fastavro
import numpy as np
from dataclasses_avroschema import AvroModel
from numpy.typing import NDArray

from pg_streaming_machine_learning.wire.body import BodyReader
from pg_streaming_machine_learning.wire.compiled import CompiledReader, compile_reader
from pg_streaming_machine_learning.wire.framing import HEADER_BYTES, frame, unframe
from pg_streaming_machine_learning.wire.rows import RowLayout, row_layout
from pg_streaming_machine_learning.wire.zigzag import IRREGULAR

__all__ = ["AvroDecoder", "AvroEncoder", "WriterSchemas", "schema_of"]

Model = TypeVar("Model", bound=AvroModel)

Making = Callable[[Any], Any]


class WriterSchemas(Protocol):
    """Where writers' schemas come from: the `Registry`."""

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        """Return the parsed schema of an id."""


def schema_of(model: type[AvroModel]) -> dict[str, Any]:
    """Return the Avro schema of a record class, as it is registered.

    Examples
    --------
    >>> from pg_streaming_machine_learning.wire.feature import Feature
    >>> schema_of(Feature)["namespace"], schema_of(Feature)["fields"][0]
    ('pg.streaming.schema', {'name': 'minimum', 'type': 'double'})
    """
    schema: dict[str, Any] = model.avro_schema_to_python()
    return schema


class AvroDecoder(Generic[Model]):
    """Decodes framed bytes into records of one class.

    Parameters
    ----------
    model : type of AvroModel
        The class wanted. Its fields are primitives, enums, records and lists of these.
    registry : WriterSchemas
        Where the writers' schemas are.
    """

    def __init__(self, model: type[Model], registry: WriterSchemas) -> None:
        self._model = model
        self._registry = registry
        schema = schema_of(model)
        self._reader = fastavro.parse_schema(schema)
        self._symbols = _symbols(schema)
        self._makings = _makings(model)
        self._enums = {name: kind for name, kind in _kinds(model).items() if _is_a(kind, Enum)}
        self._writers: dict[bytes, CompiledReader] = {}
        self._layouts: dict[bytes, RowLayout] = {}

    def at_once(self, data: bytes) -> tuple[Any, ...] | None:
        """Return the values of the record's fields in their order, None if its schema has to be asked for.

        Raises
        ------
        RefusedRecord
            See `decode`.
        """
        read = self._writers.get(data[:HEADER_BYTES])
        return None if read is None else read(data, HEADER_BYTES)

    async def fields(self, data: bytes, record_time_s: float | None = None) -> tuple[Any, ...]:
        """Return the values of the record's fields in their order; see `decode`."""
        values = self.at_once(data)
        if values is not None:
            return values
        schema_id, _ = unframe(data)
        writer = await self._registry.schema(schema_id, record_time_s)
        read = self._writers[data[:HEADER_BYTES]] = self._reading(writer)
        layout = row_layout(writer, self._reader)
        if layout is not None:
            self._layouts[data[:HEADER_BYTES]] = layout
        return read(data, HEADER_BYTES)

    def rows(self, data: Sequence[bytes]) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]] | None:
        """Return the values of many records by field, and which of them were read (`RowLayout.read`).

        All that were read are of one schema; None if no schema is known by which they could be. The others
        are to be decoded one by one.
        """
        headers = (each[:HEADER_BYTES] for each in data)
        header = next((each for each in headers if each in self._layouts), None)
        return None if header is None else self._layouts[header].read(data, header)

    async def decode(self, data: bytes, record_time_s: float | None = None) -> Model:
        """Return the record that the bytes hold.

        Parameters
        ----------
        data : bytes
            Header and body.
        record_time_s : float or None
            When the record was written, seconds since the epoch: how long an unknown schema is waited for.

        Raises
        ------
        RefusedRecord
            If the bytes are no such record, with the reason.
        RegistryUnavailable
            If the registry gave no answer; nothing is known of the bytes then.
        """
        values = await self.fields(data, record_time_s)
        return self._model(**dict(zip(self._makings, values, strict=True)))

    def _reading(self, writer: Any) -> CompiledReader:
        """Return what reads the bodies of a writer's schema: compiled, as far as it can be."""
        bodies, makings = BodyReader(writer, self._reader, self._symbols), self._makings

        def read_any(data: bytes, at: int) -> tuple[Any, ...]:
            values = bodies.read(data[at:])
            return tuple(
                values[name] if making is None else making(values[name]) for name, making in makings.items()
            )

        read_most = compile_reader(writer, self._reader, self._enums)
        if read_most is None:
            return read_any

        def read(data: bytes, at: int) -> tuple[Any, ...]:
            try:
                return read_most(data, at)
            except IRREGULAR:
                return read_any(data, at)

        return read


class AvroEncoder(Generic[Model]):
    """Encodes records of one class as framed bytes.

    Parameters
    ----------
    model : type of AvroModel
        The class of the records.
    schema_id : int
        The id under which the registry has its schema.

    Attributes
    ----------
    schema_id : int
        The same.
    """

    def __init__(self, model: type[Model], schema_id: int) -> None:
        self._schema = fastavro.parse_schema(schema_of(model))
        self.schema_id = schema_id

    def encode(self, record: Model) -> bytes:
        """Return header and body of the record."""
        body = BytesIO()
        fastavro.schemaless_writer(body, self._schema, record.asdict())
        return frame(self.schema_id, body.getvalue())


def _kinds(model: type[AvroModel]) -> dict[str, Any]:
    """Return the types of the fields of a class, in their order."""
    return {name: kind for name, kind in get_type_hints(model).items() if name[0] != "_"}


def _is_a(kind: Any, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)


def _making(kind: Any) -> Making | None:
    """Return what makes a value of a field's type of what fastavro returns, None if that is one."""
    if get_origin(kind) is list:
        making = _making(get_args(kind)[0])
        return None if making is None else lambda values: [making(value) for value in values]
    if _is_a(kind, Enum):
        made: Making = kind
        return made
    return _making_record(kind) if _is_a(kind, AvroModel) else None


def _makings(model: type[AvroModel]) -> dict[str, Making | None]:
    """Return what makes the values of the fields of a class, in their order."""
    return {name: _making(kind) for name, kind in _kinds(model).items()}


def _making_record(model: type[AvroModel]) -> Making:
    """Return what makes a record of the class out of the fields that fastavro returns."""
    made = [(name, making) for name, making in _makings(model).items() if making is not None]

    def make(values: dict[str, Any]) -> AvroModel:
        for name, making in made:
            values[name] = making(values[name])
        return model(**values)

    return make


def _symbols(schema: dict[str, Any]) -> dict[str, frozenset[str]]:
    """Return the symbols of the record's fields that are enums, by field."""
    return {
        field["name"]: frozenset(field["type"]["symbols"])
        for field in schema["fields"]
        if isinstance(field["type"], dict) and field["type"]["type"] == "enum"
    }
