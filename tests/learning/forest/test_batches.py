"""Many rows at once are the same as one after the other, bit by bit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from tests.learning.forest.streams import Stream, awkward, blocks, one_by_one

QUICK: dict[str, Any] = {"n_models": 3, "grace_period": 10, "delta": 0.2, "warning_delta": 0.3}


def forest(**parameters: Any) -> AdaptiveRandomForestClassifier:
    """Return a small forest that splits and drifts soon."""
    return AdaptiveRandomForestClassifier(**{**QUICK, "nominal_features": ["color"], **parameters})


@given(
    stream=awkward(),
    cuts=st.lists(st.integers(0, 250), max_size=6),
    max_features=st.sampled_from((None, 0.6, "sqrt", 2)),
    class_weights=st.sampled_from((None, {0: 3.0, 2: 0.0})),
)
@settings(max_examples=40)
def test_a_batch_is_the_same_as_one_by_one(
    stream: Stream, cuts: list[int], max_features: Any, class_weights: Any
) -> None:
    """However a stream is cut: probabilities, classes, events and the whole state are the same."""
    parameters = {"max_features": max_features, "class_weights": class_weights}
    single, many = forest(**parameters), forest(**parameters)
    expected = one_by_one(single, stream)
    places = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found: list[dict[Any, float]] = []
    for begin, end in itertools.pairwise(places):
        for row in stream.process(many, begin, end).tolist():
            named = dict(zip(many.classes_, row, strict=True))
            found.append({label: p for label, p in named.items() if label in expected[len(found)]})
            assert sum(row) == pytest.approx(sum(expected[len(found) - 1].values()))
    assert found == expected
    assert many.classes_ == single.classes_
    assert many.take_events() == single.take_events()
    assert many.to_bytes() == single.to_bytes()


@given(stream=awkward(), jobs=st.integers(2, 5))
@settings(max_examples=12)
def test_several_threads_give_the_bits_of_one(stream: Stream, jobs: int) -> None:
    """Members are independent: who computes them does not matter."""
    one, several = forest(), forest(n_jobs=jobs)
    assert stream.process(several).tobytes() == stream.process(one).tobytes()
    one.n_jobs = several.n_jobs = 1
    assert several.to_bytes() == one.to_bytes()
    one_reasons, several_reasons = (
        each.explain_many(stream.matrix, features=stream.features) for each in (one, several)
    )
    assert several_reasons.contributions.tobytes() == one_reasons.contributions.tobytes()


@given(stream=awkward())
@settings(max_examples=12)
def test_predicting_changes_nothing(stream: Stream) -> None:
    """Neither do rows with features, values and labels never met, known to be unknown."""
    learner = forest()
    stream.process(learner)
    before = learner.to_bytes()
    names = (*stream.features, "never met")
    wider = np.hstack([stream.matrix, np.ones((len(stream), 1))])
    wider[:, len(stream.features) - 1] += 1000.0
    unknown = np.zeros(len(stream), bool)
    learner.predict_proba_many(wider, features=names)
    learner.explain_many(wider, features=names)
    learner.process_many(wider, ["new"] * len(stream), unknown, features=names)
    for x in stream.rows():
        learner.predict_proba_one({**x, "never met": 1.0, "color": "new"})
        learner.explain_one({**x, "never met": "text"})
    assert learner.to_bytes() == before
    assert "new" not in learner.classes_


def test_a_batch_longer_than_a_part_is_the_same_as_one_by_one() -> None:
    """Batches are taken in parts of 1,024 rows."""
    X, y = blocks(2500, seed=3)
    stream = Stream(X, y, np.ones(2500, bool), np.ones(2500), tuple(range(5)))
    single, many = forest(), forest()
    expected = one_by_one(single, stream)
    found = stream.process(many)
    assert [dict(zip(many.classes_, row, strict=True)) for row in found[100:].tolist()] == expected[100:]
    assert many.to_bytes() == single.to_bytes()


def test_many_are_predicted_as_one_is() -> None:
    """`predict_proba_many` gives what `predict_proba_one` gives."""
    X, y = blocks(600, seed=4)
    learner = forest()
    learner.learn_many(X, y)
    many = learner.predict_proba_many(X[:50])
    assert [dict(zip(learner.classes_, row, strict=True)) for row in many.tolist()] == [
        learner.predict_proba_one(dict(enumerate(row))) for row in X[:50].tolist()
    ]


def test_an_empty_batch_is_nothing() -> None:
    """It has no rows and as many columns as there are classes."""
    learner = AdaptiveRandomForestClassifier(n_models=2, classes=["a", "b"])
    before = learner.to_bytes()
    assert learner.process_many(np.zeros((0, 3)), []).shape == (0, 2)
    assert learner.predict_proba_many(np.zeros((0, 3))).shape == (0, 2)
    assert learner.explain_many(np.zeros((0, 3))).contributions.shape == (0, 0, 2)
    assert learner.to_bytes() == before


def test_columns_may_come_in_any_order() -> None:
    """They are found by name."""
    X, y = blocks(300, seed=5)
    learner = forest()
    learner.learn_many(X, y, features=list("abcde"))
    turned = learner.predict_proba_many(X[:, ::-1], features=list("edcba"))
    assert turned.tobytes() == learner.predict_proba_many(X, features=list("abcde")).tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros(3), [0, 1, 0]), r"X has shape \(3,\), expected rows and columns"),
        ((np.zeros((3, 1)), [0, 1]), "y has 2 labels, expected 3, one for each row"),
        ((np.zeros((3, 1)), [0, 1, 0], [True]), r"known has shape \(1,\), expected \(3,\), one for each row"),
        ((np.zeros((2, 1)), [0.0, float("nan")]), "a label is NaN"),
    ],
)
def test_batches_whose_parts_do_not_go_together_are_refused(arguments: Any, message: str) -> None:
    """The message says what was found and what was expected; nothing is learned."""
    learner = forest()
    with pytest.raises(ValueError, match=message):
        learner.process_many(*arguments)
    assert learner.classes_ == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": ["a"]}, "features has 1 names, expected 2, one for each column"),
        ({"features": ["a", "a"]}, "features names a column twice"),
        ({"w": [1.0]}, r"w has shape \(1,\), expected \(2,\), one for each row"),
        ({"w": [1.0, -1.0]}, "a weight is negative, not finite or above 1e\\+12"),
        ({"w": [1.0, float("nan")]}, "a weight is negative, not finite or above 1e\\+12"),
        ({"w": [1.0, 1e13]}, "a weight is negative, not finite or above 1e\\+12"),
    ],
)
def test_names_and_weights_that_do_not_fit_are_refused(options: Any, message: str) -> None:
    """The message says what was found and what was expected; nothing is learned."""
    learner = forest()
    with pytest.raises(ValueError, match=message):
        learner.process_many(np.zeros((2, 2)), [0, 1], **options)
    assert learner.classes_ == ()
