"""The compiled forest and the reference, which says what is right, give the same bits.

Everything that either gives out is compared byte by byte: votes, trusts, reasons, events, the whole state.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle, pairwise, repeat
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.learning.forest.backend import Backend
from pg_streaming_machine_learning.learning.forest.layout import Capacity, Shape
from pg_streaming_machine_learning.learning.forest.plan import LEAF_KINDS, ForestPlan
from tests.learning.forest.twin_streams import Stream
from tests.learning.forest.twins import Event, State, Twins, batches

PLAN = ForestPlan(
    n_models=2,
    max_features=0.6,
    lambda_value=6.0,
    grace_period=10.0,
    delta=0.05,
    tau=0.1,
    wait=1.0,
    leaf_kind=2,
    has_background=True,
    warning_delta=0.2,
    drift_delta=0.05,
    seed=1,
    max_bytes=10**7,
)
STEADY = replace(PLAN, n_models=1, has_background=False, drift_delta=1e-300)
"""No tree is replaced."""


def test_the_compiled_forest_is_there() -> None:
    """Were it not, the reference would be compared with itself."""
    assert Backend.best().name == "numba"


@st.composite
def plans(draw: st.DrawFn) -> ForestPlan:
    """Draw parameters that make trees grow, be replaced, and fill their memory soon."""
    return ForestPlan(
        n_models=draw(st.integers(1, 3)),
        max_features=draw(st.sampled_from([None, 0.3, 0.6, 1, 2, "sqrt", "log2"])),
        lambda_value=draw(st.sampled_from([0.5, 1.0, 6.0])),
        grace_period=draw(st.sampled_from([1.0, 7.5, 30.0])),
        delta=draw(st.sampled_from([1e-7, 0.01, 0.5])),
        tau=draw(st.sampled_from([0.0, 0.05, 0.5])),
        wait=draw(st.sampled_from([0.0, 0.2, 1.0, 3.0])),
        leaf_kind=draw(st.integers(0, len(LEAF_KINDS) - 1)),
        has_background=draw(st.booleans()),
        warning_delta=draw(st.sampled_from([0.01, 0.3, 0.9])),
        drift_delta=draw(st.sampled_from([1e-10, 0.01, 0.2])),
        seed=draw(st.integers(-(2**63), 2**64)),
        max_bytes=draw(st.sampled_from([10**6, 10**7])),
    )


@st.composite
def streams(draw: st.DrawFn) -> Stream:
    """Draw a stream of up to 500 rows."""
    n_features = draw(st.integers(1, 8))
    columns = st.integers(0, n_features - 1)
    return Stream(
        seed=draw(st.integers(0, 2**32 - 1)),
        n=draw(st.integers(1, 500)),
        n_features=n_features,
        n_classes=draw(st.integers(2, 5)),
        nominal=draw(st.dictionaries(columns, st.sampled_from([1, 2, 8, 64, 65, 130]), max_size=3)),
        missing=draw(st.sampled_from([0.0, 0.1, 0.6])),
        unlabeled=draw(st.sampled_from([0.0, 0.2])),
        concepts=draw(st.integers(1, 4)),
        noise=draw(st.sampled_from([0.0, 0.5, 3.0])),
        scale=draw(st.sampled_from([1e-20, 1.0, 1e15])),
        weights=draw(st.sampled_from([(1.0,), (0.1, 1.0, 7.3), (1e-50, 1e-3, 1.0, 1e6)])),
    )


@st.composite
def growths(draw: st.DrawFn, stream: Stream) -> list[tuple[int, int, int, float]]:
    """Draw from which rows on so many features, classes, and part of the names are known."""
    times = draw(st.integers(0, 3))
    at = sorted(draw(st.lists(st.integers(0, stream.n), min_size=times, max_size=times)))
    features = sorted(draw(st.lists(st.integers(1, stream.n_features), min_size=times, max_size=times)))
    classes = sorted(draw(st.lists(st.integers(2, stream.n_classes), min_size=times, max_size=times)))
    names = sorted(draw(st.lists(st.sampled_from([0.1, 0.5, 1.0]), min_size=times, max_size=times)))
    begin = (0, draw(st.integers(1, min([*features, stream.n_features]))), 2, 0.1)
    return [begin, *zip(at, features, classes, names, strict=True)]


@settings(max_examples=40)
@given(data=st.data(), plan=plans(), stream=streams())
def test_random_streams_give_the_same_bits(data: st.DataObject, plan: ForestPlan, stream: Stream) -> None:
    """Whatever the parameters and the stream, in batches of any size, and across a change of backend."""
    sizes = data.draw(st.lists(st.integers(1, 200), min_size=1, max_size=5))
    growth = data.draw(growths(stream))
    is_tight = data.draw(st.booleans())
    begin, n_features, n_classes, share = growth[0]
    if is_tight:
        plan = replace(plan, max_bytes=plan.n_models * least_bytes(stream))
    twins = Twins(plan)
    rows, labels, weights = stream.arrays()
    for (begin, n_features, n_classes, share), end in zip(
        growth, [*(each[0] for each in growth[1:]), stream.n], strict=True
    ):
        names = {column: max(1, int(size * share)) for column, size in stream.nominal.items()}
        known = {column: size for column, size in names.items() if column < n_features}
        twins.grow(n_features, n_classes, known)
        part = np.ascontiguousarray(rows[begin:end, :n_features])
        for column, size in known.items():
            part[part[:, column] >= size, column] = -1
        for batch in batches(len(part), cycle(sizes)):
            of = slice(begin + batch.start, begin + batch.stop)
            explain = data.draw(st.booleans())
            n_jobs = data.draw(st.integers(1, 2))
            twins.run(part[batch], labels[of] % n_classes, weights[of], explain=explain, n_jobs=n_jobs)
            if data.draw(st.booleans()):
                twins.cross_over()
        twins.state()


def least_bytes(stream: Stream) -> int:
    """Return bytes for each member of a forest that are just enough to begin with."""
    codes = sum(stream.nominal.values())
    block = 4 * (8 * stream.n_features + codes + 2)
    return 16_384 + 8 * stream.n_features + 2 * (256 + (stream.n_classes + 3) * 2 * block + 2_000)


def course(plan: ForestPlan, stream: Stream, size: int = 100) -> tuple[list[State], list[Event]]:
    """Take a stream through both forests; return their states after each batch, and what happened."""
    twins = Twins(plan)
    states = [twins.grow(stream.n_features, stream.n_classes, stream.nominal)]
    events = []
    rows, labels, weights = stream.arrays()
    for number, batch in enumerate(batches(stream.n, repeat(size))):
        events += twins.run(rows[batch], labels[batch], weights[batch], explain=number % 4 == 0)
        states.append(twins.state())
        if number % 5 == 4:
            twins.cross_over()
    return states, events


@pytest.mark.parametrize("leaf_kind", range(len(LEAF_KINDS)), ids=LEAF_KINDS)
def test_trees_of_numbers_grow_alike(leaf_kind: int) -> None:
    """Of all kinds of leaves, with values missing."""
    stream = Stream(3, 1500, 7, 3, missing=0.1, unlabeled=0.1)
    states, _ = course(replace(PLAN, leaf_kind=leaf_kind), stream)
    assert states[-1]["trees"][:, 0].min() > 20


def test_trees_of_names_grow_alike() -> None:
    """Sets of more than 64 values, with values unseen before."""
    stream = Stream(4, 1500, 4, 3, nominal={0: 100, 2: 5, 3: 65}, missing=0.1)
    states, _ = course(PLAN, stream)
    assert states[-1]["trees"][:, 2].min() > 5
    sets = states[-1]["sets"]
    assert sets.shape[1] == 4
    assert sets.any(axis=0).all()


EDGES = {
    "seven numbers": (replace(PLAN, max_features=None), Stream(9, 700, 7, 3)),
    "numbers that hardly differ": (PLAN, Stream(10, 700, 3, 5, scale=1e-12)),
    "weights that do not add up": (PLAN, Stream(11, 700, 2, 3, {0: 20, 1: 9}, weights=(1e-50, 0.1, 1e7))),
    "no way to split": (replace(PLAN, tau=0.0, wait=3.0), Stream(12, 700, 1, 3, {0: 1})),
    "many names": (PLAN, Stream(13, 2000, 4, 2, {0: 50, 1: 8, 2: 30, 3: 12}, noise=0.1)),
}


@pytest.mark.parametrize(("plan", "stream"), EDGES.values(), ids=EDGES)
def test_edges_are_alike(plan: ForestPlan, stream: Stream) -> None:
    """What rounding, odd sizes and nothing to choose from lead to."""
    states, _ = course(plan, stream)
    assert (states[-1]["counts"] >= 0.0).all()


def test_numbers_on_a_bound_go_left_alike() -> None:
    """Of 0 to 17, every bound is one of the numbers."""
    random = np.random.default_rng(14)
    rows = random.integers(0, 18, (2000, 3)).astype(np.float32)
    labels = (rows[:, 0] > 3).astype(np.int64) + (rows[:, 1] > 5)
    twins = Twins(replace(PLAN, max_features=None, tau=0.5, grace_period=500.0))
    twins.grow(3, 3, {})
    for batch in batches(2000, repeat(200)):
        twins.run(rows[batch], labels[batch], np.ones(len(rows[batch])), explain=True)
    state = twins.state()
    inner = state["feature"] >= 0
    assert inner.any()
    assert (state["border"][inner] % 1 == 0).any()


@pytest.mark.parametrize("seed", [5, 15, 25])
def test_leaves_rest_and_wake_alike(seed: int) -> None:
    """With little memory, a leaf of which more is to be hoped takes the place of another."""
    stream = Stream(seed, 4000, 5, 4, concepts=3, noise=1.0)
    states, _ = course(replace(STEADY, max_bytes=40_000), stream)
    leaves = [state["place"][:, 1] for state in states]
    woken = sum(int((after[: len(before)] > before).sum()) for before, after in pairwise(leaves))
    assert states[-1]["trees"][0, 4] > 0
    assert woken > 0


@pytest.mark.parametrize(
    ("nominal", "max_bytes", "nodes", "sets"),
    [({}, 40_000, 73, 0), ({0: 300, 1: 400, 2: 10}, 110_000, 103, 51)],
    ids=["nodes", "sets"],
)
def test_trees_stop_at_their_limits_alike(
    nominal: dict[int, int], max_bytes: int, nodes: int, sets: int
) -> None:
    """So many nodes or sets, and not one more."""
    stream = Stream(6, 2000, 3, 3, nominal=nominal, noise=0.1)
    plan = replace(STEADY, max_bytes=max_bytes, grace_period=1.0, tau=0.5, max_features=None)
    states, _ = course(plan, stream)
    limits = limits_of(plan, stream)
    assert states[-1]["trees"][0, :3].tolist() == [nodes, (nodes + 1) // 2, sets]
    assert nodes == limits.nodes or sets == limits.sets


def limits_of(plan: ForestPlan, stream: Stream) -> Capacity:
    """Return how much room a tree may have when a stream is known."""
    words = (max(stream.nominal.values(), default=0) + 63) // 64
    subspace = plan.sub(stream.n_features)
    return plan.limits(
        Shape(stream.n_classes, subspace, sum(stream.nominal.values()), words), stream.n_features
    )


def test_trees_are_replaced_alike() -> None:
    """By one from the background, or by a new one if a drift comes without a warning."""
    stream = Stream(7, 3000, 4, 3, concepts=6, noise=0.1)
    _, events = course(replace(PLAN, n_models=3), stream)
    _, more = course(replace(PLAN, n_models=3, warning_delta=1e-300), stream)
    assert {(kind, replaced) for _, kind, _, _, _, replaced in events} == {(0, True), (1, True)}
    assert {(kind, replaced) for _, kind, _, _, _, replaced in more} == {(1, False)}


def test_leaves_that_lose_their_room_rest_alike() -> None:
    """More features make blocks greater, so that fewer of them fit."""
    plan = replace(STEADY, max_bytes=45_000, max_features=None, grace_period=60.0)
    stream = Stream(8, 2000, 20, 5)
    rows, labels, weights = stream.arrays()
    twins = Twins(plan)
    twins.grow(2, 5, {})
    twins.run(np.ascontiguousarray(rows[:1000, :2]), labels[:1000], weights[:1000])
    resting = int(twins.state()["trees"][:, 4].sum())
    twins.grow(20, 5, {})
    state = twins.state()
    assert int(state["trees"][:, 4].sum()) > resting
    go_on_alike(twins, rows, labels, weights)


def test_trees_that_lose_their_room_begin_anew_alike() -> None:
    """More classes make nodes greater, and none can be taken out."""
    plan = replace(STEADY, max_bytes=70_000)
    stream = Stream(8, 2000, 6, 5, nominal={2: 60})
    rows, labels, weights = stream.arrays()
    twins = Twins(plan)
    twins.grow(2, 2, {})
    twins.run(np.ascontiguousarray(rows[:1000, :2]), labels[:1000] % 2, weights[:1000])
    twins.grow(6, 5, {2: 60})
    assert twins.state()["trees"][:, 0].tolist() == [1] * plan.n_models
    go_on_alike(twins, rows, labels, weights)


def go_on_alike(twins: Twins, rows: Any, labels: Any, weights: Any) -> None:
    """Take the second half of a stream through both, each time with the other's state."""
    for batch in batches(1000, repeat(100)):
        twins.run(rows[1000:][batch], labels[1000:][batch], weights[1000:][batch], explain=True)
        twins.cross_over()
