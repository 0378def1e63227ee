"""A broker that is killed, stopped in order, or away for longer than the session time-out."""

from __future__ import annotations

import random
import signal
import time
from functools import partial

from storm.fault import Fault
from storm.scene import Scene

__all__ = ["faults", "restart_broker"]

_STOPS_WITHIN_S = 8.0
_AWAY = 1.5
"""Times the session time-out."""


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults: killed, stopped, away for long, each in turn."""
    kinds = [
        Fault("broker kill -9", partial(restart_broker, number=signal.SIGKILL)),
        Fault("broker stop", partial(restart_broker, number=signal.SIGTERM)),
        Fault("broker away", partial(restart_broker, number=signal.SIGTERM, sessions=_AWAY)),
    ]
    found = [kinds[index % len(kinds)] for index in range(number)]
    rng.shuffle(found)
    return found


def restart_broker(scene: Scene, number: int, sessions: float = 0.0) -> None:
    """Stop the broker with a signal, and start it again after so many session time-outs."""
    scene.arena.kafka.stop(number, _STOPS_WITHIN_S)
    time.sleep(sessions * scene.arena.session_s)
    scene.arena.kafka.start()
