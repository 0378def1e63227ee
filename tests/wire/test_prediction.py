"""Predictions as readers of the topic see them."""

from __future__ import annotations

import asyncio
from typing import Any

import fastavro

from pg_streaming_machine_learning.records.prediction import Blame, Prediction
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.wire.codec import AvroDecoder, AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction

PREDICTION = Prediction(
    host="web",
    window=Window(1_000, 2_000),
    horizon_ms=0,
    predicted_class=1,
    probability=0.75,
    decision_threshold=0.5,
    label=0,
    model_name="m",
    model_version="v",
    samples_learned=3,
    warming_up=False,
    metrics=(Metric("CPU", "UTILIZATION", "PERCENT"), Metric("MEMORY", "UTILIZATION", "PERCENT")),
    reasons=(Blame("CPU", "UTILIZATION", "PERCENT", "mean", -0.25),),
)
GOLDEN = bytes.fromhex(
    "00 00 00 00 09"
    "14" + b"web@1000+0".hex() + "06" + b"web".hex() + "d00f a01f 00 02"
    "00 00 00 00 00 00 e8 3f  00 00 00 00 00 00 e0 3f"
    "02 00"  # the second branch of the label's union: 0
    "02" + b"m".hex() + "02" + b"v".hex() + "06 00"
    "04 00 00 10 06 00 10 00"  # two metrics: CPU and MEMORY
    "02 00 00 10 08" + b"mean".hex() + "00 00 00 00 00 00 d0 bf 00"  # one reason
)


def test_the_golden_bytes_of_a_prediction() -> None:
    """Consumers have records like this one: they must stay readable."""
    record = BottleneckPrediction.from_prediction(PREDICTION)

    assert AvroEncoder(BottleneckPrediction, 9).encode(record) == GOLDEN


def test_a_prediction_comes_back_as_it_was() -> None:
    record = BottleneckPrediction.from_prediction(PREDICTION)

    found = asyncio.run(AvroDecoder(BottleneckPrediction, OwnSchema()).decode(GOLDEN))

    assert found == record
    assert found.metrics == record.metrics
    assert found.id == "web@1000+0"


class OwnSchema:
    """The schema of predictions, under any id."""

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        return fastavro.parse_schema(schema_of(BottleneckPrediction))
