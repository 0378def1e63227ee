"""What the worker must predict, by a plain loop over final windows.

It shares no code with the engine, its store, its watermark, its sample or its learner: only the model comes
from `learning.models`. Used by the tests of the engine, and by those that read predictions from a topic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pg_streaming_machine_learning.learning.models import ModelSpec, create_model, model_version

NAMES = (
    "minimum",
    "maximum",
    "mean",
    "standard_deviation",
    "percentile25",
    "median",
    "percentile75",
    "skewness",
    "kurtosis",
    "slope",
    "pearsons_correlation",
)


@dataclass(frozen=True)
class FinalWindow:
    """The last state of a host's window, all input topics together.

    Parameters
    ----------
    host, start_ms, end_ms
        Which window.
    metrics : mapping
        Symbols of metric, measure and unit to the eleven statistics.
    label : int or None
        1 if any record says so, 0 if some have a label, else None.
    """

    host: str
    start_ms: int
    end_ms: int
    metrics: Mapping[tuple[str, str, str], tuple[float, ...]]
    label: int | None


def expected_predictions(
    windows: Iterable[FinalWindow],
    model: ModelSpec,
    seed: int = 1,
    *,
    warm_up_samples: int = 50,
    decision_threshold: float = 0.5,
    host_as_feature: bool = False,
) -> list[dict[str, Any]]:
    """Return the predictions, in order, as a reader of the predictions topic decodes them from Avro."""
    classifier = create_model(model, seed)
    seen = {0: 0, 1: 0}
    predictions = []
    for window in sorted(windows, key=lambda each: (each.end_ms, each.host)):
        features: dict[Any, Any] = features_of(window, host_as_feature=host_as_feature)
        probability = classifier.predict_proba_one(dict(features)).get(1, 0.0)
        probability = 0.0 if math.isnan(probability) else max(0.0, min(1.0, float(probability)))
        predictions.append(
            {
                "id": f"{window.host}@{window.start_ms}+0",
                "host": window.host,
                "window_start_ms": window.start_ms,
                "window_end_ms": window.end_ms,
                "horizon_ms": 0,
                "predicted_class": 1 if probability >= decision_threshold else 0,
                "probability": probability,
                "decision_threshold": decision_threshold,
                "label": window.label,
                "model_name": model.path,
                "model_version": model_version(),
                "samples_learned": seen[0] + seen[1],
                "warming_up": seen[0] + seen[1] < warm_up_samples or not (seen[0] and seen[1]),
                "metrics": [
                    {"metric": metric, "measure": measure, "unit": unit}
                    for metric, measure, unit in sorted(window.metrics, key=".".join)
                ],
                "reasons": [],
            }
        )
        if window.label is not None:
            classifier.learn_one(dict(features), window.label)
            seen[window.label] += 1
    return predictions


def features_of(window: FinalWindow, *, host_as_feature: bool = False) -> dict[Any, Any]:
    """Return the features of a window: what is missing or NaN is not there."""
    features: dict[Any, Any] = {}
    for symbols in sorted(window.metrics, key=".".join):
        for name, value in zip(NAMES, window.metrics[symbols], strict=True):
            if not math.isnan(value) and abs(value) <= 1e100:
                features[".".join((*symbols, name))] = value
    if host_as_feature:
        features["host"] = window.host
    return features


def as_read(prediction: Any) -> dict[str, Any]:
    """Return a prediction of the engine in the form of `expected_predictions`."""
    return {
        "id": prediction.id,
        "host": prediction.host,
        "window_start_ms": prediction.window.start_ms,
        "window_end_ms": prediction.window.end_ms,
        "horizon_ms": prediction.horizon_ms,
        "predicted_class": prediction.predicted_class,
        "probability": prediction.probability,
        "decision_threshold": prediction.decision_threshold,
        "label": prediction.label,
        "model_name": prediction.model_name,
        "model_version": prediction.model_version,
        "samples_learned": prediction.samples_learned,
        "warming_up": prediction.warming_up,
        "metrics": [
            {"metric": each.metric, "measure": each.measure, "unit": each.unit} for each in prediction.metrics
        ],
        "reasons": list(prediction.reasons),
    }
