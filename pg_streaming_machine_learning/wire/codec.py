"""Avro codec of one record class, framed, with the writers' schemas from the registry."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from io import BytesIO
from typing import Any, Generic, Protocol, TypeVar, get_args, get_origin, get_type_hints

import fastavro
from dataclasses_avroschema import AvroModel

from pg_streaming_machine_learning.wire.body import BodyReader
from pg_streaming_machine_learning.wire.framing import frame, unframe

__all__ = ["AvroDecoder", "AvroEncoder", "WriterSchemas", "schema_of"]

Model = TypeVar("Model", bound=AvroModel)


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
        self._registry = registry
        schema = schema_of(model)
        self._reader = fastavro.parse_schema(schema)
        self._symbols = _symbols(schema)
        self._make = _making_record(model)
        self._bodies: dict[int, BodyReader] = {}

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
        schema_id, body = unframe(data)
        reader = self._bodies.get(schema_id)
        if reader is None:
            writer = await self._registry.schema(schema_id, record_time_s)
            reader = self._bodies[schema_id] = BodyReader(writer, self._reader, self._symbols)
        return self._make(reader.read(body))


class AvroEncoder(Generic[Model]):
    """Encodes records of one class as framed bytes.

    Parameters
    ----------
    model : type of AvroModel
        The class of the records.
    schema_id : int
        The id under which the registry has its schema.
    """

    def __init__(self, model: type[Model], schema_id: int) -> None:
        self._schema = fastavro.parse_schema(schema_of(model))
        self._schema_id = schema_id

    def encode(self, record: Model) -> bytes:
        """Return header and body of the record."""
        body = BytesIO()
        fastavro.schemaless_writer(body, self._schema, record.asdict())
        return frame(self._schema_id, body.getvalue())


def _making(kind: Any) -> Callable[[Any], Any] | None:
    """Return what makes a value of a field's type of what fastavro returns, None if that is one."""
    if get_origin(kind) is list:
        making = _making(get_args(kind)[0])
        return None if making is None else lambda values: [making(value) for value in values]
    if not isinstance(kind, type):
        return None
    if issubclass(kind, Enum):
        return kind
    return _making_record(kind) if issubclass(kind, AvroModel) else None


def _making_record(model: type[Model]) -> Callable[[dict[str, Any]], Model]:
    """Return what makes a record of the class out of the fields that fastavro returns."""
    fields = [(name, _making(kind)) for name, kind in get_type_hints(model).items() if name[0] != "_"]
    made = [(name, making) for name, making in fields if making is not None]

    def make(values: dict[str, Any]) -> Model:
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
