"""Workers frozen with a send in flight, for less than the session time-out and for longer."""

from __future__ import annotations

import random
import signal
import time
from functools import partial

from storm.fault import Fault, NotInjected
from storm.scene import Scene

__all__ = ["faults", "freeze"]

_POINTS = ("before-commit", "before-transaction", "decoded")
"""All is written and not committed; or the work is done and nothing is written."""

_HIT_WITHIN_S = 30.0
LONGER = 2.0
SHORTER = 0.5
"""Times the session time-out."""


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many freezes, half of them longer than the session."""
    found = []
    for index in range(number):
        name, sessions = (("SIGSTOP, long", LONGER), ("SIGSTOP, short", SHORTER))[index % 2]
        point = _POINTS[index // 2 % len(_POINTS)]
        found.append(Fault(name, partial(freeze, sessions=sessions, point=point)))
    rng.shuffle(found)
    return found


def freeze(scene: Scene, sessions: float, point: str = _POINTS[0]) -> None:
    """Freeze the worker that next comes by a point; let it go on after so many session time-outs."""
    scene.control.order("stop", point)
    pid = scene.control.taken("stop", point, _HIT_WITHIN_S)
    if pid is None:
        scene.control.withdraw("stop", point)
        raise NotInjected(f"no worker came by {point!r} within {_HIT_WITHIN_S:.0f} s")
    time.sleep(sessions * scene.arena.session_s)
    scene.crew.signal(pid, signal.SIGCONT)
