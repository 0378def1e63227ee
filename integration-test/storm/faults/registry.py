"""A registry that fails in each of its ways: with a schema nobody has met yet, at a start, and not needed."""

from __future__ import annotations

import random
import signal
import time
from functools import partial
from itertools import cycle, islice

from services.topics import wait_until
from storm.fault import Fault
from storm.faulty_registry import FAULTS
from storm.scene import Scene

__all__ = ["cold", "faults"]

_ASKED_WITHIN_S = 30.0
_FAILS_FOR_S = 1.5
_APPEARS_AFTER_S = 10.0


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults: each way cold, then warm, at a start, and an id that appears later."""
    kinds = [
        *(Fault(f"registry {fault}", partial(cold, fault=fault)) for fault in FAULTS),
        Fault("registry 500, not needed", partial(_warm, fault="500")),
        Fault("registry 429 at a start", partial(_at_start, fault="429")),
        Fault("schema id appears after 10 s", _appears_later, may_pile_up=False),
    ]
    found = list(islice(cycle(kinds), number))
    rng.shuffle(found)
    return found


def cold(scene: Scene, fault: str) -> None:
    """Have records come by a schema that has to be asked for while the registry fails."""
    asked = scene.registry.asked
    scene.registry.fail(fault)
    scene.feeder.write_with(scene.new_schema())
    wait_until(lambda: scene.registry.asked > asked, _ASKED_WITHIN_S, "a worker asks the registry")
    time.sleep(_FAILS_FOR_S)
    scene.registry.heal()


def _warm(scene: Scene, fault: str) -> None:
    """Fail while all schemas are known: nobody may notice."""
    scene.registry.fail(fault)
    moved = scene.watch.moved_since(time.time(), _ASKED_WITHIN_S)
    scene.registry.heal()
    assert moved is not None, "partitions stand still while the registry fails that they do not need"


def _at_start(scene: Scene, fault: str) -> None:
    """Fail while workers begin: all are killed, so that nobody knows a schema."""
    asked = scene.registry.asked
    scene.registry.fail(fault)
    for pid in scene.crew.pids:
        scene.crew.signal(pid, signal.SIGKILL)
    wait_until(lambda: scene.registry.asked > asked, _ASKED_WITHIN_S, "a worker asks the registry")
    time.sleep(_FAILS_FOR_S)
    scene.registry.heal()


def _appears_later(scene: Scene) -> None:
    """Write by a schema that the registry does not know for a while."""
    asked = scene.registry.asked
    schemas = scene.new_schema()
    scene.registry.hide(schemas[1])
    scene.feeder.write_with(schemas)
    wait_until(lambda: scene.registry.asked > asked, _ASKED_WITHIN_S, "a worker asks the registry")
    time.sleep(_APPEARS_AFTER_S)
    scene.registry.heal()
