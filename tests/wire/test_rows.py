"""Bodies read many at a time are, value by value, what they are when each is read by itself."""

from __future__ import annotations

import asyncio
import copy
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.wire.codec import AvroDecoder, schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.framing import HEADER_BYTES, frame
from pg_streaming_machine_learning.wire.rows import row_layout
from pg_streaming_machine_learning.wire.system_trace import SystemTrace
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema
from tests.wire.mixed import Mixed

ID = 7
HEADER = frame(ID, b"")
OF_NAME = {"FeatureKey": FeatureKey, "LabeledFeature": LabeledFeature, "SystemTrace": SystemTrace}


MODELS: list[Any] = [Mixed, Feature, LabeledFeature]


class OneSchema:
    """One writer's schema, under any id."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        return self._writer


def parsed(model: Any, *fields: dict[str, Any]) -> Any:
    """Return the schema of a class, with other fields if some are given."""
    schema = copy.deepcopy(schema_of(model))
    return fastavro.parse_schema({**schema, "fields": list(fields)} if fields else schema)


def changed(model: Any, **types: Any) -> Any:
    """Return the schema of a class with other types of some fields, and more fields behind."""
    fields = {field["name"]: field["type"] for field in schema_of(model)["fields"]} | types
    return parsed(model, *({"name": name, "type": kind} for name, kind in fields.items()))


def body(writer: Any, record: dict[str, Any]) -> bytes:
    """Return the body of a record by its schema."""
    stream = BytesIO()
    fastavro.schemaless_writer(stream, writer, record)
    return stream.getvalue()


def decoder_that_knows(model: Any, writer: Any) -> AvroDecoder[Any]:
    """Return a decoder that has asked for a schema."""
    decoder = AvroDecoder(model, OneSchema(writer))
    record = {field["name"]: 0 for field in writer["fields"]}
    asyncio.run(decoder.fields(frame(ID, body(writer, record))))
    return decoder


@st.composite
def writer_schemas(draw: st.DrawFn, model: Any) -> Any:
    """Draw a schema whose fields have a known size: ours in any order, others among them."""
    fields = [
        {
            **field,
            "type": draw(st.sampled_from(["int", "long"])) if field["type"] == "long" else field["type"],
        }
        for field in copy.deepcopy(schema_of(model))["fields"]
    ]
    more = draw(st.lists(st.sampled_from(["double", "int", "long"]), max_size=3))
    fields += [{"name": f"more{number}", "type": kind} for number, kind in enumerate(more)]
    return parsed(model, *(draw(st.permutations(fields)) if draw(st.booleans()) else fields))


def one_byte(kind: str) -> st.SearchStrategy[Any]:
    """Return what draws values that a row holds."""
    return st.floats() if kind == "double" else st.integers(-64, 63)


def longer(kind: str) -> st.SearchStrategy[Any]:
    """Return what draws values of any length."""
    return st.floats() if kind == "double" else st.integers(-(2**31), 2**31 - 1) | st.integers(-66, 65)


@st.composite
def framed(draw: st.DrawFn, writer: Any) -> bytes:
    """Draw framed bytes: mostly good ones, that do or do not fit into a row, or damaged ones."""
    values = one_byte if draw(st.integers(0, 2)) else longer
    kinds = [(field["name"], field["type"]) for field in writer["fields"]]
    good = body(writer, {name: draw(values(kind)) for name, kind in kinds})
    size = sum(8 if kind == "double" else 1 for _, kind in kinds)
    damage = draw(
        st.sampled_from(["", "", "", "", "cut", "extended", "filled", "random", "id", "magic", "short"])
    )
    if damage == "cut":
        return frame(ID, good)[: draw(st.integers(0, len(good) + HEADER_BYTES - 1))]
    if damage == "extended":
        return frame(ID, good + draw(st.binary(min_size=1, max_size=9)))
    if damage == "filled":  # as long as a row is, whatever that cuts off
        return frame(ID, (good + bytes(size))[:size])
    if damage == "random":
        return frame(ID, draw(st.binary(min_size=size, max_size=size)))
    if damage == "id":
        return frame(draw(st.sampled_from([0, 6, 8, ID << 8, ID << 24])), good)
    if damage == "magic":
        return b"\x01" + frame(ID, good)[1:]
    return draw(st.binary(max_size=4)) if damage == "short" else frame(ID, good)


def written(value: Any) -> tuple[type, bytes]:
    """Return what two values have in common only if they are the same, bit by bit."""
    return type(value), struct.pack("<d" if isinstance(value, float) else "<q", value)


def at_once(decoder: AvroDecoder[Any], data: bytes) -> tuple[Any, ...] | None:
    """Return the values of a body read by itself, None if there are none."""
    try:
        return decoder.at_once(data)
    except RefusedRecord:
        return None


def by_fastavro(model: Any, writer: Any, data: bytes) -> tuple[Any, ...]:
    """Return the values of a good body as fastavro reads it."""
    found: Any = fastavro.schemaless_reader(BytesIO(data[HEADER_BYTES:]), writer, parsed(model))
    return tuple(found[field["name"]] for field in schema_of(model)["fields"])


@settings(max_examples=300)
@given(st.data())
def test_rows_have_the_values_that_bodies_have_by_themselves(data: st.DataObject) -> None:
    """And a row that is right is never one of a body that would be refused, or be of another schema."""
    model = data.draw(st.sampled_from(MODELS))
    writer = data.draw(writer_schemas(model))
    bodies = data.draw(st.lists(framed(writer), min_size=1, max_size=5))
    layout = row_layout(writer, parsed(model))
    assert layout is not None

    values, are_right = layout.read(bodies, HEADER)

    decoder = decoder_that_knows(model, writer)
    for place, each in enumerate(bodies):
        expected = at_once(decoder, each) if each.startswith(HEADER) else None
        fits = expected is not None and len(each) == layout.size
        assert bool(are_right[place]) is fits
        if expected is not None and fits:
            found = [values[field["name"]][place].item() for field in schema_of(model)["fields"]]
            assert list(map(written, found)) == list(map(written, expected))
            assert list(map(written, found)) == list(map(written, by_fastavro(model, writer, each)))


@settings(max_examples=60)
@given(st.data())
def test_a_decoder_has_rows_once_it_knows_a_schema(data: st.DataObject) -> None:
    """Of the first body whose schema it knows; what other bodies are is not said."""
    writer = data.draw(writer_schemas(LabeledFeature))
    bodies = data.draw(st.lists(framed(writer), max_size=5))
    decoder = AvroDecoder(LabeledFeature, OneSchema(writer))
    assert decoder.rows(bodies) is None

    decoder = decoder_that_knows(LabeledFeature, writer)
    layout = row_layout(writer, parsed(LabeledFeature))
    found = decoder.rows(bodies)

    assert layout is not None
    if not any(each.startswith(HEADER) for each in bodies):
        assert found is None
        return
    assert found is not None
    expected, are_right = layout.read(bodies, HEADER)
    assert found[1].tolist() == are_right.tolist()
    assert {name: each.tobytes() for name, each in found[0].items()} == {
        name: each.tobytes() for name, each in expected.items()
    }


def test_rows_by_hand() -> None:
    """A field that is ours behind one that is not; doubles and integers below and above zero.

    ::

        00 00 00 00 07  more: 1 byte  total: 1  share: 8  count: 1  level: 8
    """
    writer = parsed(
        Mixed,
        {"name": "more", "type": "long"},
        {"name": "total", "type": "int"},
        {"name": "share", "type": "double"},
        {"name": "count", "type": "int"},
        {"name": "level", "type": "double"},
    )
    layout = row_layout(writer, parsed(Mixed))
    assert layout is not None
    assert layout.size == 24
    half, three = struct.pack("<d", 0.5), struct.pack("<d", 3.0)
    good = HEADER + b"\x02\x7f" + half + b"\x7e" + three
    values, are_right = layout.read(
        [
            good,
            HEADER + b"\x01\x00" + three + b"\x03" + half,
            HEADER
            + b"\x80\x01"
            + half
            + b"\x7e"
            + three,  # as long as a row, and cut: the first has two bytes
            HEADER + b"\x02\x7f" + half + b"\x80" + three,
            good[:-1],
            good + b"\x00",
            b"\x00\x00\x00\x00\x08" + good[5:],
            b"\x01\x00\x00\x00\x07" + good[5:],
            b"",
        ],
        HEADER,
    )
    assert are_right.tolist() == [True, True] + [False] * 7
    assert {name: each[:2].tolist() for name, each in values.items()} == {
        "share": [0.5, 3.0],
        "count": [63, -2],
        "total": [-64, 0],
        "level": [3.0, 0.5],
    }


def test_bodies_that_are_too_short_are_not_right_by_the_schema_of_id_zero() -> None:
    """Whose header is what missing bytes are filled up with."""
    layout = row_layout(parsed(Feature), parsed(Feature))
    assert layout is not None
    _, are_right = layout.read([b"", bytes(layout.size - 1), bytes(layout.size)], frame(0, b""))

    assert are_right.tolist() == [False, False, True]


def test_no_bodies_are_no_rows() -> None:
    layout = row_layout(parsed(LabeledFeature), parsed(LabeledFeature))
    assert layout is not None
    values, are_right = layout.read([], HEADER)

    assert are_right.tolist() == []
    assert {len(each) for each in values.values()} == {0}
    assert are_right.dtype == np.bool_


ENUM = {"type": "enum", "name": "Rack", "symbols": ["A", "B"]}


@pytest.mark.parametrize(
    "kind",
    [
        "float",
        "string",
        "bytes",
        "boolean",
        "null",
        ENUM,
        ["null", "double"],
        ["double"],
        {"type": "array", "items": "double"},
        {"type": "map", "values": "double"},
        {"type": "fixed", "name": "Digest", "size": 8},
        {"type": "record", "name": "Inner", "fields": []},
        {"type": "long", "logicalType": "timestamp-millis"},
    ],
    ids=str,
)
def test_other_types_have_no_place_in_rows(kind: Any) -> None:
    """Neither where a field of ours is nor beside them."""
    assert row_layout(changed(Feature, mean=kind), parsed(Feature)) is None
    assert row_layout(changed(Feature, more=kind), parsed(Feature)) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("mean", "int"), ("mean", "long"), ("label", "long"), ("label", "double")],
)
def test_what_is_promoted_or_does_not_resolve_has_no_place_in_rows(name: str, kind: str) -> None:
    """The value would be of another type than when it is read by itself, or is refused then."""
    assert row_layout(changed(LabeledFeature, **{name: kind}), parsed(LabeledFeature)) is None


def test_a_schema_without_one_of_our_fields_has_no_rows() -> None:
    without = [field for field in schema_of(LabeledFeature)["fields"] if field["name"] != "slope"]

    assert row_layout(parsed(LabeledFeature, *without), parsed(LabeledFeature)) is None


def test_a_schema_of_very_many_fields_has_no_rows() -> None:
    """Memory would be what a registry says."""
    more = {f"more{number}": "double" for number in range(189)}
    assert row_layout(changed(Feature, **more), parsed(Feature)) is not None
    assert row_layout(changed(Feature, **more, last="int"), parsed(Feature)) is None


@pytest.mark.parametrize(
    ("name", "is_of_rows"),
    [
        ("feature_key_jvm", False),
        ("feature_key_more_symbols", False),
        ("labeled_feature_jvm", True),
        ("labeled_feature_string_defaults", False),
        ("labeled_feature_floats", False),
        ("labeled_feature_longs", False),
        ("labeled_feature_reordered", True),
        ("labeled_feature_long_label", False),
        ("labeled_feature_nullable", False),
        ("labeled_feature_added", False),
        ("labeled_feature_without_slope", False),
        ("system_trace", False),
    ],
)
def test_which_schemas_of_writers_have_rows(writers: Path, name: str, is_of_rows: bool) -> None:
    """The common ones do: else nothing but time would tell that all are read one by one."""
    writer = parse_writer_schema((writers / f"{name}.avsc").read_text())

    assert (row_layout(writer, parsed(OF_NAME[writer["name"].split(".")[-1]])) is not None) == is_of_rows


@pytest.mark.parametrize("kind", ["string", "int", "long", "double"])
def test_a_primitive_where_ours_is_an_enum_is_refused_and_nothing_else(kind: str) -> None:
    """Anyone may register such a schema; a router that ended at it would end at it for ever."""
    fields = [{"name": name, "type": kind} for name in ("metric", "measure", "unit")]
    writer = parsed(FeatureKey, *fields, {"name": "hostname", "type": "string"})
    value = "CPU" if kind == "string" else 1
    record = {"metric": value, "measure": value, "unit": value, "hostname": "web"}

    assert row_layout(writer, parsed(FeatureKey)) is None
    decoder = AvroDecoder(FeatureKey, OneSchema(writer))
    with pytest.raises(RefusedRecord):
        asyncio.run(decoder.fields(frame(ID, body(writer, record))))
