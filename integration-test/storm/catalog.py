"""The storms: their faults, how many, and with how many workers."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from storm.fault import Fault
from storm.faults import (
    brokers,
    freezes,
    inputs,
    kills,
    mixture,
    network,
    poison,
    proving,
    registry,
    snapshots,
    workers,
)

__all__ = ["PROVING", "STORMS", "Storm"]


@dataclass(frozen=True)
class Storm:
    """A storm.

    Parameters
    ----------
    faults : callable
        Number of faults and a source of chance → the faults.
    short, long : int
        How many in ``make test`` and in ``make storm``.
    workers : int
        How many there are at first.
    is_alone : bool
        Whether its faults meet everybody who uses the same broker.
    """

    faults: Callable[[int, random.Random], list[Fault]]
    short: int
    long: int
    workers: int = 2
    is_alone: bool = False


STORMS: Mapping[str, Storm] = {
    "kills": Storm(kills.faults, 12, 120),
    "workers": Storm(workers.faults, 6, 60, workers=1),
    "freezes": Storm(freezes.faults, 6, 60),
    "broker": Storm(brokers.faults, 4, 40, is_alone=True),
    "network": Storm(network.faults, 4, 40, is_alone=True),
    "registry": Storm(registry.faults, 8, 60),
    "poison": Storm(poison.faults, 20, 300),
    "snapshots": Storm(snapshots.faults, 8, 60),
    "inputs": Storm(inputs.faults, 4, 20),
    "mixture": Storm(mixture.faults, 20, 120, workers=3, is_alone=True),
}
"""The storms by name, as in the table of what has to be shown."""

PROVING = Storm(proving.faults, 1, 10)
"""What mutants are found by."""
