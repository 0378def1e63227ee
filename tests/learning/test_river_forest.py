"""River's forest, for features that come and go."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from river import checks, forest
from river.datasets import synth
from river.tree.nodes.branch import NumericBinaryBranch

from pg_streaming_machine_learning.learning.models import FOREST_DEFAULTS
from pg_streaming_machine_learning.learning.river_forest import AdaptiveRandomForest
from pg_streaming_machine_learning.learning.subspace import subspace_size

Sample = tuple[dict[str, Any], int]


def stream(n: int, seed: int = 1, features: int = 8) -> list[Sample]:
    """Return samples whose label follows from two of their features, and changes its rule half-way."""
    rng = random.Random(seed)
    samples = []
    for i in range(n):
        x = {f"feature {number}": rng.gauss(0, 1) for number in range(features)}
        slow = x["feature 0"] + x["feature 1"] > 0.5 if i < n / 2 else x["feature 2"] > 0.3
        samples.append((x, int(slow)))
    return samples


same_rounding = pytest.mark.skipif(
    version("river") < "0.26", reason="older rivers, for Python 3.10, round differently in the last bit"
)


def our_forest(**parameters: Any) -> AdaptiveRandomForest:
    return AdaptiveRandomForest(**parameters)


def rivers_forest(**parameters: Any) -> forest.ARFClassifier:
    return forest.ARFClassifier(**parameters)


def predictions(model: Any, samples: list[Sample]) -> list[dict[Any, float]]:
    """Return what the model says about each sample before it learns it."""
    said = []
    for x, y in samples:
        said.append(dict(model.predict_proba_one(x)))
        model.learn_one(x, y)
    return said


def right(model: Any, samples: list[Sample]) -> float:
    """Return the share of samples predicted correctly before they are learned."""
    said = predictions(model, samples)
    hits = [(each.get(1, 0.0) >= 0.5) == bool(y) for each, (_, y) in zip(said, samples, strict=True)]
    return sum(hits) / len(hits)


def most_watched(model: Any) -> int:
    """Return how many features the leaf watches that watches most."""
    return max(len(leaf.feature_indices) for tree in model for leaf in tree._find_leaves())


def check_cases() -> Iterator[Any]:
    model = our_forest(n_models=3, seed=1)
    skipped = model._unit_test_skips()
    for number, check in enumerate(checks.yield_checks(model)):
        if check.__name__ not in skipped:
            yield pytest.param(check, id=f"{check.__name__}-{number}")


@pytest.mark.parametrize("check", list(check_cases()))
def test_rivers_own_checks_pass(check: Callable[[Any], None]) -> None:
    """All but the one river's forest skips itself: the order of features draws other random subspaces."""
    check(our_forest(n_models=3, seed=1))


def test_only_rivers_own_skip_is_skipped() -> None:
    skips = forest.ARFClassifier()._unit_test_skips()
    assert AdaptiveRandomForest()._unit_test_skips() == skips == {"check_shuffle_features_no_impact"}


@same_rounding
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"max_features": 0.6},
        {"max_features": 5, "leaf_prediction": "mc"},
        {"max_features": None, "leaf_prediction": "nb", "split_criterion": "gini"},
        {"max_features": "log2", "grace_period": 20, "lambda_value": 1},
    ],
    ids=str,
)
def test_with_the_same_features_throughout_it_is_rivers_forest(parameters: dict[str, Any]) -> None:
    """Bit by bit, over a drift that replaces trees."""
    samples = stream(1200)
    ours = our_forest(n_models=5, seed=7, **parameters)
    theirs = rivers_forest(n_models=5, seed=7, **parameters)
    assert predictions(ours, samples) == predictions(theirs, samples)
    assert ours.n_drifts_detected() == theirs.n_drifts_detected() > 0


@same_rounding
def test_it_is_rivers_forest_on_river_s_own_stream() -> None:
    samples = [(x, y) for x, y in synth.ConceptDriftStream(seed=42, position=300, width=40).take(600)]
    ours, theirs = our_forest(seed=8), rivers_forest(seed=8)
    assert predictions(ours, samples) == predictions(theirs, samples)


def test_the_callers_max_features_stays() -> None:
    """River replaces it by a number at the first sample, and a clone then has another parameter."""
    model = our_forest(max_features=0.6, seed=1)
    predictions(model, stream(50))
    assert model.max_features == 0.6


def test_features_that_appear_later_are_learned_from() -> None:
    """River watches what the first sample had: here one feature without any meaning."""
    poor = [({"feature 7": x["feature 7"]}, y) for x, y in stream(20)]
    rich = stream(800, seed=2)[:400]
    ours = our_forest(max_features=0.6, seed=1)
    theirs = rivers_forest(max_features=0.6, seed=1)
    assert right(ours, poor + rich) > right(theirs, poor + rich) > 0.5
    assert most_watched(theirs) == 1
    assert most_watched(ours) == 4


