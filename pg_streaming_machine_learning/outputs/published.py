"""Intermediate results, published for others: readings, windows, labels, as the JVM jobs write them.

A window is published once, when it has closed, with its last statistics. All records of a metric of a host
lie in one partition of their topic, in the order in which they became final.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.records.prediction import Concluded, Effect, Measured, Sample
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.partition import partition_of
from pg_streaming_machine_learning.wire.system_trace import SystemTrace
from pg_streaming_machine_learning.wire.target import encode_target
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key

__all__ = ["PUBLISHED_RECORDS", "PublishedTopic", "Publisher"]

_MOST_KEYS = 100_000
"""Encoded keys remembered at most: those of 10,000 hosts with ten metrics each."""


@dataclass(frozen=True)
class PublishedTopic:
    """A topic that something is published to.

    Parameters
    ----------
    name : str
        Of the topic.
    partitions : int
        How many it has.
    schema_ids : mapping of str to int
        Ids of the schemas of ``key`` and ``value``, as far as they are Avro.
    """

    name: str
    partitions: int
    schema_ids: Mapping[str, int]

    def encoder(self, part: str, model: type[Any]) -> AvroEncoder[Any]:
        """Return what encodes the key or the value."""
        return AvroEncoder(model, self.schema_ids[part])

    def output(self, key: bytes, value: bytes, partition: int) -> Output:
        """Return a record."""
        return Output(self.name, key, value, partition)


PUBLISHED_RECORDS: Mapping[str, Mapping[str, type[Any]]] = {
    "system-traces": {"value": SystemTrace},
    "features": {"key": FeatureKey, "value": Feature},
    "targets": {},
    "labeled-data": {"key": FeatureKey, "value": LabeledFeature},
}
"""What can be published, and which Avro records are the keys and values; their subjects are
``<topic>-key`` and ``<topic>-value``."""


class Publisher:
    """Makes the records of what is published.

    Parameters
    ----------
    topics : mapping of str to PublishedTopic
        Where to, by what it is, of `PUBLISHED_RECORDS`. Nothing else is published.
    """

    def __init__(self, topics: Mapping[str, PublishedTopic]) -> None:
        self._makers = [_MAKERS[name](topic) for name, topic in topics.items()]

    @property
    def is_silent(self) -> bool:
        """Whether nothing is published."""
        return not self._makers

    def encode(self, effect: Effect) -> Iterator[Output]:
        """Yield the records of what an engine made of the log: none, or some for each topic."""
        for make in self._makers:
            yield from make(effect)


class _SystemTraces:
    """Readings, as they go into windows.

    The name of the source, which the contract has as key, is the host's: the engine does not know who told a
    reading, and readings without a key would be spread over the partitions, and lose their order.
    """

    def __init__(self, topic: PublishedTopic) -> None:
        self._topic = topic
        self._values = topic.encoder("value", SystemTrace)
        self._place = lru_cache(_MOST_KEYS)(self._keyed)

    def __call__(self, effect: Effect) -> Iterator[Output]:
        if isinstance(effect, Measured):
            host, metric = effect.host, effect.metric
            key, partition = self._place(host)
            # The shortest text that is read as the same double.
            value = repr(float(effect.value))
            trace = SystemTrace(effect.timestamp_ms, host, *_symbols(metric), value)
            yield self._topic.output(key, self._values.encode(trace), partition)

    def _keyed(self, host: str) -> tuple[bytes, int]:
        key = host.encode()
        return key, partition_of(key, self._topic.partitions)


class _Targets:
    """Labels of windows, also of those without a metric."""

    def __init__(self, topic: PublishedTopic) -> None:
        self._topic = topic

    def __call__(self, effect: Effect) -> Iterator[Output]:
        if isinstance(effect, Concluded) and effect.sample.label is not None:
            host = effect.sample.host.encode()
            key = encode_windowed_key(host, effect.sample.window.start_ms)
            partition = partition_of(host, self._topic.partitions)
            yield self._topic.output(key, encode_target(effect.sample.label), partition)


class _Windows:
    """Statistics of windows, for each metric.

    Parameters
    ----------
    record : callable
        Makes the value of a window's statistics; None if there is nothing to publish of the sample.
    """

    def __init__(
        self,
        model: type[Any],
        record: Callable[[Sample, tuple[float, ...]], Feature | LabeledFeature | None],
        topic: PublishedTopic,
    ) -> None:
        self._topic = topic
        self._record = record
        self._keys = topic.encoder("key", FeatureKey)
        self._values = topic.encoder("value", model)
        self._place = lru_cache(_MOST_KEYS)(self._keyed)

    def __call__(self, effect: Effect) -> Iterator[Output]:
        if not isinstance(effect, Concluded):
            return
        sample = effect.sample
        for metric, statistics in sample.statistics.items():
            record = self._record(sample, _finite(statistics))
            if record is not None:
                inner, partition = self._place(sample.host, metric)
                key = encode_windowed_key(inner, sample.window.start_ms)
                yield self._topic.output(key, self._values.encode(record), partition)

    def _keyed(self, host: str, metric: Metric) -> tuple[bytes, int]:
        inner = self._keys.encode(FeatureKey(host, *_symbols(metric)))
        return inner, partition_of(inner, self._topic.partitions)


def _feature(_: Sample, statistics: tuple[float, ...]) -> Feature:
    return Feature(*statistics)


def _labeled_feature(sample: Sample, statistics: tuple[float, ...]) -> LabeledFeature | None:
    values: tuple[Any, ...] = (*statistics, sample.label)
    return None if sample.label is None else LabeledFeature(*values)


def _finite(statistics: tuple[float, ...]) -> tuple[float, ...]:
    """Return the statistics, NaN for one out of the range of a double: readers refuse records with those."""
    return tuple(math.nan if math.isinf(value) else value for value in statistics)


@lru_cache(maxsize=1024)
def _symbols(metric: Metric) -> tuple[TraceMetric, TraceMeasure, TraceUnit]:
    return TraceMetric(metric.metric), TraceMeasure(metric.measure), TraceUnit(metric.unit)


_MAKERS: Mapping[str, Callable[[PublishedTopic], Callable[[Effect], Iterator[Output]]]] = {
    "system-traces": _SystemTraces,
    "features": partial(_Windows, Feature, _feature),
    "targets": _Targets,
    "labeled-data": partial(_Windows, LabeledFeature, _labeled_feature),
}
