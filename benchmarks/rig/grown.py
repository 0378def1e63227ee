"""Engines whose snapshot has a given size, by training on a synthetic stream."""

from __future__ import annotations

import json
import random
import sys

from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    Metric,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.state.layout import compress

__all__ = ["grow", "model_parameters"]

HOSTS = 20
METRICS = (
    Metric("CPU", "UTILIZATION", "PERCENT"),
    Metric("MEMORY", "UTILIZATION", "MEGABYTES"),
    Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND"),
    Metric("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND"),
    Metric("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND"),
    Metric("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND"),
)


def model_parameters(megabytes: float) -> str:
    """Return the parameters of a forest that comes to a size in minutes: many trees, which split early."""
    trees = max(10, round(4 * megabytes))
    return json.dumps({"n_models": trees, "grace_period": 50, "tau": 0.9, "delta": 0.5})


def grow(config: EngineConfig, megabytes: float) -> tuple[Engine, int]:
    """Return an engine whose compressed snapshot has at least so many megabytes, and its samples.

    The statistics and labels are random: what there is to learn does not matter, and no tree stops growing
    for having learned it.
    """
    engine, rng = Engine(config), random.Random(1)
    topic, step, look_at, size = config.inputs[0], 0, 10, 0
    while size < megabytes * 1e6:
        while step < look_at:
            engine.process(_step(topic, step, config.hop_ms, rng))
            step += 1
        size = len(compress(engine.snapshot()))
        look_at = step + max(1, min(step // 2, round(step * (megabytes * 1e6 / size - 1))))
        print(f"  {step * HOSTS} samples: {size / 1e6:.1f} MB", file=sys.stderr, flush=True)
    return engine, engine.counts.learned


def _step(topic: str, step: int, hop_ms: int, rng: random.Random) -> list[LogRecord]:
    """Return the updates of all hosts for one window, and the mark that closes the one before."""
    start_ms = step * hop_ms
    records: list[LogRecord] = []
    for host in range(HOSTS):
        label = rng.randrange(2)
        for number, metric in enumerate(METRICS):
            place = SourcePlace(topic, 0, (step * HOSTS + host) * len(METRICS) + number)
            statistics = tuple(rng.random() for _ in STATISTICS)
            records.append(WindowUpdate(place, f"host-{host}", metric, start_ms, statistics, label))
    return [*records, ProgressMark(InputPartition(topic, 0), 1, start_ms, False, start_ms)]