def test_a_first_sample_without_features_does_no_harm() -> None:
    """River would watch nothing for ever, and give up every leaf as not worth splitting."""
    empty: list[Sample] = [({}, n % 2) for n in range(60)]
    rich = stream(800, seed=2)[:400]
    model = our_forest(max_features=0.6, seed=1)
    predictions(model, empty)
    assert right(model, rich) > 0.6
    assert all(len(leaf.feature_indices) == 4 for tree in model for leaf in tree._find_leaves() if leaf._met)


def test_features_that_vanish_are_done_without() -> None:
    samples = stream(400)
    model = our_forest(max_features=0.6, seed=1)
    predictions(model, samples)
    [said] = predictions(model, [({}, 1)])
    assert said.keys() == {0, 1}


def test_a_leaf_takes_its_share_of_the_features_it_has_met() -> None:
    """3 of 5, then 6 of 10, and none is given up again."""
    model = our_forest(n_models=1, max_features=0.6, seed=1)
    model.learn_one({f"a{n}": 1.0 for n in range(5)}, 0)
    while not model.data[0]._root:
        model.learn_one({f"a{n}": 1.0 for n in range(5)}, 0)
    leaf = model.data[0]._root
    first = list(leaf.feature_indices)
    assert len(first) == 3
    while len(leaf.feature_indices) == 3:
        model.learn_one({f"{letter}{n}": 1.0 for letter in "ab" for n in range(5)}, 0)
    assert leaf.feature_indices[:3] == first
    assert sum(name.startswith("b") for name in leaf.feature_indices) == 3


@pytest.mark.parametrize(
    ("max_features", "n_features", "expected"),
    [
        (0.6, 66, 39),
        (0.6, 1, 1),
        (0.6, 0, 0),
        (1.0, 7, 7),
        ("sqrt", 66, 8),
        ("sqrt", 0, 0),
        ("log2", 8, 3),
        ("log2", 0, 0),
        (None, 9, 9),
        (5, 3, 3),
        (5, 66, 5),
        (-2, 10, 8),
        (-20, 10, 1),
    ],
)
def test_the_size_of_a_subspace(
    max_features: float | int | str | None, n_features: int, expected: int
) -> None:
    assert subspace_size(max_features, n_features) == expected


def test_an_unknown_size_of_a_subspace_is_refused() -> None:
    with pytest.raises(ValueError, match="max_features is 'half', expected a number, 'sqrt', 'log2' or None"):
        subspace_size("half", 10)


def test_max_size_bounds_every_tree() -> None:
    """Leaves that promise least stop growing; 0.05 MiB hold 4 leaves that watch 8 features each."""
    samples = stream(3000, features=8)
    growing: dict[str, Any] = {
        "n_models": 3,
        "seed": 1,
        "grace_period": 10,
        "delta": 0.5,
        "max_features": None,
    }
    bounded = our_forest(**growing, max_size=0.05, memory_estimate_period=100)
    free = our_forest(**growing)
    predictions(bounded, samples)
    predictions(free, samples)
    assert max(tree.n_active_leaves for tree in free) > 10
    assert max(tree.n_active_leaves for tree in bounded) <= 5


@hypothesis_settings(max_examples=15)
@given(st.integers(0, 120), st.integers(0, 3))
def test_stop_restore_and_go_on_equals_never_stopping(stop: int, seed: int) -> None:
    """Also with features that come and go."""
    rng = random.Random(seed)
    samples = [({k: v for k, v in x.items() if rng.random() < 0.7}, y) for x, y in stream(160, seed)]
    model = our_forest(n_models=3, max_features=0.6, grace_period=10, seed=1)
    predictions(model, samples[:stop])
    restored = pickle.loads(pickle.dumps(model))
    assert predictions(restored, samples[stop:]) == predictions(model, samples[stop:])


def test_global_randomness_is_neither_used_nor_changed() -> None:
    random.seed(5)
    before = random.getstate()
    first = predictions(our_forest(n_models=3, seed=1), stream(200))
    assert random.getstate() == before
    random.seed(6)
    assert predictions(our_forest(n_models=3, seed=1), stream(200)) == first


def test_a_tree_of_the_greatest_depth_can_be_pickled() -> None:
    """The default `max_depth` is small enough: a chain of splits beyond 150 breaks pickle."""
    depth = FOREST_DEFAULTS["max_depth"]
    model = our_forest(n_models=1, seed=1, max_depth=depth)
    while len(model) == 0:
        model.learn_one({"x": 1.0}, 0)
    tree = model.data[0]
    chain: Any = tree._new_leaf()
    for _ in range(depth):
        chain = NumericBinaryBranch({}, "x", 1.0, 0, tree._new_leaf(), chain)
    tree._root = chain
    restored = pickle.loads(pickle.dumps(model))
    assert restored.data[0].height == depth + 1
