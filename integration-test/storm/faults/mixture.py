"""Faults of all kinds, as they come."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from functools import partial

from storm.fault import Fault
from storm.faults.brokers import restart_broker
from storm.faults.freezes import LONGER, SHORTER, freeze
from storm.faults.kills import kill_any, kill_at
from storm.faults.network import reset, slow
from storm.faults.poison import burst
from storm.faults.registry import cold
from storm.faults.workers import terminate
from storm.points import KILL_POINTS
from storm.scene import Scene

__all__ = ["faults"]


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults, drawn by chance."""
    kinds: list[tuple[int, str, Callable[[Scene], None]]] = [
        (3, "kill -9", kill_any),
        (3, "kill -9 at a point", lambda scene: kill_at(scene, scene.rng.choice(KILL_POINTS))),
        (2, "SIGTERM", terminate),
        (1, "SIGSTOP, short", partial(freeze, sessions=SHORTER)),
        (2, "SIGSTOP, long", partial(freeze, sessions=LONGER)),
        (1, "broker kill -9", partial(restart_broker, number=signal.SIGKILL)),
        (1, "broker stop", partial(restart_broker, number=signal.SIGTERM)),
        (1, "network slow", slow),
        (2, "connections reset", reset),
        (1, "registry 500", partial(cold, fault="500")),
        (3, "poison, kill -9", partial(burst, is_killed=True)),
    ]
    drawn = rng.choices(kinds, [weight for weight, _, _ in kinds], k=number)
    return [Fault(name, do) for _, name, do in drawn]
