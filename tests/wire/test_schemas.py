"""The schemas that are declared in Python are the contract's."""

import json
from pathlib import Path
from typing import Any

import fastavro
import pytest
from dataclasses_avroschema import AvroModel
from fastavro.schema import to_parsing_canonical_form

import pg_streaming_machine_learning.wire
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.system_trace import SystemTrace

SCHEMAS = Path(pg_streaming_machine_learning.wire.__path__[0]) / "schemas"
FILES: dict[str, type[AvroModel]] = {
    "feature_key.avsc": FeatureKey,
    "feature.avsc": Feature,
    "labeled_feature.avsc": LabeledFeature,
    "bottleneck_prediction.avsc": BottleneckPrediction,
    "system_trace.avsc": SystemTrace,
}


@pytest.mark.parametrize("name", FILES)
def test_the_schema_made_of_a_class_is_that_of_its_file(name: str) -> None:
    assert schema_of(FILES[name]) == json.loads((SCHEMAS / name).read_text())


def test_each_file_has_its_class() -> None:
    assert {path.name for path in SCHEMAS.iterdir()} == set(FILES)


def test_a_schema_is_the_same_each_time_it_is_asked_for() -> None:
    """dataclasses-avroschema keeps the types it has met in the class."""
    assert schema_of(BottleneckPrediction) == schema_of(BottleneckPrediction)


def test_the_enums_are_those_of_the_contract() -> None:
    assert " ".join(TraceMetric) == "CPU DISK_READ DISK_WRITE MEMORY NETWORK_IN NETWORK_OUT UNKNOWN"
    assert " ".join(TraceMeasure) == "UTILIZATION THROUGHPUT RESPONSE_TIME UNKNOWN"
    assert " ".join(TraceUnit) == (
        "COUNT COUNT_PER_SECOND BYTES BYTES_PER_SECOND KILOBYTES KILOBYTES_PER_SECOND MEGABYTES "
        "MEGABYTES_PER_SECOND PERCENT MILLISECONDS SECONDS UNKNOWN"
    )


def test_the_feature_key_is_that_of_the_contract() -> None:
    """Written down a second time, after the contract's text, in the form that decides compatibility."""

    def enum(name: str, kind: Any) -> str:
        symbols = ",".join(f'"{symbol.value}"' for symbol in kind)
        return f'{{"name":"pg.trace.model.{name}","type":"enum","symbols":[{symbols}]}}'

    assert canonical(FeatureKey) == (
        '{"name":"pg.streaming.schema.FeatureKey","type":"record","fields":['
        '{"name":"hostname","type":"string"},'
        f'{{"name":"metric","type":{enum("TraceMetric", TraceMetric)}}},'
        f'{{"name":"measure","type":{enum("TraceMeasure", TraceMeasure)}}},'
        f'{{"name":"unit","type":{enum("TraceUnit", TraceUnit)}}}]}}'
    )


def test_the_features_are_those_of_the_contract() -> None:
    doubles = ",".join(f'{{"name":"{name}","type":"double"}}' for name in STATISTICS)

    assert canonical(Feature) == (
        f'{{"name":"pg.streaming.schema.Feature","type":"record","fields":[{doubles}]}}'
    )
    assert canonical(LabeledFeature) == (
        f'{{"name":"pg.streaming.schema.LabeledFeature","type":"record","fields":[{doubles},'
        '{"name":"label","type":"int"}]}'
    )


def canonical(model: type[AvroModel]) -> str:
    return to_parsing_canonical_form(fastavro.parse_schema(schema_of(model)))
