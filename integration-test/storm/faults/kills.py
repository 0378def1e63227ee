"""Workers killed as ``kill -9`` does, at random and at the named points."""

from __future__ import annotations

import random
import signal
from functools import partial
from itertools import cycle, islice

from storm.fault import Fault, NotInjected
from storm.points import KILL_POINTS
from storm.scene import Scene

__all__ = ["faults", "kill_any", "kill_at"]

_HIT_WITHIN_S = 30.0
_WHEN_TAKING_OVER = ("fencing", "loading")


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many kills: each point in turn, and half as many at random."""
    points = islice(cycle((*KILL_POINTS, *[""] * (len(KILL_POINTS) // 2))), number)
    found = [
        Fault(f"kill -9 {point}", partial(kill_at, point=point)) if point else Fault("kill -9", kill_any)
        for point in points
    ]
    rng.shuffle(found)
    return found


def kill_any(scene: Scene) -> None:
    """Kill a worker wherever it is."""
    if pids := scene.crew.pids:
        scene.crew.signal(scene.rng.choice(pids), signal.SIGKILL)


def kill_at(scene: Scene, point: str) -> None:
    """Kill the worker that next comes by a point."""
    scene.control.order("kill", point)
    if point in _WHEN_TAKING_OVER:
        kill_any(scene)
    if scene.control.taken("kill", point, _HIT_WITHIN_S) is None:
        scene.control.withdraw("kill", point)
        raise NotInjected(f"no worker came by {point!r} within {_HIT_WITHIN_S:.0f} s")
