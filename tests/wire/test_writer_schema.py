"""What registries return, made fit to decode with, or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema, record_name


def test_every_schema_of_a_writer_is_read(writers: Path) -> None:
    names = {path.stem: record_name(parse_writer_schema(path.read_text())) for path in writers.glob("*.avsc")}

    assert len(names) >= 11
    assert set(names.values()) == {
        "pg.streaming.schema.FeatureKey",
        "pg.streaming.schema.LabeledFeature",
        "pg.trace.model.SystemTrace",
    }


def test_defaults_are_dropped_unless_they_are_asked_for(writers: Path) -> None:
    text = (writers / "labeled_feature_jvm.avsc").read_text()

    assert "default" not in parse_writer_schema(text)["fields"][0]
    assert parse_writer_schema(text, keep_defaults=True)["fields"][0]["default"] == "0"


def test_invalid_defaults_are_refused_if_they_are_asked_for(writers: Path) -> None:
    text = (writers / "labeled_feature_string_defaults.avsc").read_text()

    with pytest.raises(RefusedRecord, match="Default value <0> must match schema type"):
        parse_writer_schema(text, keep_defaults=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "17",
        '"nothing.we.Know"',
        "{}",
        '{"type": "record"}',
        '{"type": "record", "name": "a.B", "fields": [{}]}',
        '{"type": "record", "name": "a.B", "fields": [{"name": "c", "type": "other.Reference"}]}',
        '{"type": "enum", "name": "E", "symbols": ["not a symbol"]}',
        json.dumps({"type": "record", "name": "a.B", "fields": 3}),
        '{"type": "array", "items":' * 100_000,
    ],
)
def test_what_is_no_avro_schema_is_refused(text: str) -> None:
    with pytest.raises(RefusedRecord, match="the writer's schema cannot be read") as refused:
        parse_writer_schema(text)

    assert refused.value.reason is Reason.WRONG_SCHEMA


@pytest.mark.parametrize("kind", ["JSON", "PROTOBUF"])
def test_other_kinds_of_schemas_are_refused(kind: str) -> None:
    with pytest.raises(RefusedRecord, match=f"the writer's schema is '{kind}', expected 'AVRO'") as refused:
        parse_writer_schema("{}", kind)

    assert refused.value.reason is Reason.WRONG_SCHEMA


def test_what_is_no_record_says_what_it_is() -> None:
    assert record_name(parse_writer_schema('"string"')) == "no record but 'string'"
    assert record_name(parse_writer_schema('{"type": "array", "items": "int"}')) == "no record but 'array'"
    assert record_name(parse_writer_schema('["null", "int"]')) == "no record but ['null', 'int']"
