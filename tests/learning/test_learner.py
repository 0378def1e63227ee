"""The prequential step."""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import math
import pickle
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from river import base
from river.__version__ import __version__ as river_version

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.learner import Learner, probability_of_bottleneck
from pg_streaming_machine_learning.learning.models import ModelSpec, create_model, model_version
from pg_streaming_machine_learning.learning.river_forest import AdaptiveRandomForest
from pg_streaming_machine_learning.records.prediction import Prediction, Sample
from pg_streaming_machine_learning.records.snapshot import pack, unpack, write_state
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from tests.state_digest import object_digest

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
SMALL = ModelSpec(parameters={"n_models": 3, "grace_period": 10})
SMALL_RIVER = ModelSpec("river.forest.ARFClassifier", {"n_models": 3, "grace_period": 10})


def learner(spec: ModelSpec = SMALL, *, warm_up_samples: int = 4, decision_threshold: float = 0.5) -> Learner:
    return Learner(spec, 1, warm_up_samples, decision_threshold)


def sample(n: int, label: int | None) -> Sample:
    features = {"cpu.mean": 90.0 + n % 5 if label else 10.0 + n % 7}
    return Sample("web", Window(n * 5000, n * 5000 + 10_000), features, label, (CPU,))


def step(model: Learner, each: Sample) -> Prediction:
    prediction = model.predict(each)
    model.learn(each)
    return prediction


def samples(n: int, seed: int = 1) -> list[Sample]:
    rng = random.Random(seed)
    return [sample(number, rng.choice([0, 0, 1, None])) for number in range(n)]


def test_a_prediction_is_made_with_what_was_known_before() -> None:
    """The first says 0.0 whatever its own label, and has learned nothing."""
    first = step(learner(), sample(0, 1))
    assert first == Prediction(
        host="web",
        window=Window(0, 10_000),
        horizon_ms=0,
        predicted_class=0,
        probability=0.0,
        decision_threshold=0.5,
        label=1,
        model_name="pg_streaming_machine_learning.learning.forest.AdaptiveRandomForestClassifier",
        model_version=model_version(),
        samples_learned=0,
        warming_up=True,
        metrics=(CPU,),
        reasons=(),
    )


def test_predicting_twice_says_the_same() -> None:
    model = learner()
    for each in samples(30):
        step(model, each)
    assert model.predict(sample(7, 1)) == model.predict(sample(7, 1))


SPECS = st.sampled_from(
    [
        SMALL,
        SMALL_RIVER,
        ModelSpec("river.forest.AMFClassifier", {"n_estimators": 2}),
        ModelSpec("river.ensemble.SRPClassifier", {"n_models": 2}),
        ModelSpec("river.facto.FMClassifier"),
        ModelSpec("river.linear_model.LogisticRegression"),
        ModelSpec("river.naive_bayes.GaussianNB"),
        ModelSpec("river.neighbors.KNNClassifier"),
        ModelSpec("river.tree.HoeffdingAdaptiveTreeClassifier"),
    ]
)


@hypothesis_settings(max_examples=15)
@given(SPECS, st.integers(0, 80), st.integers(0, 1000))
def test_asking_again_changes_no_bit_of_a_model(spec: ModelSpec, n: int, seed: int) -> None:
    """A fingerprint asks once for each transaction, and a replay has other transactions.

    What some models do change, at their first sight of a feature, they change in the prediction before.
    """
    model, rng = learner(spec), random.Random(seed)
    each = Sample("web", Window(0, 10_000), {"cpu": 1.0, "host": "web"}, 1, ())
    for number in range(n + 1):
        features: dict[str, float | str] = {"cpu": rng.gauss(50, 20), "host": rng.choice(["web", "db"])}
        if rng.random() < 0.5:
            features["memory"] = rng.gauss(20, 5)
        each = Sample("web", Window(number * 5000, number * 5000 + 10_000), features, rng.choice([0, 1]), ())
        step(model, each)
    before = object_digest(model.model)
    model.probability(each.features)
    assert object_digest(model.model) == before


def test_what_has_no_label_is_predicted_and_not_learned() -> None:
    model = learner()
    assert [model.learn(sample(n, label)) for n, label in enumerate((None, 0, 1))] == [False, True, True]
    assert model.samples_learned == 2


def test_warming_up_ends_with_enough_samples_of_both_classes() -> None:
    """Three of class 0 and one of class 1 make four."""
    model = learner(warm_up_samples=4)
    warming_up = [step(model, sample(n, label)).warming_up for n, label in enumerate((0, 0, 0, 1, 0))]
    assert warming_up == [True, True, True, True, False]


def test_many_samples_of_one_class_do_not_end_it() -> None:
    model = learner(warm_up_samples=4)
    assert [step(model, sample(n, 0)).warming_up for n in range(9)] == [True] * 9
    assert step(model, sample(9, 1)).warming_up
    assert not step(model, sample(10, 0)).warming_up


def test_the_decision_threshold_belongs_to_class_one() -> None:
    """A probability at the threshold is a bottleneck."""
    assert learner(decision_threshold=0.0).predict(sample(0, 0)).predicted_class == 1


def test_it_learns() -> None:
    model = learner()
    for each in samples(100):
        step(model, each)
    assert (model.predict(sample(1, 1)).predicted_class, model.predict(sample(1, 0)).predicted_class) == (
        1,
        0,
    )


@hypothesis_settings(max_examples=10)
@given(
    st.integers(0, 80),
    st.sampled_from([SMALL, SMALL_RIVER, ModelSpec("river.linear_model.LogisticRegression")]),
)
def test_stop_restore_and_go_on_equals_never_stopping(stop: int, spec: ModelSpec) -> None:
    model = learner(spec)
    for each in samples(stop):
        step(model, each)
    restored = learner(spec)
    restored.restore(model.snapshot())
    rest = samples(100, seed=2)
    assert [step(restored, each) for each in rest] == [step(model, each) for each in rest]
    assert object_digest(restored.model) == object_digest(model.model)


