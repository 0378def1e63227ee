"""The digest the other tests compare states with: it sees every bit, and nothing but bits."""

from __future__ import annotations

import copy
import math
import os
import pickle
import random
import struct
import subprocess
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    LabelUpdate,
    Metric,
    Reading,
    ReadingsUpdate,
    SourcePlace,
)
from tests.logs import config, fleet, merged
from tests.state_digest import object_digest, part_digests, state_digest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=3)
        | st.sets(st.integers() | st.text(), max_size=3)
    ),
    max_leaves=8,
)


class Thing:
    """Something with attributes."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Slotted:
    """Something without a dictionary."""

    __slots__ = ("left", "right")

    def __init__(self, left: Any, right: Any) -> None:
        self.left = left
        self.right = right


@given(VALUES)
def test_what_was_stored_and_loaded_is_the_same(value: Any) -> None:
    assert object_digest(pickle.loads(pickle.dumps(value))) == object_digest(value)


@given(VALUES, VALUES)
def test_what_is_written_otherwise_is_another(one: Any, other: Any) -> None:
    """NaN has a `repr` in common with NaN, whatever its bits: those are below."""
    if repr(one) != repr(other):
        assert object_digest(one) != object_digest(other)


@given(st.floats(), st.integers(0, 63))
def test_every_bit_of_a_float_counts(value: float, bit: int) -> None:
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    (flipped,) = struct.unpack(">d", struct.pack(">Q", bits ^ (1 << bit)))
    assert object_digest([value]) != object_digest([flipped])


SHARED: list[int] = [1]
DIFFERENT: dict[str, tuple[Any, Any]] = {
    "zero and minus zero": (0.0, -0.0),
    "number and float": (1, 1.0),
    "number and truth": (1, True),
    "text and bytes": ("a", b"a"),
    "list and tuple": ([1], (1,)),
    "float and numpy's float": (1.0, np.float64(1.0)),
    "single and double": (np.float32(1.0), np.float64(1.0)),
    "shape of an array": (np.zeros((2, 3)), np.zeros((3, 2))),
    "bits of an array": (np.array([0.0]), np.array([-0.0])),
    "order of a dictionary": ({1: 2, 3: 4}, {3: 4, 1: 2}),
    "depth": ([[1], 2], [[1, 2]]),
    "shared and alike": ([SHARED, SHARED], [[1], [1]]),
    "class": (Thing(a=1), Slotted(1, None)),
    "attribute": (Thing(a=1), Thing(a=2)),
    "slot": (Slotted(1, 2), Slotted(2, 1)),
    "longest length of a queue": (deque([1], 2), deque([1], 3)),
    "kind of dictionary": (Counter({1: 2}), OrderedDict({1: 2})),
    "what a dictionary makes": (defaultdict(list), defaultdict(dict)),
    "state of a generator": (random.Random(1), random.Random(2)),
    "state of numpy's generator": (np.random.default_rng(1), np.random.default_rng(2)),
    "function": (math.sin, math.cos),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_differs_has_another_digest(one: Any, other: Any) -> None:
    assert object_digest(one) != object_digest(other)
    assert object_digest(one) == object_digest(copy.deepcopy(one))


def test_it_does_not_matter_whether_what_cannot_change_is_one_object() -> None:
    """Pickle makes one of equal strings, or two of one, as it happens."""
    text = "a long text"
    again = "".join(["a long", " text"])
    assert text is not again
    assert object_digest([text, text, (1.5, text)]) == object_digest([text, again, (1.5, again)])


def test_the_order_of_attributes_and_of_sets_does_not_matter() -> None:
    assert object_digest(Thing(a=1, b=2)) == object_digest(Thing(b=2, a=1))
    assert object_digest({1, 1025, 2049}) == object_digest({2049, 1025, 1})


def test_what_holds_itself_and_what_is_deep_comes_to_an_end() -> None:
    cyclic: list[Any] = [1]
    cyclic.append(cyclic)
    deep: list[Any] = []
    for _ in range(50_000):
        deep = [deep]
    assert object_digest(cyclic) != object_digest(deep)
    while deep:  # taking it apart at once would go as deep
        deep = deep[0]


def engine_at(share: float, seed: int) -> Engine:
    """Return an engine that has read a share of a log."""
    log = merged(fleet(["web", "db"], windows=8, seed=seed).partitions, random.Random(seed))
    engine = Engine(config())
    engine.process(log[: int(share * len(log))])
    return engine


@hypothesis_settings(max_examples=15)
@given(st.floats(0, 1), st.integers(0, 1000))
def test_an_engine_and_its_copy_have_the_same_digest(share: float, seed: int) -> None:
    engine = engine_at(share, seed)
    assert state_digest(copy.deepcopy(engine)) == state_digest(engine)


def test_every_attribute_of_every_part_of_an_engine_counts() -> None:
    """But for what only waits to be logged. What is forgotten here would be missing from every proof."""
    engine = engine_at(0.6, seed=1)
    at_ms = 10**9
    place = partial(SourcePlace, "raw", 0)
    disk = Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
    readings = (Reading(disk, at_ms, 1.0), Reading(disk, at_ms, 2.0, "diskio/sda"))
    engine.process(
        [
            ReadingsUpdate(place(0), "web", readings),
            DurationsUpdate(place(1), "web", (Duration("shop", at_ms, 5),)),
            LabelUpdate(place(2), "web", at_ms - at_ms % config().hop_ms, 1),
        ]
    )
    before = state_digest(engine)
    checked = 0
    for path in PARTS:
        for name in vars(part_of(engine, path)):
            if name in NO_STATE or f"{path}.{name}".lstrip(".") in PARTS:
                continue
            changed = copy.deepcopy(engine)
            target = part_of(changed, path)
            setattr(target, name, altered(vars(target)[name]))
            assert state_digest(changed) != before, f"{path}.{name} does not count"
            checked += 1
    assert checked >= 25


def part_of(engine: Engine, path: str) -> Any:
    """Return a part of an engine, itself for the empty path."""
    return attrgetter(path)(engine) if path else engine


STORES = ("_windows", "_readings", "_durations", "_labels", "_rates")
PARTS = (
    "",
    "_watermark",
    "_windows",
    *(f"_windows.{store}" for store in STORES),
    "_strangers",
    "_places",
    "_learner",
    "evaluation",
)
NO_STATE = {
    # What waits to be logged or told, and who was named in the log.
    "_late_updates",
    "_measured",
    "_final",
    "_found",
    "_named",
    # What comes from the settings, which count by themselves.
    "_grid",
    "_grace_ms",
    "_hop_ms",
    # What saves time or memory: runs of windows known to be open, one object for equal ones.
    "_runs",
    "_metrics",
    "_counters",
}


def altered(value: Any) -> Any:
    """Return a value that is like another, but for something small."""
    if isinstance(value, dict):
        return dict(list(value.items())[:-1]) if value else {"x": 0.0}
    if isinstance(value, set):
        return value ^ {"x"}
    if isinstance(value, (list, deque)):
        return type(value)(list(value)[:-1]) if value else [0]
    if isinstance(value, (bytes, str)):
        return value[:-1]
    if isinstance(value, (int, float)):
        return value + 1
    if value is None:
        return 0
    return Thing(was=value)


def test_the_parts_tell_where_two_states_differ() -> None:
    engine = engine_at(0.6, seed=1)
    other = copy.deepcopy(engine)
    other._learner._learned[0] += 1
    one, two = part_digests(engine), part_digests(other)
    assert {name for name in one if one[name] != two[name]} == {"learner_learned"}


FRESH = """
from tests.state_digest import state_digest
from tests.test_state_digest import engine_at
print(state_digest(engine_at(1.0, 3)))
"""


def test_it_is_the_same_in_every_process() -> None:
    """Whatever the seed of the hashes of strings, and wherever objects lie in memory."""
    root = Path(__file__).parent.parent
    found = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)}
        command = [sys.executable, "-W", "ignore", "-c", FRESH]
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=True
        )
        found.add(done.stdout.strip())
    assert found == {state_digest(engine_at(1.0, 3))}
