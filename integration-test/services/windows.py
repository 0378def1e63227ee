"""Windows made up for tests: hosts whose processor is busy when they are slow."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.upstream import Sent, Upstream
from tests.oracle import FinalWindow

__all__ = ["HOP_MS", "METRICS", "SETTINGS", "SIZE_MS", "in_revisions", "made_up"]

SIZE_MS = 10_000
HOP_MS = 5_000
FIRST_MS = 1_700_000_000_000

SETTINGS = {"WINDOW_SIZE_S": "10", "WINDOW_HOP_S": "5", "WINDOW_GRACE_S": "5", "IDLE_AFTER_S": "60"}
"""The windows as a worker has to be told. It waits long for partitions: what is tested is not the waiting."""

METRICS = (
    ("CPU", "UTILIZATION", "PERCENT"),
    ("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND"),
    ("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND"),
    ("MEMORY", "UTILIZATION", "PERCENT"),
    ("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND"),
    ("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND"),
)


def made_up(hosts: Sequence[str], count: int, seed: int = 1) -> list[FinalWindow]:
    """Return so many windows of each host, by start; some have missing statistics."""
    rng = random.Random(seed)
    windows = []
    for number in range(count):
        start_ms = FIRST_MS + number * HOP_MS
        for host in hosts:
            label = int(number % 20 >= 15)
            metrics = {symbols: _statistics(rng, 50 * label) for symbols in METRICS}
            windows.append(FinalWindow(host, start_ms, start_ms + SIZE_MS, metrics, label))
    return windows


def in_revisions(upstream: Upstream, windows: Sequence[FinalWindow], seed: int = 1) -> Iterator[Sent]:
    """Yield each window twice: first as it may have stood half full, with another label, then as it is."""
    rng = random.Random(seed)
    moments = []
    for window in windows:
        draft = replace(window, metrics={symbols: _statistics(rng, 0) for symbols in window.metrics}, label=0)
        moments.append((window.start_ms + SIZE_MS // 2, draft))
        moments.append((window.end_ms, window))
    for _, revision in sorted(moments, key=lambda moment: moment[0]):
        yield from upstream.records(revision)


def _statistics(rng: random.Random, level: float) -> tuple[float, ...]:
    values = [rng.gauss(level, 10.0) for _ in range(11)]
    if rng.random() < 0.1:
        values[7] = values[8] = float("nan")
    return tuple(values)