def test_a_snapshot_of_another_model_is_refused() -> None:
    other = learner(ModelSpec("river.linear_model.LogisticRegression"))
    with pytest.raises(
        SnapshotError, match=r"model is 'river.linear_model.LogisticRegression', expected 'pg_streaming"
    ):
        learner().restore(other.snapshot())


def test_a_snapshot_that_holds_another_class_than_it_says_is_refused() -> None:
    """Its name is what its maker says, its class what it is."""
    other = learner(ModelSpec("river.linear_model.LogisticRegression"))
    parts = {**unpack(learner().snapshot()), "model": unpack(other.snapshot())["model"]}
    with pytest.raises(SnapshotError, match="model is a Standardized, expected AdaptiveRandomForest"):
        learner().restore(pack(parts))


def test_a_snapshot_of_another_release_of_river_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its classes may have become others meanwhile. The bytes of our forest stay what they are."""
    rivers, ours = learner(SMALL_RIVER).snapshot(), learner().snapshot()
    monkeypatch.setattr("pg_streaming_machine_learning.learning.learner.river_version", "0.1")
    with pytest.raises(SnapshotError, match=rf"model is of river {river_version}, this is river 0\.1"):
        learner(SMALL_RIVER).restore(rivers)
    learner().restore(ours)


def test_a_snapshot_of_another_generation_is_none_of_its_concern() -> None:
    """Whose generation it is, the engine says: a learner of an older one may go on in a new one."""
    older, newer = learner(), Learner(SMALL, 1, 4, 0.5, generation=3)
    newer.restore(older.snapshot())
    assert newer.predict(sample(0, 1)).model_version == model_version(3)


def test_predictions_name_the_generation_that_has_begun() -> None:
    model = learner()
    before = model.predict(sample(0, 1)).model_version
    model.begin_generation(2)
    assert (before, model.predict(sample(0, 1)).model_version) == (model_version(1), model_version(2))


@pytest.mark.parametrize("part", ["counts", "model"])
def test_a_snapshot_without_one_of_its_parts_is_refused(part: str) -> None:
    parts = unpack(learner().snapshot())
    del parts[part]
    with pytest.raises(SnapshotError, match="expected those of a learner"):
        learner().restore(pack(parts))


@pytest.mark.parametrize("state", [{}, [], {"river": river_version, "model": SMALL.path}, {"learned": 3}])
def test_a_snapshot_whose_counts_are_incomplete_is_refused(state: object) -> None:
    parts = {**unpack(learner().snapshot()), "counts": write_state("learner", 2, state)}
    with pytest.raises(SnapshotError, match="state of the learner is incomplete"):
        learner().restore(pack(parts))


def test_a_refused_snapshot_changes_nothing() -> None:
    model = learner()
    for each in samples(30):
        step(model, each)
    before = object_digest(vars(model))
    with pytest.raises(SnapshotError):
        model.restore(learner(ModelSpec("river.linear_model.LogisticRegression")).snapshot())
    assert object_digest(vars(model)) == before


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(SnapshotError, match="no snapshot"):
        learner().restore(pickle.dumps({}))


class Says(base.Classifier):
    """A classifier that says what it is told to."""

    def __init__(self, answer: dict[Any, float]) -> None:
        self.answer = answer

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn nothing."""

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        return self.answer


class SaysOnly(base.Classifier):
    """A classifier that says a label and no probability, None as long as it knows nothing."""

    def __init__(self, label: int | None) -> None:
        self.label = label

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn nothing."""

    def predict_one(self, x: dict[Any, Any], **kwargs: Any) -> int | None:
        return self.label


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({}, 0.0),
        ({0: 1.0}, 0.0),
        ({0: 0.25, 1: 0.75}, 0.75),
        ({False: 0.25, True: 0.75}, 0.75),
        ({1: 1.0000000000000002}, 1.0),
        ({1: -1e-17}, 0.0),
        ({1: math.nan}, 0.0),
        ({1: math.inf}, 1.0),
    ],
)
def test_a_probability_is_always_between_zero_and_one(answer: dict[Any, float], expected: float) -> None:
    assert probability_of_bottleneck(Says(answer), {}) == expected


def test_a_classifier_without_probabilities_says_zero_or_one() -> None:
    assert [probability_of_bottleneck(SaysOnly(label), {}) for label in (0, 1, True, None)] == [0, 1, 1, 0]


NUMBERS = st.floats(-1e100, 1e100) | st.sampled_from([1e100, -1e100, 1e-300, 0.0, 5e-324])


@hypothesis_settings(max_examples=25)
@given(st.lists(st.tuples(st.dictionaries(st.sampled_from("abc"), NUMBERS), st.integers(0, 1)), max_size=60))
def test_no_numbers_a_sample_may_hold_break_a_model(seen: list[tuple[dict[str, float], int]]) -> None:
    """A record that ended the worker would end it again at every restart."""
    eager = {"n_models": 2, "grace_period": 5, "delta": 0.9}
    models = [
        create_model(ModelSpec(parameters=eager), seed=1),
        create_model(ModelSpec("river.forest.ARFClassifier", eager), seed=1),
        create_model(ModelSpec("river.linear_model.LogisticRegression"), seed=1),
    ]
    assert isinstance(models[1], AdaptiveRandomForest)
    for features, label in seen:
        for model in models:
            x: dict[Any, Any] = dict(features)
            assert 0.0 <= probability_of_bottleneck(model, x) <= 1.0
            model.learn_one(x, label)
