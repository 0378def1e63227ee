"""Framed Avro, by the schemas of all kinds of writers."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.wire.codec import AvroDecoder, AvroEncoder
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.framing import frame
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema

KEY = FeatureKey("192.168.0.101", TraceMetric.CPU, TraceMeasure.UTILIZATION, TraceUnit.PERCENT)
# The contract's golden key, without the window start.
GOLDEN_KEY = bytes.fromhex("00 00 00 00 01  1a 31 39 32 2e 31 36 38 2e 30 2e 31 30 31  00 00 10")

VALUES = (35.0, 45.0, 40.0, 5.0, 37.5, 40.0, 42.5, 0.0, -1.5, 0.25, 0.5)
FEATURE = LabeledFeature(*VALUES, label=1)
# The contract's golden value.
GOLDEN_VALUE = bytes.fromhex(
    "00 00 00 00 02"
    "00 00 00 00 00 80 41 40  00 00 00 00 00 80 46 40  00 00 00 00 00 00 44 40  00 00 00 00 00 00 14 40"
    "00 00 00 00 00 c0 42 40  00 00 00 00 00 00 44 40  00 00 00 00 00 40 45 40  00 00 00 00 00 00 00 00"
    "00 00 00 00 00 00 f8 bf  00 00 00 00 00 00 d0 3f  00 00 00 00 00 00 e0 3f  02"
)


def test_the_golden_key_and_value_are_encoded() -> None:
    assert AvroEncoder(FeatureKey, 1).encode(KEY) == GOLDEN_KEY
    assert AvroEncoder(LabeledFeature, 2).encode(FEATURE) == GOLDEN_VALUE
    assert len(GOLDEN_VALUE) == 94


def test_the_golden_key_and_value_are_decoded(known_schemas: Callable[..., Any]) -> None:
    schemas = known_schemas(_1="feature_key_jvm", _2="labeled_feature_jvm")

    assert decode(FeatureKey, schemas, GOLDEN_KEY) == KEY
    assert decode(LabeledFeature, schemas, GOLDEN_VALUE) == FEATURE


def test_a_schema_is_asked_for_once(known_schemas: Callable[..., Any]) -> None:
    schemas = known_schemas(_2="labeled_feature_jvm")
    decoder = AvroDecoder(LabeledFeature, schemas)

    async def decode_twice() -> None:
        await decoder.decode(GOLDEN_VALUE)
        await decoder.decode(GOLDEN_VALUE)

    asyncio.run(decode_twice())
    assert schemas.asked == [2]


@pytest.mark.parametrize("length", range(len(GOLDEN_VALUE)))
def test_a_cut_value_is_refused(known_schemas: Callable[..., Any], length: int) -> None:
    """Given a reader's schema, fastavro accepts some of these."""
    refused = refusal(LabeledFeature, known_schemas(_2="labeled_feature_jvm"), GOLDEN_VALUE[:length])

    assert refused.reason is (Reason.BAD_FRAMING if length < 5 else Reason.BAD_AVRO)


@pytest.mark.parametrize(
    "name", ["labeled_feature_added", "labeled_feature_floats", "labeled_feature_nullable"]
)
def test_a_cut_value_of_another_schema_is_refused_too(
    known_schemas: Callable[..., Any], writers: Path, name: str
) -> None:
    whole = written(writers / f"{name}.avsc", RECORDS[name], schema_id=7)

    reasons = {
        refusal(LabeledFeature, known_schemas(_7=name), whole[:length]).reason
        for length in range(5, len(whole))
    }
    assert reasons == {Reason.BAD_AVRO}


def test_bytes_left_over_are_refused(known_schemas: Callable[..., Any]) -> None:
    refused = refusal(LabeledFeature, known_schemas(_2="labeled_feature_jvm"), GOLDEN_VALUE + b"\x00\x00")

    assert refused.reason is Reason.BAD_AVRO
    assert refused.detail == "2 bytes left over behind pg.streaming.schema.LabeledFeature"


RECORD: dict[str, Any] = {**dict(zip(STATISTICS, VALUES, strict=True)), "label": 1}
RECORDS: dict[str, dict[str, Any]] = {
    "labeled_feature_jvm": RECORD,
    "labeled_feature_string_defaults": RECORD,
    "labeled_feature_floats": RECORD,
    "labeled_feature_reordered": RECORD,
    "labeled_feature_nullable": RECORD,
    "labeled_feature_added": RECORD
    | {"readings": 3, "tags": {"rack": "b"}, "first_seen": 2**62, "origin": {"job": "labeling"}},
}


@pytest.mark.parametrize("name", RECORDS)
def test_values_of_other_writers_are_read(
    known_schemas: Callable[..., Any], writers: Path, name: str
) -> None:
    """Fields added, reordered, promoted, nullable; invalid defaults; a time out of Python's range."""
    data = written(writers / f"{name}.avsc", RECORDS[name], schema_id=7)

    assert decode(LabeledFeature, known_schemas(_7=name), data) == FEATURE


