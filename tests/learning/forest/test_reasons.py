"""The forest says why, what matters to it, and when something changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.learning.forest import (
    AdaptiveRandomForestClassifier,
    ForestEvent,
    classifier,
)
from pg_streaming_machine_learning.learning.forest.backend import Backend
from pg_streaming_machine_learning.learning.forest.plan import plan_of
from tests.learning.forest.streams import Stream, awkward, blocks


def forest(**parameters: Any) -> AdaptiveRandomForestClassifier:
    """Return a small forest that splits soon."""
    return AdaptiveRandomForestClassifier(**{"n_models": 4, "grace_period": 20, "delta": 0.1, **parameters})


@given(stream=awkward(), kind=st.sampled_from(("mc", "nb", "nba")))
@settings(max_examples=25)
def test_reasons_and_base_add_up_to_the_probabilities(stream: Stream, kind: str) -> None:
    """Of every row and class, to 1e-9, whatever is missing; the base does not depend on the row."""
    learner = forest(leaf_prediction=kind, nominal_features=["color"])
    stream.process(learner)
    explained = learner.explain_many(stream.matrix, features=stream.features)
    assert explained.features == learner.features_
    plain = learner.predict_proba_many(stream.matrix, features=stream.features)
    assert explained.probabilities.tobytes() == plain.tobytes()
    whole = explained.base + explained.contributions.sum(axis=1)
    if learner.classes_ and plain.any(axis=1).all():
        np.testing.assert_allclose(whole, plain, rtol=0, atol=1e-9)


def test_one_row_is_explained_as_many_are() -> None:
    """By class, what each feature adds."""
    X, y = blocks(900, seed=31)
    learner = forest()
    learner.learn_many(X, y, features=list("abcde"))
    many = learner.explain_many(X[:3], features=list("abcde"))
    for row in range(3):
        one = learner.explain_one(dict(zip("abcde", X[row].tolist(), strict=True)))
        for place, label in enumerate(learner.classes_):
            assert list(one[label].values()) == many.contributions[row, :, place].tolist()


def test_many_rows_are_explained_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large the parts, the bits are the same; and what was answered before stays as it was."""
    X, y = blocks(1500, seed=35)
    learner = forest()
    learner.learn_many(X, y)
    whole = learner.explain_many(X)
    before = whole.contributions.copy()
    for most in (1, 1000):
        monkeypatch.setattr(classifier, "_MOST_REASONS", most)
        parts = learner.explain_many(X[::-1])
        for these, others in (
            (parts.probabilities, whole.probabilities),
            (parts.base, whole.base),
            (parts.contributions, whole.contributions),
        ):
            assert these[::-1].tobytes() == others.tobytes()
    assert whole.contributions.tobytes() == before.tobytes()


@pytest.mark.parametrize("backend", [Backend.best(), Backend.reference()], ids=["best", "reference"])
def test_reasons_are_put_where_they_are_wanted(backend: Backend) -> None:
    """Whatever was there before."""
    X, y = blocks(300, seed=36)
    rows, labels = X.astype(np.float32), np.array(y, np.int64)
    learned = backend.forest(plan_of(forest()))
    learned.grow(X.shape[1], 2, {})
    learned.run(rows, labels, np.ones(len(rows)))
    expected = learned.run(rows, labels, np.zeros(len(rows)), True).reasons
    assert expected is not None
    there = np.full(expected.shape, np.nan)
    votes = learned.run(rows, labels, np.zeros(len(rows)), True, reasons=there)
    assert votes.reasons is there
    assert there.tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", ["mc", "nb", "nba"])
def test_reasons_name_the_feature_that_decides(kind: str) -> None:
    """One of six decides: it is the strongest reason in nearly all rows, and the most important of all."""
    rng = np.random.default_rng(32)
    X = rng.normal(size=(4000, 6))
    y = (X[:, 3] > 0.2).astype(int).tolist()
    learner = forest(n_models=10, max_features=None, leaf_prediction=kind)
    learner.learn_many(X[:3500], y[:3500])
    explained = learner.explain_many(X[3500:])
    strongest = np.abs(explained.contributions).sum(axis=2).argmax(axis=1)
    assert (strongest == learner.features_.index(3)).mean() > 0.95
    importances = learner.feature_importances()
    assert max(importances, key=importances.__getitem__) == 3
    assert sum(importances.values()) == pytest.approx(1.0)


def test_a_nominal_feature_may_be_the_reason() -> None:
    """The strongest by far where it decides."""
    rng = np.random.default_rng(33)
    learner = forest(max_features=None)
    for _ in range(1500):
        color = str(rng.choice(["red", "green", "blue", "black"]))
        learner.learn_one({"color": color, "a": rng.normal()}, color in ("red", "black"))
    reasons = learner.explain_one({"color": "black", "a": 0.0})[True]
    assert reasons["color"] > 0.3
    assert abs(reasons["a"]) < 0.1


def test_events_of_a_drift_have_their_places() -> None:
    """A rule changes at 3,000: warnings, then drifts, in the samples after it, and not before."""
    X, y = blocks(6000, seed=34, drift_at=3000)
    learner = AdaptiveRandomForestClassifier(n_models=3, seed=7)
    learner.learn_many(X, y)
    events = learner.take_events()
    assert learner.take_events() == []
    assert [(event.kind, event.member, event.sample, event.had_background) for event in events] == EVENTS
    for event in events:
        assert isinstance(event, ForestEvent)
        assert 0.0 <= event.error_before < event.error_after <= 1.0


def test_without_warnings_no_tree_grows_in_the_background() -> None:
    """A drift begins a tree anew."""
    X, y = blocks(6000, seed=34, drift_at=3000)
    learner = AdaptiveRandomForestClassifier(n_models=3, seed=7, warning_delta=0)
    learner.learn_many(X, y)
    events = learner.take_events()
    assert {event.kind for event in events} == {"drift"}
    assert not any(event.had_background for event in events)
    assert {event.member for event in events} == {0, 1, 2}


EVENTS = [
    ("warning", 1, 3039, True),
    ("warning", 2, 3039, True),
    ("drift", 2, 3039, True),
    ("warning", 0, 3071, True),
    ("drift", 0, 3071, True),
    ("drift", 1, 3071, True),
]
