"""An input, and a log, whose beginnings were deleted; upstream's transactions at their worst."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from itertools import cycle, islice

from confluent_kafka import TopicPartition

from services.topics import wait_until
from storm.fault import Fault, NotInjected
from storm.faults.kills import kill_any
from storm.scene import Scene
from storm.stored import read_stored

__all__ = ["faults"]

_REPORTED_WITHIN_S = 60.0
_OPEN_S = 4.0
_ABORTED = 0.7
_TRIMMED_PARTITION = 1
_SEEN_AFTER_S = 1.0
_HOLE = "were deleted before they were read"


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults, each kind in turn."""
    kinds: dict[str, Callable[[Scene], None]] = {
        "input trimmed": _trimmed,
        "log trimmed to the older snapshot": _log_trimmed,
        "most batches aborted, kill -9": _aborted,
        "transaction open for long, kill -9": _open,
    }
    found = [Fault(name, do, may_pile_up=False) for name, do in islice(cycle(kinds.items()), number)]
    rng.shuffle(found)
    return found


def _trimmed(scene: Scene) -> None:
    """Delete input that was not read yet: the partition must stop there, and go on where that is allowed."""
    topic, place = scene.settings.input_topic, (scene.settings.input_topic, _TRIMMED_PARTITION)
    scene.crew.hold(signal.SIGTERM)  # no transaction stays open: how far the router had come is known
    time.sleep(_SEEN_AFTER_S)
    position = scene.watch.reached(place)
    wait_until(lambda: _unread(scene, place, position) >= 10, 30.0, "there is input that was not read")
    end = TopicPartition(topic, _TRIMMED_PARTITION, scene.input.end(_TRIMMED_PARTITION))
    admin = scene.admin()
    admin.delete_records([end])[end].result(30)
    records = scene.input.records[_TRIMMED_PARTITION]
    scene.lost |= {(_TRIMMED_PARTITION, record.offset) for record in records if record.offset >= position}
    scene.crew.release()
    wait_until(
        lambda: _HOLE in scene.crew.logs(), _REPORTED_WITHIN_S, "a worker reports the hole in the input"
    )
    if scene.watch.reached(place) > position:
        raise NotInjected("the partition went on behind a hole although that is not allowed")
    scene.crew.hold()
    scene.crew.environment["ALLOW_HOLES"] = "true"
    scene.crew.release()


def _unread(scene: Scene, place: tuple[str, int], position: int) -> int:
    scene.input.refresh()
    return sum(record.offset >= position for record in scene.input.records[place[1]])


def _log_trimmed(scene: Scene) -> None:
    """Delete the log up to the older of two snapshots: that is no loss, and nobody may stop."""

    def have_two() -> bool:
        return all(len(stored.manifests()) == 2 for stored in read_stored(scene))

    wait_until(have_two, 60.0, "each partition has two snapshots")
    scene.log.refresh()
    ends = [
        TopicPartition(scene.settings.log_topic, number, list(stored.manifests().values())[-1]["position"])
        for number, stored in enumerate(read_stored(scene))
    ]
    admin = scene.admin()
    for future in admin.delete_records(ends).values():
        future.result(30)
    for pid in scene.crew.pids:
        scene.crew.signal(pid, signal.SIGKILL)


def _aborted(scene: Scene) -> None:
    """Have upstream abort most of its batches, and kill a worker meanwhile."""
    usual, scene.feeder.aborted = scene.feeder.aborted, _ABORTED
    time.sleep(2.0)
    kill_any(scene)
    if scene.watch.moved_since(time.time(), 60.0) is None:
        raise NotInjected("partitions stand still between aborted batches")
    scene.feeder.aborted = usual


def _open(scene: Scene) -> None:
    """Have upstream leave a transaction open, and kill a worker meanwhile."""
    scene.feeder.hold_open(_OPEN_S)
    time.sleep(_OPEN_S / 2)
    kill_any(scene)
    time.sleep(_OPEN_S / 2)
