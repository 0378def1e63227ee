"""Records of the predictions topic."""

from __future__ import annotations

from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction

PREDICTION = Prediction(
    host="käse",
    window=Window(0, 10_000),
    horizon_ms=0,
    predicted_class=0,
    probability=0.0,
    decision_threshold=0.5,
    label=None,
    model_name="m",
    model_version="v",
    samples_learned=0,
    warming_up=True,
    metrics=(),
)


def test_a_prediction_is_keyed_by_its_host_in_utf_8() -> None:
    encoder = AvroEncoder(BottleneckPrediction, 9)

    output = PredictionOutput("predictions", encoder).encode(PREDICTION)

    value = encoder.encode(BottleneckPrediction.from_prediction(PREDICTION))
    assert output == Output(topic="predictions", key="käse".encode(), value=value)
    assert value[:5] == b"\x00\x00\x00\x00\x09"


def test_the_same_prediction_has_the_same_bytes() -> None:
    output = PredictionOutput("predictions", AvroEncoder(BottleneckPrediction, 9))

    assert output.encode(PREDICTION) == output.encode(PREDICTION)
