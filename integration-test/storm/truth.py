"""What must come of the real content of the input topic: an undisturbed run in this process.

The router's sources say what each record is; a plain loop over the windows' last revisions says what must be
predicted (`tests.oracle`), one loop for each partition of the log. No engine, store or watermark is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from aiokafka.partitioner import murmur2

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.records.update import SourcePlace, WindowUpdate
from pg_streaming_machine_learning.sources import SourceOptions, create_sources
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import read_whole
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction, TracedMetric
from pg_streaming_machine_learning.wire.registry import Registry
from tests.oracle import FinalWindow, expected_predictions

__all__ = ["Expected", "Truth", "establish"]


@dataclass(frozen=True)
class Expected:
    """A prediction as it must lie in the topic."""

    name: str
    key: bytes
    value: bytes


@dataclass
class Truth:
    """What must come of the input.

    Parameters
    ----------
    updates : dict
        Each good record's update by its place.
    refused : dict
        The record and the reason of each dead letter by the place of the record.
    predictions : list of list of Expected
        By partition of the log, in order.
    """

    updates: dict[SourcePlace, WindowUpdate] = field(default_factory=dict)
    refused: dict[SourcePlace, tuple[InputRecord, str]] = field(default_factory=dict)
    predictions: list[list[Expected]] = field(default_factory=list)


def establish(content: Iterable[Iterable[InputRecord]], settings: Settings, schema_id: int) -> Truth:
    """Work out what must come of the records of an input topic, by partition.

    Parameters
    ----------
    content : iterable of iterable of InputRecord
        The records of each partition in their order, without those that were deleted before they were read.
    settings : Settings
        Those of the workers; the registry has to be one that works.
    schema_id : int
        Of the predictions.
    """
    truth = Truth()
    reached = [asyncio.run(_read(partition, settings, truth)) for partition in content]
    watermark_ms = min(start_ms for start_ms in reached)
    closing_ms = (settings.window_size_s + settings.window_grace_s) * 1000
    windows = [
        window
        for window in _windows(truth.updates.values(), settings.window_size_s * 1000)
        if window.start_ms + closing_ms <= watermark_ms
    ]
    encoder = AvroEncoder(BottleneckPrediction, schema_id)
    for number in range(settings.log_partitions):
        own = [window for window in windows if log_partition(window.host, settings.log_partitions) == number]
        truth.predictions.append(
            [
                Expected(each["id"], each["host"].encode(), encoder.encode(_record(each)))
                for each in expected_predictions(
                    own,
                    ModelSpec(settings.model, settings.model_parameters),
                    settings.seed,
                    warm_up_samples=settings.warm_up_samples,
                    decision_threshold=settings.decision_threshold,
                    host_as_feature=settings.host_as_feature,
                )
            ]
        )
    return truth


def log_partition(host: str, partitions: int) -> int:
    """Return the partition of the log a host belongs to."""
    return int(murmur2(host.encode()) & 0x7FFFFFFF) % partitions


async def _read(records: Iterable[InputRecord], settings: Settings, truth: Truth) -> int:
    """Note what the records of a partition are; return the start of the newest window, -1 without any."""
    sources = create_sources(
        settings.input_topics,
        SourceOptions(
            Registry(settings.schema_registry_url),
            Limits(
                hop_ms=settings.window_hop_s * 1000,
                size_ms=settings.window_size_s * 1000,
                max_ahead_ms=settings.max_ahead_s * 1000,
                max_record_bytes=settings.max_record_bytes,
            ),
        ),
    )
    reached_ms = -1
    for record in records:
        try:
            updates = await read_whole(sources[record.topic], record)
        except RefusedRecord as refused:
            place = SourcePlace(record.topic, record.partition, record.offset)
            truth.refused[place] = (record, refused.reason.value)
            continue
        for update in updates:
            assert isinstance(update, WindowUpdate)
            truth.updates[update.place] = update
            reached_ms = max(reached_ms, update.window_start_ms)
    return reached_ms


def _windows(updates: Iterable[WindowUpdate], size_ms: int) -> list[FinalWindow]:
    """Return the last state of each window. A metric of a host comes by one partition, so in order."""
    metrics: dict[tuple[str, int], dict[tuple[str, str, str], WindowUpdate]] = {}
    for update in updates:
        about = (update.metric.metric, update.metric.measure, update.metric.unit)
        metrics.setdefault((update.host, update.window_start_ms), {})[about] = update
    windows = []
    for (host, start_ms), last in metrics.items():
        labels = [update.label for update in last.values() if update.label is not None]
        statistics = {about: update.statistics for about, update in last.items()}
        label = max(labels) if labels else None
        windows.append(FinalWindow(host, start_ms, start_ms + size_ms, statistics, label))
    return windows


def _record(prediction: dict[str, Any]) -> BottleneckPrediction:
    metrics = [
        TracedMetric(
            metric=_symbol(TraceMetric, each["metric"]),
            measure=_symbol(TraceMeasure, each["measure"]),
            unit=_symbol(TraceUnit, each["unit"]),
        )
        for each in prediction["metrics"]
    ]
    return BottleneckPrediction(**prediction | {"metrics": metrics})


def _symbol(kind: type[Enum], value: str) -> Any:
    return kind(value)
