"""Memory stays below its bound at any time, and what is learned in it stays useful."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from tests.learning.forest.streams import accuracy, blocks

SMALL = 300_000


def drifting(n: int, seed: int) -> tuple[np.ndarray[Any, np.dtype[np.float64]], list[int]]:
    """Return rows whose rule changes every 2,000, noisy enough that trees want to grow for ever."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, 6))
    first, second = np.arange(n) // 2000 % 6, (np.arange(n) // 2000 + 1) % 6
    rows = np.arange(n)
    y = (np.sin(X[rows, first] * 9) + X[rows, second] > 0.7) ^ (rng.random(n) < 0.1)
    return X, y.astype(int).tolist()


@pytest.mark.parametrize("nominal", [False, True])
def test_a_small_bound_is_kept_after_every_batch(nominal: bool) -> None:
    """Through a long drifting stream; the bound is used, and accuracy is better than a guess."""
    X, y = drifting(24_000, seed=21)
    names: list[Any] = list(range(6))
    if nominal:
        X[:, 5] = np.floor(X[:, 5] * 40)
    learner = AdaptiveRandomForestClassifier(
        n_models=5,
        max_bytes=SMALL,
        grace_period=20,
        delta=0.3,
        nominal_features=[5] if nominal else None,
    )
    most, parts = 0, []
    for begin in range(0, len(X), 500):
        parts.append(learner.process_many(X[begin : begin + 500], y[begin : begin + 500], features=names))
        assert learner.allocated_bytes <= SMALL
        most = max(most, learner.allocated_bytes)
    assert most > SMALL / 2
    assert accuracy(np.concatenate(parts)[500:], y[500:], learner.classes_) > 0.64


def test_a_small_bound_costs_little_on_a_simple_rule() -> None:
    """A twentieth of the memory that a forest takes which is not bounded; a few points of accuracy."""
    X, y = blocks(20_000, seed=22)
    free = AdaptiveRandomForestClassifier(n_models=5, grace_period=20, delta=0.3)
    bounded = AdaptiveRandomForestClassifier(n_models=5, grace_period=20, delta=0.3, max_bytes=150_000)
    scores = [accuracy(each.process_many(X, y)[2000:], y[2000:], (1, 0)) for each in (free, bounded)]
    scores = [max(score, 1.0 - score) for score in scores]
    assert free.allocated_bytes > 2 * bounded.allocated_bytes
    assert bounded.allocated_bytes <= 150_000
    assert scores[1] > scores[0] - 0.08


def test_the_bound_holds_when_features_and_classes_come_late() -> None:
    """Each makes nodes and blocks larger; leaves rest, or trees begin anew, at once."""
    rng = np.random.default_rng(23)
    learner = AdaptiveRandomForestClassifier(
        n_models=4, max_bytes=400_000, grace_period=20, delta=0.3, nominal_features=["late 7"]
    )
    for part in range(30):
        columns = 3 + part // 2
        X = rng.random((300, columns))
        if columns > 10:
            X[:, 10] = np.floor(X[:, 10] * (2 + part))
        y = ((X[:, 0] * 5).astype(int) + (X[:, 1] > 0.5) * rng.integers(0, 1 + part, 300)).tolist()
        learner.learn_many(X, y, features=[f"late {column - 3}" for column in range(columns)])
        assert learner.allocated_bytes <= 400_000
        same = AdaptiveRandomForestClassifier.from_bytes(learner.to_bytes())
        assert same.to_bytes() == learner.to_bytes()
    assert len(learner.classes_) > 20


def test_a_restored_forest_at_its_bound_goes_on_with_the_same_bits() -> None:
    """What rests and what wakes follows from what is stored, not from how room happened to grow."""
    X, y = drifting(9000, seed=24)
    learner = AdaptiveRandomForestClassifier(n_models=3, max_bytes=150_000, grace_period=20, delta=0.3)
    for begin in range(0, 9000, 1500):
        same = AdaptiveRandomForestClassifier.from_bytes(learner.to_bytes())
        part = slice(begin, begin + 1500)
        assert (
            same.process_many(X[part], y[part]).tobytes() == learner.process_many(X[part], y[part]).tobytes()
        )
        assert same.to_bytes() == learner.to_bytes()
        assert max(same.allocated_bytes, learner.allocated_bytes) <= 150_000


def test_features_for_which_there_is_no_room_are_refused_and_the_forest_goes_on() -> None:
    """The message says why; what was too much stays unknown, and everything else as it was."""
    learner = AdaptiveRandomForestClassifier(n_models=2, max_bytes=60_000)
    for n in range(200):
        learner.learn_one({"a": float(n % 10)}, n % 10 > 4)
    before = learner.to_bytes()
    many = {f"f{n}": 1.0 for n in range(3000)}
    with pytest.raises(ValueError, match="max_bytes is 60000, too little for 2 trees of 3001 features"):
        learner.learn_one({"a": 1.0, **many}, "another label")
    with pytest.raises(ValueError, match="max_bytes is 60000, too little"):
        learner.learn_many(np.ones((2, 3000)), [True, False], features=list(many))
    assert learner.to_bytes() == before
    assert learner.predict_one({"a": 9.0, **many}) is True
    learner.learn_one({"a": 1.0}, False)
    assert learner.features_ == ("a",)
    assert learner.classes_ == (False, True)
