"""Records nobody can use, of fourteen kinds, in bursts; some with a kill on top."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from services.upstream import Sent
from storm.fault import Fault
from storm.faults.kills import kill_any
from storm.scene import INPUT_PARTITIONS, Scene

__all__ = ["BURST", "KINDS", "burst", "faults"]

BURST = 400
_NEVER_GIVEN_OUT = 2**31
_KILLED_EVERY = 4

Spoil = Callable[[bytes, bytes, random.Random], tuple[bytes | None, bytes | None]]


def _framed(schema_id: int, body: bytes) -> bytes:
    return struct.pack(">BI", 0, schema_id) + body


KINDS: dict[str, Spoil] = {
    "no key": lambda key, value, rng: (None, value),
    "no value": lambda key, value, rng: (key, None),
    "an empty key": lambda key, value, rng: (b"", value),
    "an empty value": lambda key, value, rng: (key, b""),
    "text": lambda key, value, rng: (key, b'{"label": 1}'),
    "a value cut short": lambda key, value, rng: (key, value[: rng.randrange(6, len(value))]),
    "bytes left over": lambda key, value, rng: (key, value + rng.randbytes(3)),
    "a session window": lambda key, value, rng: (key + bytes(8), value),
    "a window off the grid": lambda key, value, rng: (key[:-8] + struct.pack(">q", 1_700_000_000_001), value),
    "a window far ahead": lambda key, value, rng: (key[:-8] + struct.pack(">q", 2**62), value),
    "a label of 2": lambda key, value, rng: (key, value[:-1] + b"\x04"),
    "an infinite statistic": lambda key, value, rng: (
        key,
        value[:5] + struct.pack("<d", float("inf")) + value[13:],
    ),
    "an id never given out": lambda key, value, rng: (key, _framed(_NEVER_GIVEN_OUT, value[5:])),
    "a schema of something else": lambda key, value, rng: (key, key[:5] + value[5:]),
}
"""What is done to the key and the value of a good record."""


def faults(number: int, rng: random.Random) -> list[Fault]:
    """Return so many bursts: of each kind, then of all kinds together."""
    names = list(KINDS)
    found = []
    for index in range(number):
        kinds = [names[index]] if index < len(names) else names
        do = partial(burst, kinds=kinds, is_killed=index % _KILLED_EVERY == 0)
        found.append(Fault("poison, kill -9" if index % _KILLED_EVERY == 0 else "poison", do))
    rng.shuffle(found)
    return found


def burst(scene: Scene, kinds: list[str] | None = None, *, is_killed: bool = False) -> None:
    """Send a burst of bad records, and let it be met; a worker may be killed in the middle of it."""
    good = scene.feeder.a_good_record()
    assert good.key is not None
    assert good.value is not None
    names = kinds if kinds is not None else list(KINDS)
    scene.feeder.burst(
        [_spoilt(good, KINDS[names[index % len(names)]], index, scene.rng) for index in range(BURST)]
    )
    time.sleep(0.5)
    if is_killed:
        kill_any(scene)


def _spoilt(good: Sent, spoil: Spoil, index: int, rng: random.Random) -> Sent:
    assert good.key is not None
    assert good.value is not None
    key, value = spoil(good.key, good.value, rng)
    return replace(good, partition=index % INPUT_PARTITIONS, key=key, value=value)
