"""A model ↔ bytes, and bytes that only look like one."""

from __future__ import annotations

import builtins
import collections
import functools
import operator
import os
import pickle
import random
import struct
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.models import ModelSpec, create_model
from pg_streaming_machine_learning.learning.river_forest import AdaptiveRandomForest
from pg_streaming_machine_learning.learning.standardized import Standardized
from pg_streaming_machine_learning.learning.stored_check import check
from pg_streaming_machine_learning.learning.stored_classes import NAMES
from pg_streaming_machine_learning.learning.stored_model import dump_model, load_model
from tests.learning.stored_names import samples, train

FOREST = ModelSpec("river.forest.ARFClassifier", {"n_models": 3, "grace_period": 10})
OURS = ModelSpec(parameters={"n_models": 3, "grace_period": 10})


class Calls:
    """What pickle stores as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


class CallsWhatItMade(Calls):
    """The same, to be called in its turn."""

    def __call__(self) -> None:
        """Only what can be called is stored as something to call."""


def stored(value: Any) -> bytes:
    """Return what plain pickle makes of anything."""
    return pickle.dumps(value, protocol=5)


@hypothesis_settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 300),
    st.sampled_from([OURS, FOREST, ModelSpec("river.linear_model.LogisticRegression")]),
)
def test_store_load_and_go_on_equals_never_stopping(count: int, spec: ModelSpec) -> None:
    model: Any = create_model(spec, seed=1)
    train(model, samples(count))
    restored = load_model(dump_model(model))
    for x, label in samples(50, seed=2):
        assert restored.predict_proba_one(dict(x)) == model.predict_proba_one(dict(x))
        model.learn_one(dict(x), label)
        restored.learn_one(dict(x), label)


@pytest.mark.parametrize("spec", [OURS, FOREST], ids=["ours", "river"])
def test_the_same_model_gives_the_same_bytes(spec: ModelSpec) -> None:
    model = create_model(spec, seed=1)
    train(model, samples(300))
    assert dump_model(load_model(dump_model(model))) == dump_model(model)


def test_trees_go_on_sharing_their_random_generator() -> None:
    """Each with a generator of its own would learn something else from then on."""
    model: Any = create_model(FOREST, seed=1)
    train(model, samples(10))
    restored = load_model(dump_model(model))
    assert {id(tree.rng) for tree in restored} == {id(restored._rng)}


class OwnModel(Standardized):
    """A class that no release of ours knows."""


def test_a_model_of_ones_own_is_refused_by_name_when_it_is_stored() -> None:
    model = OwnModel(create_model(ModelSpec("river.dummy.PriorClassifier"), seed=1))
    with pytest.raises(SnapshotError, match=r"model has a part '.*OwnModel'; expected nothing but"):
        dump_model(model)


@pytest.mark.parametrize(
    "part", [os.system, print, operator.attrgetter("a"), functools.partial(print), len, "".join, object()]
)
def test_a_part_that_no_model_has_is_refused_when_it_is_stored(part: Any) -> None:
    model: Any = create_model(FOREST, seed=1)
    model.part = part
    with pytest.raises(SnapshotError):
        dump_model(model)


@pytest.mark.parametrize(
    "part",
    [np.array(["text"]), np.array([object()], dtype=object), np.datetime64(0, "s"), np.zeros(1, "i4,i4")],
    ids=repr,
)
def test_arrays_of_anything_but_numbers_are_refused_when_stored(part: Any) -> None:
    model: Any = create_model(FOREST, seed=1)
    model.part = part
    with pytest.raises(SnapshotError, match="expected"):
        dump_model(model)


@pytest.mark.parametrize(
    "part",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.float64("nan"),
        np.int32(-3),
        np.bool_(True),
        np.zeros((0, 3)),
        np.array(5.0),
    ],
    ids=repr,
)
def test_numbers_and_arrays_come_back_bit_by_bit(part: Any) -> None:
    model: Any = create_model(FOREST, seed=1)
    model.part = part
    found = load_model(dump_model(model)).part
    assert type(found) is type(part)
    assert (found.dtype, found.shape) == (part.dtype, part.shape)
    assert found.flags.f_contiguous == part.flags.f_contiguous
    assert found.tobytes() == part.tobytes()


def test_random_generators_go_on_where_they_were() -> None:
    model: Any = create_model(FOREST, seed=1)
    python, numpys = random.Random(1), np.random.RandomState(1)
    python.gauss(0, 1)
    numpys.normal(size=3)
    model.part = (python, numpys)
    restored = load_model(dump_model(model)).part
    assert [restored[0].gauss(0, 1) for _ in range(3)] == [python.gauss(0, 1) for _ in range(3)]
    assert list(restored[1].normal(size=700)) == list(numpys.normal(size=700))


MALICIOUS = {
    "os.system": Calls(os.system, "false"),
    "eval": Calls(builtins.eval, "1"),
    "exec": Calls(builtins.exec, "1"),
    "import": Calls(builtins.__import__, "antigravity"),
    "getattr": Calls(builtins.getattr, AdaptiveRandomForest, "learn_one"),
    "attrgetter": Calls(operator.attrgetter, "__class__"),
    "partial": Calls(functools.partial, os.system, "false"),
    "nested": Calls(CallsWhatItMade(functools.partial, os.system, "false")),
    "in a container": {"models": [Calls(os.system, "false")]},
    "as a factory": collections.defaultdict(os.getcwd),
    "an allowed class called": Calls(AdaptiveRandomForest, 10**9),
    "an allowed function as argument": Calls(collections.defaultdict, Calls(os.system, "false")),
    "a huge bytearray": Calls(bytearray, 10**12),
    "a huge array": Calls(np.ndarray, (10**12,)),
    "the own loader": Calls(pickle.loads, b"."),
}


@pytest.mark.parametrize("name", MALICIOUS)
def test_a_malicious_pickle_is_refused_before_it_does_anything(name: str) -> None:
    with pytest.raises(SnapshotError, match=r"on no list|no state|damaged"):
        load_model(stored(MALICIOUS[name]))


def program(*operations: bytes) -> bytes:
    """Return a pickle, operation by operation."""
    return b"\x80\x05" + b"".join(operations) + b"."


def text(value: str) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value.encode()


FOREST_NAME = (
    text("pg_streaming_machine_learning.learning.river_forest") + text("AdaptiveRandomForest") + b"\x93"
)
DELAYED = text("pg_streaming_machine_learning.learning.stored_parts") + text("delayed") + b"\x93"
STATE = b"}" + text("__setstate__") + DELAYED + b"s"
PROGRAMS = {
    "the state of a class": FOREST_NAME + b"}" + text("n_models") + b"K\x01sb",
    "attributes of a class": FOREST_NAME + b"N}" + text("learn_one") + DELAYED + b"s\x86b",
    "a second state, through what the first brought": FOREST_NAME + b")\x81" + STATE + b"b}b",
    "a second state, of a copy": FOREST_NAME + b")\x81\x94" + STATE + b"b0h\x00}b",
    "an object with arguments": FOREST_NAME + b"K\x01\x85\x81",
    "an object that is appended to": FOREST_NAME + b")\x81K\x01a",
    "an object with named arguments": FOREST_NAME + b")}\x92",
    "a call of what is only made": FOREST_NAME + b")R",
    "a call of a text": text("eval") + text("1") + b"\x85R",
    "a call of an object": FOREST_NAME + b")\x81)R",
    "a name of protocol 0": b"cos\nsystem\n",
    "an instance of protocol 0": b"(ios\nsystem\n",
    "a name by memo": text("os") + b"\x94" + text("system") + b"\x940h\x00h\x01\x93",
    "a number of an extension": b"\x82\x01",
    "a persistent id": b"Pid\n",
    "a buffer from elsewhere": b"\x97",
    "a memo of 32 GB": b"Nr\xff\xff\xff\xff",
    "a text of 4 GB": b"X\xff\xff\xff\xff",
    "bytes of 8 EB": b"\x8e" + struct.pack("<Q", 2**63 - 1),
    "a bytearray of 8 EB": b"\x96" + struct.pack("<Q", 2**63 - 1),
    "a frame of 8 EB": b"\x95" + struct.pack("<Q", 2**63 - 1) + b"N",
    "nothing": b"",
    "two values": b"NN",
    "an open mark": b"(N",
    "a memo that is not there": b"h\x07",
    "something after the end": b"N.N",
    "no end": b"N" + text("")[:1],
}


def named(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def of_parts(name: str) -> bytes:
    return named("pg_streaming_machine_learning.learning.stored_parts", name)


TURNS = of_parts("turns") + b"]K\x01a\x85R"
ENDLESS = {
    "a deque": named("collections", "deque") + TURNS + b"\x85R",
    "a deque of the last five": named("collections", "deque") + TURNS + b"K\x05\x86R",
    "a deque in itself": named("collections", "deque") + b")R" + TURNS + b"\x85b",
    "a counter": named("collections", "Counter") + TURNS + b"\x85R",
    "a dictionary": named("collections", "defaultdict") + b"N" + TURNS + b"\x86R",
    "a vector": named("river._river_rust.vectordict", "VectorDict") + b"(" + TURNS + b"NN\x88tR",
    "the window of a drift detector": of_parts("adaptive_window") + TURNS + b"C\x00\x86R",
    "turns of turns": of_parts("turns") + TURNS + b"\x85R",
    "an array": of_parts("array") + b"(" + text("f8") + text("C") + TURNS + b"C\x00tR",
    "the state of an object": FOREST_NAME + b")\x81" + TURNS + b"b",
}
"""Pickles of a few bytes that have something go through what never ends."""


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_refused_before_anything_goes_through_it(name: str) -> None:
    """By the walk, which runs nothing: otherwise it hangs, or takes all memory there is."""
    with pytest.raises(SnapshotError, match=r"no stored model does|no state|has none"):
        check(program(ENDLESS[name]), NAMES)


def test_containers_come_back_as_pickle_writes_them() -> None:
    model: Any = create_model(FOREST, seed=1)
    parts = [
        collections.deque(),
        collections.deque([1, 2], maxlen=2),
        collections.deque([1, 2]),
        collections.Counter("abca"),
        collections.Counter(),
        collections.defaultdict(float, {"a": 1.0}),
        collections.defaultdict(None, {"a": 1.0}),
        collections.defaultdict(functools.partial(collections.defaultdict, int), {1: {2: 3}}),
    ]
    model.part = parts
    found = load_model(dump_model(model)).part
    assert found == parts
    assert [type(each) for each in found] == [type(each) for each in parts]
    assert [each.maxlen for each in found[:3]] == [None, 2, None]
    assert (found[5]["b"], found[7]["b"]["c"]) == (0.0, 0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_no_model_has_is_refused(name: str) -> None:
    with pytest.raises(SnapshotError):
        load_model(program(PROGRAMS[name]))


def test_a_tuple_of_tuples_is_refused_before_it_is_hashed() -> None:
    """Each holds the one before twice: a hundred of them are 2^100 values."""
    doubled = b"".join(b"\x94h" + bytes([number]) + b"\x86" for number in range(100))
    with pytest.raises(SnapshotError, match="a tuple of more than 10000 values"):
        load_model(program(b"}N" + doubled + b"Ns"))


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x80\x05", b"\x80\x04N.", b"PGSM", b"\x80\x05N", stored([1])[:-1]], ids=repr
)
def test_something_else_is_no_model(data: bytes) -> None:
    with pytest.raises(SnapshotError, match=r"no model|damaged"):
        load_model(data)


def test_a_model_larger_than_allowed_is_refused_before_it_is_read() -> None:
    data = dump_model(create_model(FOREST, seed=1))
    assert load_model(data, len(data)) is not None
    with pytest.raises(SnapshotError, match=f"model has {len(data)} bytes, expected at most {len(data) - 1}"):
        load_model(data, len(data) - 1)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_an_error(data: bytes) -> None:
    for each in (data, b"\x80\x05" + data + b"."):
        with suppress(SnapshotError):
            load_model(each)
