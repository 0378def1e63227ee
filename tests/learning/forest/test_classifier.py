"""The forest is a classifier of river's, and says what it does not take."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from river.checks import check_estimator

from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from tests.learning.forest.streams import accuracy, blocks


def forest(**parameters: Any) -> AdaptiveRandomForestClassifier:
    """Return a small forest that splits soon."""
    return AdaptiveRandomForestClassifier(**{"n_models": 3, "grace_period": 20, **parameters})


def test_it_passes_rivers_checks() -> None:
    """All that river asks of a classifier."""
    check_estimator(AdaptiveRandomForestClassifier(n_models=3, seed=1))


def test_it_learns_what_two_features_decide_together() -> None:
    """No one feature tells the label; test, then train."""
    X, y = blocks(4000, seed=1)
    learner = AdaptiveRandomForestClassifier(seed=1)
    found = learner.process_many(X, y)
    assert accuracy(found[2000:], y[2000:], learner.classes_) > 0.9


def test_untrained_it_says_nothing() -> None:
    """There is no class to name yet."""
    learner = forest()
    x = {"a": 1.0}
    assert (learner.predict_one(x), learner.predict_proba_one(x), learner.explain_one(x)) == (None, {}, {})
    assert (learner.classes_, learner.features_) == ((), ())
    assert learner.predict_proba_many(np.ones((2, 3))).shape == (2, 0)
    assert learner.process_many(np.ones((2, 3)), [1, 1], [False, False]).shape == (2, 0)
    assert (learner.feature_importances(), learner.take_events()) == ({}, [])


def test_classes_given_beforehand_have_their_columns() -> None:
    """Their order is theirs; nothing is known of them."""
    learner = forest(classes=["no", "yes"])
    assert learner.process_many([[1.0], [2.0]], ["yes", "yes"]).shape == (2, 2)
    assert learner.classes_ == ("no", "yes")
    assert learner.predict_proba_one({0: 1.0}) == {"no": 0.0, "yes": 1.0}
    assert AdaptiveRandomForestClassifier(classes=["no", "yes"]).predict_proba_one({}) == {}


def test_features_appear_and_vanish() -> None:
    """A feature that comes later decides from then on; without it a prediction is made all the same."""
    rng = np.random.default_rng(2)
    learner = forest(max_features=None)
    for _ in range(300):
        learner.learn_one({"noise": rng.normal()}, bool(rng.integers(2)))
    for _ in range(600):
        value = rng.normal()
        learner.learn_one({"noise": rng.normal(), "late": value}, value > 0)
    assert learner.features_ == ("noise", "late")
    assert learner.predict_one({"late": 2.0}) is True
    assert learner.predict_one({"late": -2.0}) is False
    assert sum(learner.predict_proba_one({}).values()) == pytest.approx(1.0)
    assert learner.feature_importances()["late"] > 0.6


def test_labels_are_anything_hashable() -> None:
    """Text, numbers, None, tuples, together."""
    labels = ["a", 7, None, ("x", 1), 2.5, frozenset({1})]
    learner = forest()
    for n in range(900):
        learner.learn_one({"place": n % 6 * 10.0}, labels[n % 6])
    assert [learner.predict_one({"place": n * 10.0}) for n in range(6)] == labels
    assert set(learner.classes_) == set(labels)
    same = pickle.loads(pickle.dumps(learner))
    assert same.predict_proba_one({"place": 20.0}) == learner.predict_proba_one({"place": 20.0})


def test_three_hundred_classes() -> None:
    """Each has its own place, and they come one after the other."""
    rng = np.random.default_rng(3)
    y = np.concatenate([np.arange(300), rng.integers(0, 300, 9000)])
    X = np.column_stack([y % 20, y // 20]) + rng.normal(scale=0.1, size=(len(y), 2))
    learner = AdaptiveRandomForestClassifier(n_models=3, max_features=None, seed=1)
    found = learner.process_many(X, y)
    assert found.shape == (9300, 300)
    assert accuracy(found[6000:], y[6000:].tolist(), learner.classes_) > 0.7


def test_the_first_values_may_be_as_far_from_zero_as_time() -> None:
    """Numbers are kept in 32 bits, counted from the first: an offset of 1.7e9 seconds costs nothing."""
    X, y = blocks(3000, seed=4)
    near, far = forest(seed=5), forest(seed=5)
    found = far.process_many(X * 100 + 1.7e9, y)
    assert accuracy(found[1500:], y[1500:], far.classes_) > 0.85
    assert accuracy(near.process_many(X * 100, y)[1500:], y[1500:], near.classes_) > 0.85


@pytest.mark.parametrize("kind", ["mc", "nb", "nba"])
def test_kinds_of_leaves(kind: str) -> None:
    """All learn; only the majority class cannot tell rows of one leaf apart."""
    X, y = blocks(3000, seed=6)
    learner = forest(leaf_prediction=kind)
    found = learner.process_many(X, y)
    assert accuracy(found[1500:], y[1500:], learner.classes_) > 0.8
    before_a_split = forest(leaf_prediction=kind, grace_period=1e6)
    before_a_split.learn_many(X[:500], (X[:500, 0] > 0.3).tolist())
    rows = before_a_split.predict_proba_many(X[:200])
    assert (len(np.unique(rows[:, 0])) == 1) == (kind == "mc")


def test_adaptive_leaves_are_right_where_bayes_is_wrong() -> None:
    """Two clusters around one: a normal distribution sees one heap, whose middle is the other class."""
    rng = np.random.default_rng(7)
    y = (rng.random(2000) < 0.1).astype(int)
    X = rng.normal(size=(2000, 1)) * np.where(y == 1, 3.0, 1.0)[:, None]
    scores = {}
    for kind in ("mc", "nba"):
        learner = forest(leaf_prediction=kind, grace_period=1e6)
        scores[kind] = accuracy(learner.process_many(X, y), y.tolist(), learner.classes_)
    assert scores["nba"] >= scores["mc"] - 0.02


def test_class_weights_raise_a_rare_label() -> None:
    """With the same rows, a rare label is named more often when it weighs more."""
    rng = np.random.default_rng(8)
    y = (rng.random(3000) < 0.05).astype(int)
    X = rng.normal(size=(3000, 2)) + y[:, None]
    named = [
        int((forest(class_weights=weights).process_many(X, y)[1000:].argmax(axis=1) == 1).sum())
        for weights in (None, {1: 20.0})
    ]
    assert named[1] > 2 * named[0]


def test_a_weight_of_zero_learns_nothing() -> None:
    """Neither the label nor the feature is met."""
    learner = forest()
    learner.learn_one({"a": 1.0}, "x", w=0.0)
    assert (learner.classes_, learner.features_) == ((), ())


def test_copies_go_their_own_way_and_the_same_way() -> None:
    """A deep copy and a pickle have the bits of the original, and leave it alone; a clone knows nothing."""
    X, y = blocks(900, seed=9)
    learner = forest(nominal_features=["n"])
    learner.learn_many(X, y)
    before = learner.to_bytes()
    copies = [copy.deepcopy(learner), pickle.loads(pickle.dumps(learner))]
    for each in copies:
        each.learn_many(X, y)
    assert learner.to_bytes() == before
    learner.learn_many(X, y)
    assert [each.to_bytes() for each in copies] == [learner.to_bytes()] * 2
    clone = learner.clone()
    assert clone._get_params() == learner._get_params()
    assert clone.to_bytes() == forest(nominal_features=["n"]).to_bytes()


def test_the_seed_says_all() -> None:
    """Two of one seed are equal, another differs."""
    X, y = blocks(500, seed=10)
    stored = []
    for seed in (1, 1, 2, -1, 2**70 + 1):
        learner = forest(seed=seed)
        learner.learn_many(X, y)
        stored.append(learner.predict_proba_many(X).tobytes())
    assert stored[0] == stored[1] == stored[4]
    assert len(set(stored)) == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_models": 0}, "n_models is 0, expected 1 to 10000"),
        ({"n_models": 2.5}, "n_models is 2.5, expected a whole number"),
        ({"lambda_value": 0}, "lambda_value is 0, expected 1e-06 to 50.0"),
        ({"grace_period": float("nan")}, "grace_period is nan, expected 1.0 to 1000000000.0"),
        ({"delta": 1}, "delta is 1, expected 1e-300 to 0.999"),
        ({"tau": -0.1}, r"tau is -0.1, expected 0.0 to 100.0"),
        ({"wait": "long"}, "wait is 'long', expected 0.0 to 1000000000.0"),
        ({"drift_delta": 0}, "drift_delta is 0, expected 1e-300 to 0.999"),
        ({"warning_delta": 2}, "warning_delta is 2, expected 1e-300 to 0.999"),
        ({"warning_delta": -1}, "warning_delta is -1, expected"),
        ({"max_features": "all"}, "max_features is 'all', expected a number, 'sqrt', 'log2' or None"),
        ({"max_features": 0}, "max_features is 0, expected at least 1 feature"),
        ({"max_features": 1.5}, "max_features is 1.5, expected a share above 0 and at most 1"),
        ({"leaf_prediction": "tree"}, r"leaf_prediction is 'tree', expected one of \('mc', 'nb', 'nba'\)"),
        ({"class_weights": {"a": -1.0}}, r"class_weights is {'a': -1.0}, expected numbers from 0 to 1e12"),
        ({"max_bytes": 1000}, "max_bytes is 1000, too little for 3 trees of 0 features and 0 classes"),
        ({"max_bytes": 1e9}, "max_bytes is 1000000000.0, expected a whole number"),
        ({"nominal_features": "color"}, "nominal_features is 'color', expected several, or None"),
        ({"classes": 2}, "classes is 2, expected several, or None"),
        ({"n_jobs": 0}, "n_jobs is 0, expected a whole number from 1 to 256"),
        ({"seed": "one"}, "seed is 'one', expected a whole number"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters: dict[str, Any], message: str) -> None:
    """The message says which, what it is, and what was expected."""
    with pytest.raises(ValueError, match=message):
        forest(**parameters)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf"), 1e13])
def test_weights_that_cannot_be_are_refused(weight: float) -> None:
    """Nothing is met by a sample of such a weight."""
    learner = forest()
    with pytest.raises(ValueError, match="a weight is negative, not finite or above 1e\\+12"):
        learner.learn_one({"a": 1.0}, 1, w=weight)
    assert learner.classes_ == ()


def test_a_label_that_equals_nothing_is_refused() -> None:
    """NaN as a label would be a new class each time."""
    with pytest.raises(ValueError, match="a label is NaN"):
        forest().learn_one({"a": 1.0}, float("nan"))
