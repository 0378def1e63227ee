"""Revisions as the upstream jobs would write them: windowed keys, Avro values, their partitioning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pg_streaming_machine_learning.demo.revisions import Revision
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.partition import partition_of
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key

__all__ = ["EncodedWindow", "WindowEncoder"]


@dataclass(frozen=True, slots=True)
class EncodedWindow:
    """A revision as bytes, and the partition it belongs to."""

    partition: int
    key: bytes
    value: bytes


class WindowEncoder:
    """Write revisions in the contract's bytes.

    Parameters
    ----------
    key_schema_id, value_schema_id : int
        Ids of `FeatureKey` and `LabeledFeature` in the registry.
    partitions : int
        How many the input topic has.
    """

    def __init__(self, key_schema_id: int, value_schema_id: int, partitions: int) -> None:
        self._keys = AvroEncoder(FeatureKey, key_schema_id)
        self._values = AvroEncoder(LabeledFeature, value_schema_id)
        self._partitions = partitions
        self._known: dict[tuple[str, Metric], tuple[bytes, int]] = {}

    def encode(self, revision: Revision) -> EncodedWindow:
        """Return key, value and partition.

        Notes
        -----
        The partition is that of the inner key, without the window start, as Kafka Streams'
        `WindowedStreamPartitioner` has it: all windows of one metric lie in one partition.
        """
        inner, partition = self._inner(revision.host, revision.metric)
        fields: dict[str, Any] = dict(zip(STATISTICS, revision.statistics, strict=True))
        value = self._values.encode(LabeledFeature(**fields, label=revision.label))
        return EncodedWindow(partition, encode_windowed_key(inner, revision.window_start_ms), value)

    def _inner(self, host: str, metric: Metric) -> tuple[bytes, int]:
        known = self._known.get((host, metric))
        if known is None:
            key = FeatureKey(
                hostname=host,
                metric=TraceMetric(metric.metric),
                measure=TraceMeasure(metric.measure),
                unit=TraceUnit(metric.unit),
            )
            inner = self._keys.encode(key)
            known = inner, partition_of(inner, self._partitions)
            self._known[host, metric] = known
        return known
