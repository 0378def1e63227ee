"""The faults by which a defective worker is told from a sound one: few, and each at the worst moment."""

from __future__ import annotations

import random
from functools import partial

from services.topics import wait_until
from storm.fault import Fault, NotInjected
from storm.faults.freezes import LONGER, freeze
from storm.faults.kills import kill_at
from storm.faults.registry import cold
from storm.scene import Scene
from storm.stored import read_stored

__all__ = ["faults"]

_WITHIN_S = 30.0


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return the faults, so many times; what each mutant fails by is among them."""
    return number * [
        Fault("kill -9 behind a snapshot", _kill_behind_snapshot, may_pile_up=False),
        Fault("commit fails", _fail, may_pile_up=False),
        Fault("SIGSTOP, long", partial(_freeze, point="with-predictions"), may_pile_up=False),
        Fault("SIGSTOP, long", partial(_freeze, point="with-log"), may_pile_up=False),
        Fault("registry 500", partial(cold, fault="500"), may_pile_up=False),
    ]


def _freeze(scene: Scene, point: str) -> None:
    """Freeze a worker that is about to write what its successor will write, too."""
    freeze(scene, LONGER, point)


def _kill_behind_snapshot(scene: Scene) -> None:
    """Kill a worker that has sent predictions since its last snapshot."""

    def is_behind() -> bool:
        log = scene.settings.log_topic
        return all(
            stored.manifests() and scene.watch.reached((log, number)) > _newest(stored.manifests()) + 100
            for number, stored in enumerate(read_stored(scene))
        )

    wait_until(is_behind, _WITHIN_S, "predictions were sent since the last snapshots")
    for _ in range(2):
        kill_at(scene, "after-transaction")


def _newest(manifests: dict[str, dict[str, int]]) -> int:
    return next(iter(manifests.values()))["position"]


def _fail(scene: Scene) -> None:
    """Have Kafka's client report that a commit did not come to its end in time."""
    for point in ("before-router-commit", "before-engine-commit"):
        scene.control.order("fail", point)
        if scene.control.taken("fail", point, _WITHIN_S) is None:
            scene.control.withdraw("fail", point)
            raise NotInjected(f"no worker came by {point!r} within {_WITHIN_S:.0f} s")
