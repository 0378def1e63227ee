"""Windows as records of the input topic, partitioned as Kafka Streams does."""

from __future__ import annotations

from collections.abc import Iterator

from aiokafka.partitioner import murmur2

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key
from services.upstream import Sent
from tests.oracle import FinalWindow

__all__ = ["Encoding"]


class Encoding:
    """Encodes windows.

    Parameters
    ----------
    partitions : int
        Of the input topic.
    key_id, value_id : int
        Ids of the two schemas in the registry.
    """

    def __init__(self, partitions: int, key_id: int, value_id: int) -> None:
        self._partitions = partitions
        self._keys = AvroEncoder(FeatureKey, key_id)
        self._values = AvroEncoder(LabeledFeature, value_id)

    def records(self, window: FinalWindow) -> Iterator[Sent]:
        """Return the records of a revision of a window, one for each metric."""
        assert window.label is not None
        for (metric, measure, unit), statistics in sorted(window.metrics.items()):
            inner = self._keys.encode(
                FeatureKey(window.host, TraceMetric(metric), TraceMeasure(measure), TraceUnit(unit))
            )
            value = self._values.encode(
                LabeledFeature(**dict(zip(STATISTICS, statistics, strict=True)), label=window.label)
            )
            partition = (murmur2(inner) & 0x7FFFFFFF) % self._partitions
            yield Sent(partition, encode_windowed_key(inner, window.start_ms), value, window.start_ms)
