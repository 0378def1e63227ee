"""Compiled readers give what fastavro gives, and refuse what the way through fastavro refuses, as it does."""

from __future__ import annotations

import asyncio
import copy
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.wire.body import BodyReader
from pg_streaming_machine_learning.wire.codec import AvroDecoder, schema_of
from pg_streaming_machine_learning.wire.compiled import compile_reader
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.framing import HEADER_BYTES, frame
from pg_streaming_machine_learning.wire.system_trace import SystemTrace
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema

ENUMS: dict[str, Any] = {"metric": TraceMetric, "measure": TraceMeasure, "unit": TraceUnit}
MODELS: list[Any] = [FeatureKey, Feature, LabeledFeature, SystemTrace]
OF_NAME = {"FeatureKey": FeatureKey, "LabeledFeature": LabeledFeature, "SystemTrace": SystemTrace}


class Oracle:
    """Reads bodies through fastavro alone."""

    def __init__(self, model: Any, writer: Any) -> None:
        schema = schema_of(model)
        symbols = {name: frozenset(ENUMS[name].__members__) for name in names(schema) if name in ENUMS}
        self._names = names(schema)
        self._bodies = BodyReader(writer, fastavro.parse_schema(schema), symbols)

    def read(self, body: bytes) -> tuple[Any, ...]:
        fields = self._bodies.read(body)
        return tuple(ENUMS[name](fields[name]) if name in ENUMS else fields[name] for name in self._names)


class OneSchema:
    """One writer's schema, under any id."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        return self._writer


def names(schema: dict[str, Any]) -> list[str]:
    return [field["name"] for field in schema["fields"]]


def outcome(read: Callable[[], tuple[Any, ...] | None]) -> object:
    """Return the values with their types and bits, or why there are none."""
    try:
        values = read()
    except RefusedRecord as refused:
        return refused.reason, refused.detail
    assert values is not None
    return [(type(each), struct.pack("<d", each) if isinstance(each, float) else each) for each in values]


def outcomes(model: Any, writer: Any, body: bytes) -> list[object]:
    """Return what comes out the first time, once the schema is known, and through fastavro alone."""
    decoder, data = AvroDecoder(model, OneSchema(writer)), frame(7, body)
    oracle = Oracle(model, writer)
    return [
        outcome(lambda: asyncio.run(decoder.fields(data))),
        outcome(lambda: decoder.at_once(data)),
        outcome(lambda: oracle.read(body)),
    ]


PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "string", "bytes"]
extra_types = st.sampled_from(
    [
        *PRIMITIVES,
        {"type": "long", "logicalType": "timestamp-millis"},
        ["null", "double"],
        {"type": "array", "items": "int"},
        {"type": "enum", "name": "Rack", "symbols": ["A", "B"]},
        {"type": "fixed", "name": "Digest", "size": 4},
    ]
)


@st.composite
def writer_schemas(draw: st.DrawFn, model: Any) -> Any:
    """Draw a schema that is the class's own, but for what a writer may have other than we."""
    schema = copy.deepcopy(schema_of(model))
    fields = schema["fields"]
    for field in fields:
        kind = field["type"]
        if isinstance(kind, dict) and draw(st.booleans()):
            kind["symbols"] = draw(st.permutations([*kind["symbols"], "NEW"]))
            kind["name"] = draw(st.sampled_from([kind["name"]] * 3 + [f"Other{field['name']}"]))
        elif kind == "double" and draw(st.integers(0, 9)) == 0:
            field["type"] = draw(st.sampled_from(["float", "int", "long", {"type": "double"}, "string"]))
        elif isinstance(kind, str) and draw(st.integers(0, 9)) == 0:
            field["type"] = draw(st.sampled_from([*PRIMITIVES, ["null", kind]]))
    if draw(st.booleans()):
        fields.insert(draw(st.integers(0, len(fields))), {"name": "extra", "type": draw(extra_types)})
    if draw(st.integers(0, 3)) == 0:
        schema["fields"] = draw(st.permutations(fields))
    if draw(st.integers(0, 9)) == 0:
        schema["fields"].pop()
    return fastavro.parse_schema(schema)


int32, int64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
PRIMITIVE_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": int32 | st.integers(0, 1),
    "long": int64 | st.integers(-1000, 1000),
    "float": st.floats(width=32),
    "double": st.floats(),
    "string": st.text(),
    "bytes": st.binary(),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return what draws values of a type."""
    if isinstance(kind, list):
        return st.one_of([values_of(each) for each in kind])
    if isinstance(kind, str):
        return PRIMITIVE_VALUES[kind]
    if kind["type"] == "enum":
        return st.sampled_from(kind["symbols"])
    if kind["type"] == "array":
        return st.lists(values_of(kind["items"]))
    return st.binary(min_size=4, max_size=4) if kind["type"] == "fixed" else values_of(kind["type"])


@st.composite
def bodies(draw: st.DrawFn, writer: Any) -> bytes:
    """Draw a body of a schema, sometimes damaged."""
    fields = writer["fields"]
    body = BytesIO()
    record = draw(st.fixed_dictionaries({field["name"]: values_of(field["type"]) for field in fields}))
    fastavro.schemaless_writer(body, writer, record)
    return draw(st.one_of(st.just(body.getvalue()), damaged(body.getvalue()), st.binary(max_size=120)))


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Return what draws bytes that are cut, have one more, or one other."""
    places, some = st.integers(0, max(0, len(data) - 1)), st.integers(0, 255)
    return st.one_of(
        places.map(lambda place: data[:place]),
        st.binary(min_size=1, max_size=9).map(lambda more: data + more),
        st.builds(lambda place, byte: data[:place] + bytes((byte,)) + data[place + 1 :], places, some),
        st.builds(lambda place, byte: data[:place] + bytes((byte,)) + data[place:], places, some),
        st.builds(lambda place, bit: _flipped(data, place, bit), places, st.integers(0, 7)),
    )


