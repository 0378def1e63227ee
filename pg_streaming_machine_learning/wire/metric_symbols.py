"""A metric as Avro writes its three symbols, in the log and in predictions: their places in their enums."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.wire.zigzag import zigzag

__all__ = ["METRIC_BYTES", "METRIC_OF"]

METRIC_BYTES: Mapping[tuple[str, str, str], bytes] = {
    (metric.value, measure.value, unit.value): zigzag(first) + zigzag(second) + zigzag(third)
    for (first, metric), (second, measure), (third, unit) in product(
        enumerate(TraceMetric), enumerate(TraceMeasure), enumerate(TraceUnit)
    )
}
"""The three bytes of each metric, by its symbols."""

METRIC_OF: Mapping[bytes, Metric] = {data: Metric(*symbols) for symbols, data in METRIC_BYTES.items()}
"""Each metric by its three bytes: one object for all records."""