def test_integers_are_promoted_to_doubles(known_schemas: Callable[..., Any], writers: Path) -> None:
    name = "labeled_feature_longs"
    record = {field: number for number, field in enumerate(STATISTICS)} | {"label": 0}

    feature = decode(LabeledFeature, known_schemas(_7=name), written(writers / f"{name}.avsc", record, 7))

    assert feature == LabeledFeature(0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, label=0)
    assert all(isinstance(value, float) for value in feature.statistics())


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("labeled_feature_without_slope", RECORD),
        ("labeled_feature_long_label", RECORD),
        ("labeled_feature_nullable", RECORD | {"slope": None}),
    ],
)
def test_values_that_do_not_resolve_are_refused(
    known_schemas: Callable[..., Any], writers: Path, name: str, record: dict[str, Any]
) -> None:
    data = written(writers / f"{name}.avsc", record, schema_id=7)

    refused = refusal(LabeledFeature, known_schemas(_7=name), data)

    assert refused.reason is Reason.WRONG_SCHEMA
    assert "does not resolve to pg.streaming.schema.LabeledFeature" in refused.detail


def test_another_record_is_refused(known_schemas: Callable[..., Any]) -> None:
    refused = refusal(LabeledFeature, known_schemas(_7="system_trace"), frame(7, b""))

    assert refused.reason is Reason.WRONG_SCHEMA
    assert refused.detail == (
        "the writer's schema is pg.trace.model.SystemTrace, expected pg.streaming.schema.LabeledFeature"
    )


def test_a_feature_with_a_label_is_no_feature(known_schemas: Callable[..., Any]) -> None:
    """The fields would resolve; the name does not."""
    refused = refusal(Feature, known_schemas(_2="labeled_feature_jvm"), GOLDEN_VALUE)

    assert refused.reason is Reason.WRONG_SCHEMA


def test_an_unknown_symbol_is_refused(known_schemas: Callable[..., Any]) -> None:
    body = b"\x06web" + b"\x0e\x00\x10"  # GPU, the eighth symbol of its writer

    refused = refusal(FeatureKey, known_schemas(_7="feature_key_more_symbols"), frame(7, body))

    assert refused.reason is Reason.UNKNOWN_SYMBOL
    assert refused.detail.startswith("metric is 'GPU', expected one of CPU, DISK_READ,")


def test_known_symbols_of_a_writer_with_more_are_read(known_schemas: Callable[..., Any]) -> None:
    data = frame(7, GOLDEN_KEY[5:])

    assert decode(FeatureKey, known_schemas(_7="feature_key_more_symbols"), data) == KEY


@pytest.mark.parametrize("index", [b"\x0e", b"\x01", b"\x0d", b"\xfe\xff\xff\xff\x0f"])
@pytest.mark.parametrize("name", ["feature_key_jvm", "feature_key_more_symbols"])
def test_an_index_that_is_no_symbol_is_refused(
    known_schemas: Callable[..., Any], name: str, index: bytes
) -> None:
    """Indexes 7, -1, -7 and 2147483647: fastavro takes the negative ones for symbols counted from the end."""
    if name == "feature_key_more_symbols" and index == b"\x0e":
        index = b"\x10"
    refused = refusal(FeatureKey, known_schemas(_7=name), frame(7, b"\x06web" + index + b"\x00\x10"))

    assert refused.reason is Reason.BAD_AVRO


@pytest.mark.parametrize(
    "body",
    [
        b"\x02\xff\x00\x00\x10",  # not UTF-8
        b"\x01web\x00\x00\x10",  # a length of -1
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7fweb\x00\x00\x10",  # a length of 2**62 - 1
        b"\x86\x00web\x00\x00\x10",  # a length of 3, written longer than need be
    ],
)
def test_a_broken_string_is_refused(known_schemas: Callable[..., Any], body: bytes) -> None:
    refused = refusal(FeatureKey, known_schemas(_1="feature_key_jvm"), frame(1, body))

    assert refused.reason is Reason.BAD_AVRO


def test_missing_numbers_come_back_bit_by_bit(known_schemas: Callable[..., Any]) -> None:
    """Java's NaN, and one with another payload."""
    odd_nan = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))[0]
    feature = LabeledFeature(math.nan, odd_nan, *VALUES[2:], label=0)
    data = AvroEncoder(LabeledFeature, 2).encode(feature)

    found = decode(LabeledFeature, known_schemas(_2="labeled_feature_jvm"), data)

    assert struct.pack("<2d", *found.statistics()[:2]) == struct.pack("<2d", math.nan, odd_nan)


@given(
    hostname=st.text(),
    metric=st.sampled_from(TraceMetric),
    measure=st.sampled_from(TraceMeasure),
    unit=st.sampled_from(TraceUnit),
)
def test_decoding_keys_undoes_encoding(
    hostname: str, metric: TraceMetric, measure: TraceMeasure, unit: TraceUnit
) -> None:
    key = FeatureKey(hostname, metric, measure, unit)

    assert decode(FeatureKey, OwnSchema(FeatureKey), AvroEncoder(FeatureKey, 3).encode(key)) == key


class OwnSchema:
    """The schema of the class itself, under any id."""

    def __init__(self, model: Any) -> None:
        self._schema = fastavro.parse_schema(model.avro_schema_to_python())

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        return self._schema


def decode(model: Any, schemas: Any, data: bytes) -> Any:
    return asyncio.run(AvroDecoder(model, schemas).decode(data))


def refusal(model: Any, schemas: Any, data: bytes) -> RefusedRecord:
    with pytest.raises(RefusedRecord) as refused:
        decode(model, schemas, data)
    return refused.value


def written(schema: Path, record: dict[str, Any], schema_id: int) -> bytes:
    """Return a record as its writer would write it: fields that its schema does not have are left out."""
    parsed = parse_writer_schema(schema.read_text())
    names = {field["name"] for field in parsed["fields"]}
    body = BytesIO()
    fastavro.schemaless_writer(body, parsed, {name: record[name] for name in names})
    return frame(schema_id, body.getvalue())
