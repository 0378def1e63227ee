"""What upstream has to say, moment by moment: the windows of some hosts, in revisions."""

from __future__ import annotations

import random
from collections.abc import Sequence

from services.windows import FIRST_MS, HOP_MS, METRICS, SIZE_MS
from tests.oracle import FinalWindow

__all__ = ["HOSTS", "final", "moment"]

HOSTS = ("host-a", "host-b", "host-c", "host-e")
"""Two belong to each of the two partitions of the log."""

_BUSY = range(15, 20)
_RISE = 6.0
_SPREAD = 10.0
"""Busy windows are barely unlike others: the model stays in doubt, and a lost update shows."""


def final(host: str, number: int, seed: int) -> FinalWindow:
    """Return a window of a host as it is in the end, number 0 being the first."""
    rng = random.Random(f"{seed} {host} {number}")
    label = int(number % 20 in _BUSY)
    start_ms = FIRST_MS + number * HOP_MS
    metrics = {symbols: _statistics(rng, _RISE * label) for symbols in METRICS}
    return FinalWindow(host, start_ms, start_ms + SIZE_MS, metrics, label)


def moment(number: int, seed: int, hosts: Sequence[str] = HOSTS) -> list[FinalWindow]:
    """Return what is said at a moment: windows that end now, and those that begin half-way, as drafts."""
    said = [final(host, number - 1, seed) for host in hosts] if number else []
    for host in hosts:
        rng = random.Random(f"{seed} draft {host} {number}")
        start_ms = FIRST_MS + number * HOP_MS
        metrics = {symbols: _statistics(rng, 0.0) for symbols in METRICS}
        said.append(FinalWindow(host, start_ms, start_ms + SIZE_MS, metrics, 0))
    return said


def _statistics(rng: random.Random, level: float) -> tuple[float, ...]:
    values = [rng.gauss(level, _SPREAD) for _ in range(11)]
    if rng.random() < 0.1:
        values[7] = values[8] = float("nan")
    return tuple(values)
