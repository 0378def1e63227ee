"""Snapshots that were damaged, cut, signed by others, or are another's; a state topic that was compacted."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from functools import partial
from itertools import cycle, islice

from services.topics import wait_until
from storm.fault import Fault, NotInjected
from storm.faults.kills import kill_any
from storm.scene import Scene
from storm.stored import Stored, put, read_stored

__all__ = ["faults"]

_STORED_WITHIN_S = 60.0
_COMPACTED_WITHIN_S = 60.0

Spoil = Callable[[list[Stored], int], Mapping[bytes, bytes | None]]
"""What all partitions hold, and one of them → what somebody writes into it."""


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many faults, each kind in turn."""
    kinds: dict[str, Spoil] = {
        "snapshot damaged": lambda stored, number: _damaged(stored[number], newest=True, others=False),
        "snapshot cut": _cut,
        "snapshot foreign": _foreign,
        "snapshot signed by another": partial(_signed, signature="0" * 64),
        "snapshot unsigned": partial(_signed, signature=""),
        "only the older snapshot": _forgotten,
        "all snapshots damaged": lambda stored, number: _damaged(stored[number], newest=True, others=True),
    }
    found = [Fault(name, partial(_spoilt, spoil=spoil), may_pile_up=False) for name, spoil in kinds.items()]
    found.append(Fault("state topic compacted", _compacted, may_pile_up=False))
    found = list(islice(cycle(found), number))
    rng.shuffle(found)
    return found


def _spoilt(scene: Scene, spoil: Spoil) -> None:
    """Have no worker at work, spoil what each partition has stored, and let them begin again."""
    wait_until(lambda: _have_two_slots(scene), _STORED_WITHIN_S, "each partition has two snapshots")
    scene.crew.hold()
    stored = read_stored(scene)
    for number in range(len(stored)):
        put(scene, number, spoil(stored, number))
    scene.crew.release()


def _have_two_slots(scene: Scene) -> bool:
    return all(len(stored.manifests()) == 2 for stored in read_stored(scene))


def _damaged(stored: Stored, *, newest: bool, others: bool) -> dict[bytes, bytes | None]:
    slots = list(stored.manifests())
    spoilt = slots[: 2 if others else 1] if newest else slots[1:]
    found: dict[bytes, bytes | None] = {}
    for slot in spoilt:
        key = stored.chunks(slot)[0]
        value = bytearray(stored.values[key])
        value[len(value) // 2] ^= 1
        found[key] = bytes(value)
    return found


def _cut(stored: list[Stored], number: int) -> dict[bytes, bytes | None]:
    slot = next(iter(stored[number].manifests()))
    return {stored[number].chunks(slot)[-1]: None}


def _foreign(stored: list[Stored], number: int) -> dict[bytes, bytes | None]:
    """Put the newest snapshot of another partition into the place of our own."""
    mine, other = stored[number], stored[(number + 1) % len(stored)]
    to, source = next(iter(mine.manifests())), next(iter(other.manifests()))
    keys = [f"{source}/manifest".encode(), *other.chunks(source)]
    return {key.replace(source.encode(), to.encode()): other.values[key] for key in keys}


def _signed(stored: list[Stored], number: int, signature: str) -> dict[bytes, bytes | None]:
    slot, manifest = next(iter(stored[number].manifests().items()))
    forged = json.dumps(manifest | {"signature": signature}, sort_keys=True, separators=(",", ":"))
    return {f"{slot}/manifest".encode(): forged.encode()}


def _forgotten(stored: list[Stored], number: int) -> dict[bytes, bytes | None]:
    slot = next(iter(stored[number].manifests()))
    return {f"{slot}/manifest".encode(): None}


def _compacted(scene: Scene) -> None:
    """Have the broker compact the state topic now, while workers write it; then kill one."""
    topic = scene.settings.state_topic
    wait_until(lambda: _have_two_slots(scene), _STORED_WITHIN_S, "each partition has two snapshots")
    before = [stored.records for stored in read_stored(scene)]
    scene.configure(
        topic,
        {"segment.ms": "200", "min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "0"},
    )
    deadline_s = time.monotonic() + _COMPACTED_WITHIN_S
    while not all(
        stored.records < max(number // 2, 50)
        for stored, number in zip(read_stored(scene), before, strict=True)
    ):
        if time.monotonic() > deadline_s:
            raise NotInjected(f"the broker did not compact {topic} within {_COMPACTED_WITHIN_S:.0f} s")
        time.sleep(0.2)
    kill_any(scene)
