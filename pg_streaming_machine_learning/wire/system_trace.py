"""Avro record of the readings' topic ``pg-traces-system`` (``wire/schemas/system_trace.avsc``).

No ``from __future__ import annotations`` here: dataclasses-avroschema reads the annotations as they are.
"""

from dataclasses import dataclass

from dataclasses_avroschema import AvroModel

from pg_streaming_machine_learning.records.trace import (
    TRACE_NAMESPACE,
    TraceMeasure,
    TraceMetric,
    TraceUnit,
)
from pg_streaming_machine_learning.records.update import Metric

__all__ = ["SystemTrace"]


@dataclass(frozen=True)
class SystemTrace(AvroModel):
    """What a sensor said of one metric of a host at one time; the value is a number as text."""

    timestamp: int
    hostname: str
    metric: TraceMetric
    measure: TraceMeasure
    unit: TraceUnit
    value: str

    def about(self) -> Metric:
        """Return the metric, without the host."""
        return Metric(self.metric.value, self.measure.value, self.unit.value)

    class Meta:
        """How the schema is rendered."""

        namespace = TRACE_NAMESPACE
        schema_doc = False
