"""Workers that are told to end while they are busy; workers that join and leave."""

from __future__ import annotations

import random
import signal
import time

from storm.fault import Fault, NotInjected
from storm.scene import Scene

__all__ = ["faults", "join_and_leave", "terminate"]

_MOVED_WITHIN_S = 60.0


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults, half of each kind."""
    kinds = [Fault("SIGTERM", terminate), Fault("1 → 3 → 1 workers", join_and_leave)]
    found = [kinds[index % 2] for index in range(number)]
    rng.shuffle(found)
    return found


def terminate(scene: Scene) -> None:
    """Tell a worker to end."""
    if pids := scene.crew.pids:
        scene.crew.signal(scene.rng.choice(pids), signal.SIGTERM)


def join_and_leave(scene: Scene) -> None:
    """Have two workers more, and, once partitions have moved over, again one."""
    scene.crew.resize(3)
    if scene.watch.moved_since(time.time(), _MOVED_WITHIN_S) is None:
        raise NotInjected("partitions stand still after two workers joined")
    scene.crew.resize(1)
