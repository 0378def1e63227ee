"""What the jobs before this application do: windows, in revisions, into the input topic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aiokafka.partitioner import murmur2
from confluent_kafka import Producer

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key
from tests.oracle import FinalWindow

__all__ = ["Sent", "Upstream", "far_apart", "flushing"]

_QUEUE = 50_000


@dataclass(frozen=True)
class Sent:
    """A record to send: partition, key, value, and the event time it belongs to."""

    partition: int
    key: bytes | None
    value: bytes | None
    event_ms: int


class Upstream:
    """Encodes and sends windows, partitioned as Kafka Streams does.

    Parameters
    ----------
    bootstrap, topic : str
        Where to.
    partitions : int
        How many the topic has.
    key_id, value_id : int
        Ids of the two schemas in the registry.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int, key_id: int, value_id: int) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "acks": "all"})
        self._topic = topic
        self.partitions = partitions
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
            partition = (murmur2(inner) & 0x7FFFFFFF) % self.partitions
            yield Sent(partition, encode_windowed_key(inner, window.start_ms), value, window.start_ms)

    def send(self, records: Iterable[Sent]) -> int:
        """Send records in their order; return how many once all are acknowledged."""
        count = 0
        for record in records:
            self._producer.produce(self._topic, record.value, record.key, partition=record.partition)
            count += 1
            if len(self._producer) > _QUEUE:
                self._producer.flush(60)
        assert self._producer.flush(60) == 0
        return count


def far_apart(records: Sequence[Sent]) -> list[Sent]:
    """Return all records of the last partition, then all of the one before it, and so on."""
    return sorted(records, key=lambda record: -record.partition)


def flushing(windows: Sequence[FinalWindow]) -> list[FinalWindow]:
    """Return a window far behind the end for each host: it closes all others, and stays open itself."""
    last: dict[str, FinalWindow] = {}
    size_ms = windows[0].end_ms - windows[0].start_ms
    end_ms = max(window.end_ms for window in windows)
    start_ms = -(-end_ms // size_ms) * size_ms + 10 * size_ms
    for window in windows:
        last[window.host] = FinalWindow(window.host, start_ms, start_ms + size_ms, window.metrics, 0)
    return list(last.values())
