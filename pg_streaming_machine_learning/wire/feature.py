"""Avro records of the input topics, as the contract has them (``wire/schemas``).

No ``from __future__ import annotations`` here: dataclasses-avroschema reads the annotations as they are.
"""

from dataclasses import dataclass
from functools import cache
from operator import attrgetter

from dataclasses_avroschema import AvroModel
from dataclasses_avroschema.types import Int32

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric

__all__ = ["STREAMING_NAMESPACE", "Feature", "FeatureKey", "LabeledFeature"]

STREAMING_NAMESPACE = "pg.streaming.schema"

_STATISTICS_OF = attrgetter(*STATISTICS)


@cache
def _metric(metric: TraceMetric, measure: TraceMeasure, unit: TraceUnit) -> Metric:
    """Return a metric, the same object each time: whoever looks it up need not compare its symbols."""
    return Metric(metric.value, measure.value, unit.value)


@dataclass(frozen=True)
class FeatureKey(AvroModel):
    """What a window of readings is about; the inner key of the input topics."""

    hostname: str
    metric: TraceMetric
    measure: TraceMeasure
    unit: TraceUnit

    def about(self) -> Metric:
        """Return the metric, without the host."""
        return _metric(self.metric, self.measure, self.unit)

    class Meta:
        """How the schema is rendered."""

        namespace = STREAMING_NAMESPACE
        schema_doc = False


@dataclass(frozen=True)
class Feature(AvroModel):
    """Statistics of a window of readings; NaN is a missing value."""

    minimum: float
    maximum: float
    mean: float
    standard_deviation: float
    percentile25: float
    median: float
    percentile75: float
    skewness: float
    kurtosis: float
    slope: float
    pearsons_correlation: float

    def statistics(self) -> tuple[float, ...]:
        """Return the eleven statistics in the order of `records.feature.STATISTICS`."""
        return _STATISTICS_OF(self)

    class Meta:
        """How the schema is rendered."""

        namespace = STREAMING_NAMESPACE
        schema_doc = False


@dataclass(frozen=True)
class LabeledFeature(AvroModel):
    """Statistics of a window of readings and whether the host was a bottleneck in it, 0 or 1."""

    minimum: float
    maximum: float
    mean: float
    standard_deviation: float
    percentile25: float
    median: float
    percentile75: float
    skewness: float
    kurtosis: float
    slope: float
    pearsons_correlation: float
    label: Int32

    def statistics(self) -> tuple[float, ...]:
        """Return the eleven statistics in the order of `records.feature.STATISTICS`."""
        return _STATISTICS_OF(self)

    class Meta:
        """How the schema is rendered."""

        namespace = STREAMING_NAMESPACE
        schema_doc = False
