"""Input topics in memory: lines of agents, and labels, as records in the order they were written."""

from __future__ import annotations

import random

from pg_streaming_machine_learning.engine import EngineConfig
from pg_streaming_machine_learning.operations.backfill.stretch import Stretch
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.sources import Source, SourceOptions, create_sources
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.wire.registry import Registry
from pg_streaming_machine_learning.wire.target import encode_target, encode_target_key
from tests.logs import SMALL_FOREST

__all__ = ["CONFIG", "HOSTS", "LINES", "START_MS", "TARGETS", "WINDOWS", "records", "sources", "stretches"]

LINES, TARGETS = "lines", "targets"
HOSTS = ("web", "db", "cache-é", "auth")
START_MS = 1_700_000_000_000
SIZE_MS, HOP_MS = 10_000, 5_000
WINDOWS = HoppingWindows(SIZE_MS, HOP_MS)
CONFIG = EngineConfig(
    inputs=(LINES, TARGETS),
    size_ms=SIZE_MS,
    hop_ms=HOP_MS,
    grace_ms=5_000,
    idle_after_ms=60_000,
    model=SMALL_FOREST,
    warm_up_samples=10,
)


def sources(registry_url: str = "http://127.0.0.1:1", **topics: str) -> dict[str, Source]:
    """Return what reads the topics; those that need a registry find none."""
    limits = Limits(SIZE_MS, HOP_MS, max_ahead_ms=3_600_000, max_record_bytes=1_048_576)
    names = topics or {"telegraf": LINES, "targets": TARGETS}
    return create_sources(names, SourceOptions(Registry(registry_url), limits))


def stretches(found: list[InputRecord]) -> list[Stretch]:
    """Return the stretches that hold records, and one more partition of the labels, which is empty."""
    counts: dict[tuple[str, int], int] = {(LINES, 0): 0, (LINES, 1): 0, (TARGETS, 0): 0, (TARGETS, 1): 0}
    for record in found:
        counts[record.topic, record.partition] += 1
    return [Stretch(topic, partition, 0, count) for (topic, partition), count in counts.items()]


def records(cycles: int = 60, seed: int = 1) -> list[InputRecord]:
    """Return so many rounds of lines of all hosts, with the labels of their windows a little later.

    Some lines are no lines, and some labels come twice, first as 0.
    """
    rng = random.Random(seed)
    offsets = {(LINES, 0): 0, (LINES, 1): 0, (TARGETS, 0): 0}
    found = []

    def write(topic: str, partition: int, at_ms: int, key: bytes | None, value: bytes) -> None:
        offset = offsets[topic, partition]
        offsets[topic, partition] += 1
        found.append(InputRecord(topic, partition, offset, at_ms, key, value))

    for cycle in range(cycles):
        at_ms = START_MS + cycle * 2_000
        for number, host in enumerate(HOSTS):
            is_busy = (cycle // 10 + number) % 3 == 0
            percent = rng.gauss(80 if is_busy else 30, 5)
            line = f"mem,host={host} used_percent={percent:.3f} {at_ms * 1_000_000}"
            write(LINES, number % 2, at_ms, host.encode(), line.encode())
            if rng.random() < 0.02:
                write(LINES, number % 2, at_ms, None, b"no line")
            start_ms = at_ms - at_ms % HOP_MS
            for label in {0, int(is_busy)} if rng.random() < 0.3 else {int(is_busy)}:
                key = encode_target_key(host, start_ms)
                write(TARGETS, 0, at_ms, key, encode_target(label))
    return found
