"""Workers that are told to end while they are busy; workers that join and leave."""

from __future__ import annotations

import random
import signal
import time

from services.topics import wait_until
from storm.fault import Fault, NotInjected
from storm.scene import Scene

__all__ = ["faults", "join_and_leave", "terminate"]

_MOVED_WITHIN_S = 60.0
_HAS_PARTITIONS = "partitions assigned"
"""What a worker logs once it has taken partitions over."""


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
    """Have two workers more, and, once they have partitions and all partitions move, again one."""
    before = [len(scene.crew.log(number)) for number in range(3)]
    scene.crew.resize(3)

    def have_partitions() -> bool:
        return all(_HAS_PARTITIONS in scene.crew.log(number)[before[number] :] for number in (1, 2))

    wait_until(have_partitions, _MOVED_WITHIN_S, "two more workers have partitions")
    if scene.watch.moved_since(time.time(), _MOVED_WITHIN_S) is None:
        raise NotInjected("partitions stand still after two workers joined")
    scene.crew.resize(1)
