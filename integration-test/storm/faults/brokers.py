"""A broker that is killed, stopped in order, or away for longer than the session time-out."""

from __future__ import annotations

import random
import signal
import time
from functools import partial

from storm.fault import Fault, NotInjected
from storm.faults.kills import kill_any
from storm.scene import Scene

__all__ = ["faults", "restart_broker"]

_STOPS_WITHIN_S = 8.0
_AWAY = 1.5
"""Times the session time-out."""

_HIT_WITHIN_S = 30.0
_DOWN_S = 1.0


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults: killed, stopped, away for long, killed at a take-over, each in turn."""
    kinds = [
        Fault("broker kill -9", partial(restart_broker, number=signal.SIGKILL)),
        Fault("broker stop", partial(restart_broker, number=signal.SIGTERM)),
        Fault("broker away", partial(restart_broker, number=signal.SIGTERM, sessions=_AWAY)),
        Fault("broker kill -9 at a take-over", _kill_at_take_over),
    ]
    found = [kinds[index % len(kinds)] for index in range(number)]
    rng.shuffle(found)
    return found


def restart_broker(scene: Scene, number: int, sessions: float = 0.0) -> None:
    """Stop the broker with a signal, and start it again after so many session time-outs."""
    scene.arena.kafka.stop(number, _STOPS_WITHIN_S)
    time.sleep(sessions * scene.arena.session_s)
    scene.arena.kafka.start()


def _kill_at_take_over(scene: Scene) -> None:
    """Kill the broker while a worker takes partitions over: it is frozen until the broker is gone."""
    point = scene.rng.choice(("fencing", "loading"))
    scene.control.order("stop", point)
    kill_any(scene)
    pid = scene.control.taken("stop", point, _HIT_WITHIN_S)
    if pid is None:
        scene.control.withdraw("stop", point)
        raise NotInjected(f"no worker came by {point!r} within {_HIT_WITHIN_S:.0f} s")
    scene.arena.kafka.stop(signal.SIGKILL)
    scene.crew.signal(pid, signal.SIGCONT)
    time.sleep(_DOWN_S)
    scene.arena.kafka.start()
