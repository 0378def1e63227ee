"""Predictions are written by hand as fastavro writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.prediction import Blame, Prediction
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.prediction_encoder import PredictionEncoder
from tests.wire.test_prediction import GOLDEN, PREDICTION

AVRO = AvroEncoder(BottleneckPrediction, 9)
BY_HAND = PredictionEncoder(AVRO)

symbols = [
    st.sampled_from([member.value for member in enum]) for enum in (TraceMetric, TraceMeasure, TraceUnit)
]
longs = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 10**13)
blames = st.builds(Blame, *symbols, st.sampled_from(STATISTICS) | st.text(), st.floats())
predictions = st.builds(
    Prediction,
    host=st.text(),
    window=st.builds(Window, longs, longs),
    horizon_ms=longs,
    predicted_class=st.integers(0, 1),
    probability=st.floats(),
    decision_threshold=st.floats() | st.integers(0, 1),
    label=st.sampled_from([None, 0, 1, 2, -1]),
    model_name=st.text(max_size=300),
    model_version=st.text(),
    samples_learned=longs,
    warming_up=st.booleans(),
    metrics=st.lists(st.builds(Metric, *symbols), max_size=200).map(tuple),
    reasons=st.lists(blames, max_size=80).map(tuple),
)


def by_avro(prediction: Prediction) -> bytes:
    return AVRO.encode(BottleneckPrediction.from_prediction(prediction))


@given(predictions)
def test_predictions_have_the_bytes_that_fastavro_writes(prediction: Prediction) -> None:
    assert BY_HAND.encode(prediction).hex(" ") == by_avro(prediction).hex(" ")


def test_the_golden_bytes_of_a_prediction_are_written_by_hand() -> None:
    assert BY_HAND.encode(PREDICTION) == GOLDEN


@pytest.mark.parametrize(
    "prediction",
    [
        replace(PREDICTION, samples_learned=2**63),
        replace(PREDICTION, host="\ud800"),
        replace(PREDICTION, label=2**31),
        replace(PREDICTION, metrics=(Metric("GPU", "UTILIZATION", "PERCENT"),)),
        replace(PREDICTION, reasons=(Blame("GPU", "UTILIZATION", "PERCENT", "mean", 0.5),)),
    ],
)
def test_what_cannot_be_written_is_the_error_it_was(prediction: Prediction) -> None:
    expected = error_of(by_avro, prediction)

    assert expected is not None
    assert error_of(BY_HAND.encode, prediction) == expected


def error_of(encode: Callable[[Prediction], bytes], prediction: Prediction) -> str | None:
    try:
        encode(prediction)
    except Exception as error:  # whatever fastavro, or an enum, has to say
        return repr(error)
    return None
