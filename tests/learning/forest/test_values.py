"""What a feature may be: missing, infinite, huge, a name, a number that is a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from river.datasets import synth

from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from pg_streaming_machine_learning.learning.forest.columns import MOST_CODES
from tests.learning.forest.streams import accuracy


def forest(**parameters: Any) -> AdaptiveRandomForestClassifier:
    """Return a small forest that splits soon."""
    return AdaptiveRandomForestClassifier(**{"n_models": 5, "grace_period": 20, **parameters})


def by_columns(values: Any, y: Any, name: str, **parameters: Any) -> float:
    """Return the accuracy of the second half of a stream of one named feature, test then train."""
    learner = forest(**parameters)
    rights = []
    for value, label in zip(values, y, strict=True):
        rights.append(learner.predict_one({name: value}) == label)
        learner.learn_one({name: value}, label)
    return float(np.mean(rights[len(rights) // 2 :]))


def test_missing_values_beat_stand_ins() -> None:
    """With 30 % missing: better than a zero or the mean so far in their place."""
    stream = list(synth.RandomRBF(seed_model=1, seed_sample=1, n_classes=4, n_features=6).take(12_000))
    X, y = np.array([list(x.values()) for x, _ in stream]), [int(label) for _, label in stream]
    missing = np.random.default_rng(12).random(X.shape) < 0.3
    means = np.cumsum(np.where(missing, 0.0, X), axis=0) / np.maximum(np.cumsum(~missing, axis=0), 1)
    scores = []
    for matrix in (np.where(missing, np.nan, X), np.where(missing, 0.0, X), np.where(missing, means, X)):
        learner = AdaptiveRandomForestClassifier(seed=1)
        scores.append(accuracy(learner.process_many(matrix, y)[2000:], y[2000:], learner.classes_))
    assert scores[0] > scores[1] + 0.005
    assert scores[0] > scores[2] + 0.005


def test_that_a_value_is_missing_may_tell_the_label() -> None:
    """A split learns which side what is missing belongs to."""
    rng = np.random.default_rng(13)
    y = rng.integers(0, 2, 3000)
    X = np.column_stack([rng.normal(size=3000) - 3.0 * (1 - y), rng.normal(size=3000)])
    X[(y == 1) & (rng.random(3000) < 0.7), 0] = np.nan
    learner = forest(max_features=None)
    found = learner.process_many(X, y)
    rows = np.isnan(X[1500:, 0])
    labels = y[1500:][rows].tolist()
    assert accuracy(found[1500:][rows], labels, learner.classes_) > 0.95


@pytest.mark.parametrize("nothing", [None, float("nan"), float("inf"), -float("inf"), 10**400])
def test_what_is_no_number_to_learn_from_is_missing(nothing: Any) -> None:
    """None, NaN, infinite, or too large for a double: the same bits as no entry at all."""
    given, left_out = forest(), forest()
    for n in range(200):
        rest = {"a": float(n % 10)}
        given.learn_one({**rest, "b": nothing} if n % 3 else {**rest, "b": float(n)}, n % 2)
        left_out.learn_one(rest if n % 3 else {**rest, "b": float(n)}, n % 2)
    assert given.to_bytes() == left_out.to_bytes()
    assert given.predict_proba_one({"a": 1.0, "b": nothing}) == left_out.predict_proba_one({"a": 1.0})
    assert nothing is None or nothing not in given.features_


def test_a_feature_that_never_has_a_value_is_not_met() -> None:
    """It would take room for nothing."""
    learner = forest()
    learner.learn_one({"a": 1.0, "b": None, "c": float("nan")}, 0)
    learner.learn_many([[2.0, np.nan]], [1], features=["a", "d"])
    assert learner.features_ == ("a",)


def test_huge_and_tiny_numbers_stay_numbers() -> None:
    """They are clipped, never turned into NaN; probabilities remain probabilities."""
    values = (1.7e308, -1.7e308, 1e300, 5e-324, 1e-30, 0.0, -0.0, 10**30, True, np.float32(2.5), np.True_)
    learner = forest()
    for n in range(600):
        learner.learn_one({"a": values[n % 11], "b": values[n % 7]}, n % 11 > 5)
    for a in values:
        found = learner.predict_proba_one({"a": a, "b": a})
        assert sum(found.values()) == pytest.approx(1.0)
        assert all(0.0 <= p <= 1.0 for p in found.values())
    assert AdaptiveRandomForestClassifier.from_bytes(learner.to_bytes()).to_bytes() == learner.to_bytes()


def test_heavy_samples_of_huge_numbers_can_still_be_stored() -> None:
    """Their squares come to more than 32 bits hold."""
    learner = forest(grace_period=1e9)
    for n in range(100):
        learner.learn_one({"a": (-1.0) ** n * 1e15, "b": n}, n % 2, w=1e12)
    assert sum(learner.predict_proba_one({"a": 5.0, "b": 3}).values()) == pytest.approx(1.0)
    assert AdaptiveRandomForestClassifier.from_bytes(learner.to_bytes()).to_bytes() == learner.to_bytes()


def test_text_where_a_number_was_is_refused() -> None:
    """Also where it looks like a number; nothing is learned of it."""
    learner = forest()
    learner.learn_one({"a": 1.0}, 0)
    before = learner.to_bytes()
    for value in ("3.5", "high", [1.0]):
        with pytest.raises(ValueError, match="feature 'a' was a number before, is"):
            learner.learn_one({"a": value}, 0)
        with pytest.raises(ValueError, match="feature 'a' was a number before, is"):
            learner.predict_one({"a": value})
    assert learner.to_bytes() == before


def test_a_rule_of_parity_is_learned_by_name_and_not_by_number() -> None:
    """The label is whether a number is odd: no bound tells that, a set of names does."""
    rng = np.random.default_rng(14)
    values = rng.integers(0, 30, 2000).tolist()
    y = [value % 2 for value in values]
    assert by_columns(values, y, "n", nominal_features=["n"]) > 0.97
    assert by_columns([f"v{value}" for value in values], y, "n") > 0.97
    assert by_columns(values, y, "n", nominal_features=["n"], leaf_prediction="mc") > 0.97


def test_names_are_learned_where_numbers_are_not() -> None:
    """Three hundred values without order: sets of names tell them apart, bounds do not, in the same time."""
    rng = np.random.default_rng(16)
    values = rng.integers(0, 300, 2500).tolist()
    odd = rng.integers(0, 2, 300)
    y = [int(odd[value]) for value in values]
    assert by_columns(values, y, "n", nominal_features=["n"]) > by_columns(values, y, "n") + 0.03


def test_nominal_numbers_in_batches() -> None:
    """Their values are names there, too."""
    rng = np.random.default_rng(15)
    X = rng.integers(0, 100, (3000, 2)).astype(float)
    y = (X[:, 0] % 2).astype(int).tolist()
    learner = forest(nominal_features=["n"], max_features=None)
    found = learner.process_many(X, y, features=["n", "noise"])
    assert accuracy(found[1500:], y[1500:], learner.classes_) > 0.95


def test_values_never_met_are_tolerated() -> None:
    """As missing ones: they go where a split sends what it does not know; asking teaches nothing."""
    learner = forest()
    for n in range(600):
        learner.learn_one({"color": ("red", "green")[n % 2], "a": float(n % 5)}, n % 2)
    before = learner.to_bytes()
    for value in ("blue", 7, ("a", "tuple")):
        found = learner.predict_proba_one({"color": value, "a": 2.0})
        assert sum(found.values()) == pytest.approx(1.0)
    assert learner.to_bytes() == before
    for n in range(600):
        learner.learn_one({"color": ("blue", "red")[n % 2], "a": float(n % 5)}, 1 - n % 2)
    assert learner.predict_one({"color": "blue", "a": 2.0}) == 1


def test_more_values_than_are_told_apart() -> None:
    """Those beyond 4,096 share one place, and memory stays bounded."""
    learner = forest(n_models=2)
    for n in range(MOST_CODES + 500):
        learner.learn_one({"name": f"v{n}", "a": float(n % 2)}, n % 2)
    assert learner.predict_one({"name": "another", "a": 1.0}) == 1
    same = AdaptiveRandomForestClassifier.from_bytes(learner.to_bytes())
    assert same.predict_proba_one({"name": "new", "a": 0.0}) == learner.predict_proba_one(
        {"name": "new", "a": 0.0}
    )
