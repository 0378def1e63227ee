"""What a prediction is called."""

from dataclasses import replace

from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.records.window import Window

PREDICTION = Prediction(
    host="web",
    window=Window(1_600_000_000_000, 1_600_001_800_000),
    horizon_ms=0,
    predicted_class=1,
    probability=0.75,
    decision_threshold=0.5,
    label=None,
    model_name="river.forest.ARFClassifier",
    model_version="0.1.0",
    samples_learned=0,
    warming_up=True,
    metrics=(),
)


def test_the_id_names_host_window_and_horizon() -> None:
    assert PREDICTION.id == "web@1600000000000+0"
    assert replace(PREDICTION, horizon_ms=60_000).id == "web@1600000000000+60000"


def test_the_id_does_not_depend_on_what_is_predicted() -> None:
    assert replace(PREDICTION, predicted_class=0, probability=0.0, label=0).id == PREDICTION.id
