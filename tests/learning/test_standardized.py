"""What models other than trees need."""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from river import checks, linear_model, naive_bayes, tree

from pg_streaming_machine_learning.learning.standardized import Standardized


def wrapped() -> Iterator[Standardized]:
    yield Standardized(linear_model.LogisticRegression())
    yield Standardized(naive_bayes.GaussianNB())
    yield Standardized(tree.HoeffdingTreeClassifier(), scaling=False)


def check_cases() -> Iterator[Any]:
    for model in wrapped():
        for number, check in enumerate(checks.yield_checks(model)):
            yield pytest.param(model, check, id=f"{model.classifier}-{check.__name__}-{number}")


@pytest.mark.parametrize(("model", "check"), list(check_cases()))
def test_rivers_own_checks_pass(model: Standardized, check: Callable[[Any], None]) -> None:
    """Without a skip, around models of three kinds."""
    if check.__name__ in model.classifier._unit_test_skips():
        pytest.skip("river skips it for the classifier inside")
    check(model.clone())


class Spy(linear_model.LogisticRegression):
    """A model that keeps what it was given."""

    def learn_one(self, x: Any, y: Any, w: Any = 1.0) -> None:
        self.given = dict(x)
        super().learn_one(x, y, w)


def given_after(samples: list[dict[str, Any]], **parameters: Any) -> dict[str, Any]:
    """Return what the model inside was given of the last sample."""
    spy = Spy()
    model = Standardized(spy, **parameters)
    for x in samples:
        model.learn_one(x, 1)
    return dict(spy.given)


def test_numbers_are_scaled_by_running_mean_and_deviation() -> None:
    """Of 2, 4, 6 the mean is 4 and the deviation 1.63: 6 is 1.22 deviations above."""
    assert given_after([{"cpu": 2}, {"cpu": 4}, {"cpu": 6}]) == {"cpu": pytest.approx(math.sqrt(1.5))}


def test_what_is_missing_gets_its_running_mean() -> None:
    """Which is 0 on the new scale."""
    assert given_after([{"cpu": 2, "memory": 9}, {"cpu": 4}]) == {"cpu": 1.0, "memory": 0.0}


def test_a_constant_is_zero() -> None:
    assert given_after([{"cpu": 7.5}] * 3) == {"cpu": 0.0}


def test_an_outlier_counts_as_eight_deviations() -> None:
    samples = [{"cpu": float(n % 2)} for n in range(1000)]
    assert given_after([*samples, {"cpu": 1e100}]) == {"cpu": 8.0}


def test_text_becomes_an_indicator() -> None:
    assert given_after([{"host": "web", "cpu": 1}, {"host": "db", "cpu": 1}]) == {"cpu": 0.0, "host=db": 1.0}


def test_without_scaling_numbers_and_gaps_stay() -> None:
    samples: list[dict[str, Any]] = [{"cpu": 2.5, "memory": 9}, {"cpu": 4.5, "host": "web"}]
    assert given_after(samples, scaling=False) == {"cpu": 4.5, "host=web": 1.0}


def test_predicting_changes_nothing() -> None:
    """Neither unseen features nor values move mean and deviation."""
    model = Standardized(linear_model.LogisticRegression())
    model.learn_one({"cpu": 1.0}, 1)
    before = pickle.dumps(model)
    model.predict_proba_one({"cpu": 1000.0, "memory": 5.0, "host": "web"})
    assert pickle.dumps(model) == before


def test_a_regression_learns_readings_on_very_different_scales() -> None:
    """Percent beside bytes per second: without scaling the bytes drown everything."""
    rng = random.Random(1)
    model = Standardized(linear_model.LogisticRegression())
    hits = 0
    for n in range(500):
        cpu, sent = rng.uniform(0, 100), rng.uniform(0, 1e9)
        x: dict[str, Any] = {"cpu": cpu, "sent": sent}
        hits += n >= 200 and model.predict_one(x) == (cpu > 60)
        model.learn_one(x, cpu > 60)
    assert hits > 270
