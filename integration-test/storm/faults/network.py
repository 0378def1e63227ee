"""A broker that is slow, resets connections, goes silent, or refuses connections: by the proxy before it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from storm.fault import Fault
from storm.scene import Scene

__all__ = ["faults", "reset", "slow"]

_DELAY_S = 0.3
_SLOW_FOR_S = 3.0
_AWAY = 1.5
"""Times the session time-out."""


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults, each kind in turn."""
    kinds: dict[str, Callable[[Scene], None]] = {
        "network slow": slow,
        "connections reset": reset,
        "network cut": _cut,
        "connections refused": _refuse,
    }
    names = list(kinds)
    found = [Fault(names[index % len(names)], kinds[names[index % len(names)]]) for index in range(number)]
    rng.shuffle(found)
    return found


def slow(scene: Scene) -> None:
    """Delay every piece of data, either way, for a while."""
    scene.arena.proxy.delay_s = _DELAY_S
    time.sleep(_SLOW_FOR_S)
    scene.arena.proxy.heal()


def reset(scene: Scene) -> None:
    """Reset all connections."""
    scene.arena.proxy.reset()


def _cut(scene: Scene) -> None:
    scene.arena.proxy.cut()
    time.sleep(_AWAY * scene.arena.session_s)
    scene.arena.proxy.heal()


def _refuse(scene: Scene) -> None:
    scene.arena.proxy.refuse()
    time.sleep(_AWAY * scene.arena.session_s)
    scene.arena.proxy.heal()
