"""Avro record of the predictions topic (``wire/schemas/bottleneck_prediction.avsc``).

No ``from __future__ import annotations`` here: dataclasses-avroschema reads the annotations as they are.
"""

from dataclasses import dataclass, field

from dataclasses_avroschema import AvroModel
from dataclasses_avroschema.types import Int32

from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.wire.feature import STREAMING_NAMESPACE

__all__ = ["BottleneckPrediction", "BottleneckReason", "TracedMetric"]


def _doc(text: str) -> dict[str, str]:
    """Return what makes the schema carry a text for its readers."""
    return {"doc": text}


@dataclass(frozen=True, kw_only=True)
class TracedMetric(AvroModel):
    """A metric that was present in the window."""

    metric: TraceMetric
    measure: TraceMeasure
    unit: TraceUnit

    class Meta:
        """How the schema is rendered."""

        namespace = STREAMING_NAMESPACE
        schema_doc = False


@dataclass(frozen=True, kw_only=True)
class BottleneckReason(AvroModel):
    """How much one statistic of one metric moved the prediction."""

    metric: TraceMetric
    measure: TraceMeasure
    unit: TraceUnit
    statistic: str = field(metadata=_doc("One of the eleven statistics of Feature."))
    contribution: float = field(metadata=_doc("Positive towards class 1, negative towards class 0."))

    class Meta:
        """How the schema is rendered."""

        namespace = STREAMING_NAMESPACE
        schema_doc = False


@dataclass(frozen=True, kw_only=True)
class BottleneckPrediction(AvroModel):
    """A prediction as readers of the predictions topic see it."""

    id: str = field(metadata=_doc("<host>@<window_start_ms>+<horizon_ms>; one id never has two contents."))
    host: str
    window_start_ms: int = field(metadata=_doc("Milliseconds since the epoch, UTC."))
    window_end_ms: int = field(metadata=_doc("Milliseconds since the epoch, UTC; exclusive."))
    horizon_ms: int = field(
        metadata=_doc("How far past the window's end it speaks; 0 for the window itself.")
    )
    predicted_class: Int32 = field(metadata=_doc("1 for a bottleneck, else 0."))
    probability: float = field(metadata=_doc("Of class 1, 0.0 to 1.0."))
    decision_threshold: float = field(metadata=_doc("Class 1 is predicted from this probability on."))
    label: Int32 | None = field(
        metadata=_doc("The true class, if it was known when the window closed."), default=None
    )
    model_name: str
    model_version: str
    samples_learned: int = field(metadata=_doc("Labeled samples the model had learned from."))
    warming_up: bool = field(metadata=_doc("True until the model has seen enough samples, of both classes."))
    metrics: list[TracedMetric] = field(metadata=_doc("The metrics that were present in the window."))
    reasons: list[BottleneckReason] = field(
        metadata=_doc("The greatest contributions, if the model gives any.")
    )

    @classmethod
    def from_prediction(cls, prediction: Prediction) -> "BottleneckPrediction":
        """Return the wire's view of what the engine puts out."""
        return cls(
            id=prediction.id,
            host=prediction.host,
            window_start_ms=prediction.window.start_ms,
            window_end_ms=prediction.window.end_ms,
            horizon_ms=prediction.horizon_ms,
            predicted_class=prediction.predicted_class,
            probability=prediction.probability,
            decision_threshold=prediction.decision_threshold,
            label=prediction.label,
            model_name=prediction.model_name,
            model_version=prediction.model_version,
            samples_learned=prediction.samples_learned,
            warming_up=prediction.warming_up,
            metrics=[
                TracedMetric(
                    metric=TraceMetric(present.metric),
                    measure=TraceMeasure(present.measure),
                    unit=TraceUnit(present.unit),
                )
                for present in prediction.metrics
            ],
            reasons=[
                BottleneckReason(
                    metric=TraceMetric(blame.metric),
                    measure=TraceMeasure(blame.measure),
                    unit=TraceUnit(blame.unit),
                    statistic=blame.statistic,
                    contribution=blame.contribution,
                )
                for blame in prediction.reasons
            ],
        )

    class Meta:
        """How the schema is rendered."""

        namespace = STREAMING_NAMESPACE
        schema_doc = "What a model said about a host in a window, before it learned from it."