def _flipped(data: bytes, place: int, bit: int) -> bytes:
    return data[:place] + bytes(byte ^ 1 << bit for byte in data[place : place + 1]) + data[place + 1 :]


@settings(max_examples=400)
@given(st.data())
def test_any_body_of_any_writer_is_what_it_is_to_fastavro(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(MODELS))
    writer = data.draw(writer_schemas(model))
    first, again, expected = outcomes(model, writer, data.draw(bodies(writer)))

    assert first == expected
    assert again == expected


@settings(max_examples=400)
@given(st.data())
def test_any_body_of_our_own_schemas_is_what_it_is_to_fastavro(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from(MODELS))
    writer = fastavro.parse_schema(schema_of(model))
    first, again, expected = outcomes(model, writer, data.draw(bodies(writer)))

    assert first == expected
    assert again == expected


FLOATS = fastavro.parse_schema(
    {**schema_of(Feature), "fields": [{"name": name, "type": "float"} for name in names(schema_of(Feature))]}
)
KEYS, TRACES = fastavro.parse_schema(schema_of(FeatureKey)), fastavro.parse_schema(schema_of(SystemTrace))
LABELED = fastavro.parse_schema(schema_of(LabeledFeature))


@pytest.mark.parametrize(
    ("model", "writer", "body"),
    [
        (Feature, FLOATS, bytes.fromhex("01 00 a0 7f") + bytes(40)),  # a signaling NaN
        (Feature, FLOATS, bytes.fromhex("01 00 c0 7f") + bytes(40)),  # a quiet one with a payload
        (LabeledFeature, LABELED, bytes(88) + b"\xfe\xff\xff\xff\x0f"),  # the greatest int
        (LabeledFeature, LABELED, bytes(88) + b"\x80\x80\x80\x80\x10"),  # one more
        (LabeledFeature, LABELED, bytes(88) + b"\x82\x00"),  # longer than need be
        (SystemTrace, TRACES, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"\x00" * 5),  # the least long
        (SystemTrace, TRACES, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03" + b"\x00" * 5),  # 65 bits
        (SystemTrace, TRACES, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"\x00" * 5),  # a group more
        (FeatureKey, KEYS, b"\x02\xff\x00\x00\x10"),  # not UTF-8
        (FeatureKey, KEYS, b"\x01web\x00\x00\x10"),  # a length of -1
        (FeatureKey, KEYS, b"\x06web\x80\x00\x00\x10"),  # a symbol's place longer than need be
        (FeatureKey, KEYS, b"\x0aweb"),  # a text that ends behind the body
    ],
)
def test_what_is_rare_is_what_it_is_to_fastavro(model: Any, writer: Any, body: bytes) -> None:
    first, again, expected = outcomes(model, writer, body)

    assert first == expected
    assert again == expected


@pytest.mark.parametrize(
    ("name", "is_compiled"),
    [
        ("feature_key_jvm", True),
        ("feature_key_more_symbols", True),
        ("labeled_feature_jvm", True),
        ("labeled_feature_string_defaults", True),
        ("labeled_feature_floats", True),
        ("labeled_feature_longs", True),
        ("labeled_feature_reordered", True),
        ("labeled_feature_long_label", False),
        ("labeled_feature_nullable", False),
        ("labeled_feature_added", False),
        ("labeled_feature_without_slope", False),
        ("system_trace", False),
    ],
)
def test_which_schemas_of_writers_are_compiled(writers: Path, name: str, is_compiled: bool) -> None:
    """The common ones are: else nothing but time would tell that all went through fastavro."""
    writer = parse_writer_schema((writers / f"{name}.avsc").read_text())
    reader = fastavro.parse_schema(schema_of(OF_NAME[writer["name"].split(".")[-1]]))

    assert (compile_reader(writer, reader, ENUMS) is not None) == is_compiled


@pytest.mark.parametrize("model", MODELS)
def test_what_we_write_is_read_without_fastavro(model: Any) -> None:
    """Our own schemas, whose enums are defined once and named after that."""
    schema: Any = fastavro.parse_schema(schema_of(model))
    read = compile_reader(schema, schema, ENUMS)
    body = BytesIO()
    kinds: dict[str, Any] = {field["name"]: field["type"] for field in schema["fields"]}
    record: dict[str, Any] = {
        name: kind["symbols"][1] if isinstance(kind, dict) else "web" if kind == "string" else 1
        for name, kind in kinds.items()
    }
    fastavro.schemaless_writer(body, schema, record)

    assert read is not None
    found = read(frame(7, body.getvalue()), HEADER_BYTES)
    assert dict(zip(kinds, found, strict=True)) == record


def test_a_schema_of_very_many_fields_is_not_compiled() -> None:
    """It would be a function of any size."""
    schema = schema_of(Feature)
    fields = [*schema["fields"], *({"name": f"f{number}", "type": "int"} for number in range(190))]
    writer = fastavro.parse_schema({**schema, "fields": fields})

    assert compile_reader(writer, fastavro.parse_schema(schema), {}) is None
