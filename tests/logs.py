"""Logs to feed an engine with: the input partitions of a small fleet, merged in any order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from pg_streaming_machine_learning.engine import EngineConfig
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    Metric,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.windows.summary import summarize
from tests.oracle import FinalWindow

TOPIC = "pg-streaming-labeled-data"
SIZE_MS, HOP_MS, GRACE_MS, IDLE_AFTER_MS = 10_000, 5_000, 1_000, 60_000
CPU = Metric("CPU", "UTILIZATION", "PERCENT")
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
NETWORK = Metric("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND")
METRICS = (CPU, MEMORY, NETWORK)
"""All windows of one metric lie in one input partition: here the metric's place in this tuple."""

SMALL_FOREST = ModelSpec(parameters={"n_models": 2, "grace_period": 10})
SMALL_RIVER_FOREST = ModelSpec("river.forest.ARFClassifier", {"n_models": 2, "grace_period": 10})


def config(
    model: ModelSpec = SMALL_FOREST, *, inputs: tuple[str, ...] = (TOPIC,), host_as_feature: bool = False
) -> EngineConfig:
    """Return a configuration for small windows."""
    return EngineConfig(
        inputs=inputs,
        size_ms=SIZE_MS,
        hop_ms=HOP_MS,
        grace_ms=GRACE_MS,
        idle_after_ms=IDLE_AFTER_MS,
        model=model,
        seed=3,
        warm_up_samples=10,
        decision_threshold=0.4,
        host_as_feature=host_as_feature,
        evaluation_window=20,
    )


@dataclass(frozen=True)
class Fleet:
    """What a fleet of hosts sends, each input partition in its order, and what it comes down to."""

    partitions: tuple[tuple[SingleRecord, ...], ...]
    final: tuple[FinalWindow, ...]


def fleet(hosts: Sequence[str], windows: int, seed: int) -> Fleet:
    """Return a fleet that sends each window of each metric in one to three revisions.

    Some windows lack a metric, some a label, some readings are constant (so that statistics are NaN), and
    each partition tells its progress now and then.
    """
    rng = random.Random(seed)
    partitions: list[list[SingleRecord]] = [[_mark(number, None)] for number in range(len(METRICS))]
    final = []
    for index in range(windows):
        for host in hosts:
            label = rng.choice([0, 0, 1, None])
            found = {}
            for number, metric in enumerate(METRICS):
                if rng.random() < 0.85:
                    found[metric] = _send(partitions[number], number, host, index * HOP_MS, label, rng)
            if found:
                final.append(_final(host, index * HOP_MS, found, label))
        for number, records in enumerate(partitions):
            if rng.random() < 0.7:
                records.append(_mark(number, _reached_ms(records)))
    for number, records in enumerate(partitions):
        records.append(_mark(number, _reached_ms(records), idle=True))
    return Fleet(tuple(map(tuple, partitions)), tuple(final))


def busy_log(windows: int, seed: int) -> list[SingleRecord]:
    """Return the log of one input partition and two hosts in which nearly every mark closes windows.

    Now and then a record is sent twice, a window has two revisions, or a host none.
    """
    rng = random.Random(seed)
    log: list[SingleRecord] = []
    for index in range(windows):
        for host in ("a", "b"):
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                label = rng.choice([0, 1, None])
                readings = [rng.gauss(80.0 if label else 20.0, 10.0) for _ in range(5)]
                place = SourcePlace(TOPIC, 0, len(log))
                metric = rng.choice([CPU, MEMORY])
                log.append(WindowUpdate(place, host, metric, index * HOP_MS, summarize(readings), label))
                if rng.random() < 0.1:
                    log.append(log[-1])
        progress = ProgressMark(InputPartition(TOPIC, 0), 1, index * HOP_MS, False, index * 1000)
        log.append(progress)
    return log


def merged(partitions: Sequence[Sequence[SingleRecord]], order: random.Random) -> list[SingleRecord]:
    """Return the records of all partitions in one order, each partition's own order kept."""
    waiting = [list(records) for records in partitions]
    turns = [number for number, records in enumerate(waiting) for _ in records]
    order.shuffle(turns)
    places = [0] * len(waiting)
    log = []
    for number in turns:
        log.append(waiting[number][places[number]])
        places[number] += 1
    return log


def _send(
    records: list[SingleRecord],
    number: int,
    host: str,
    start_ms: int,
    label: int | None,
    rng: random.Random,
) -> tuple[float, ...]:
    """Send the revisions of a metric's window; return the statistics of the last."""
    level = 80.0 if label else 20.0
    readings = [level] * 5 if rng.random() < 0.1 else [rng.gauss(level, 10) for _ in range(5)]
    statistics = summarize(readings)
    for length in [*sorted(rng.sample(range(1, 5), k=rng.randrange(3))), 5]:
        statistics = summarize(readings[:length])
        early = None if label is None else min(label, int(length == 5))
        place = SourcePlace(TOPIC, number, len(records))
        records.append(WindowUpdate(place, host, METRICS[number], start_ms, statistics, early))
    return statistics


def _reached_ms(records: Sequence[SingleRecord]) -> int | None:
    starts = [record.window_start_ms for record in records if isinstance(record, WindowUpdate)]
    return max(starts, default=None)


def _mark(number: int, event_ms: int | None, *, idle: bool = False) -> ProgressMark:
    return ProgressMark(InputPartition(TOPIC, number), len(METRICS), event_ms, idle, 0)


def _final(
    host: str, start_ms: int, found: dict[Metric, tuple[float, ...]], label: int | None
) -> FinalWindow:
    metrics = {(each.metric, each.measure, each.unit): values for each, values in found.items()}
    return FinalWindow(host, start_ms, start_ms + SIZE_MS, metrics, label)
