"""Our observers give what river's give, bit by bit."""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river.tree.nodes.htc_nodes import LeafNaiveBayes
from river.tree.split_criterion import GiniSplitCriterion, InfoGainSplitCriterion
from river.tree.splitter import GaussianSplitter
from river.tree.splitter.nominal_splitter_classif import NominalSplitterClassif
from river.tree.utils import do_naive_bayes_prediction

from pg_streaming_machine_learning.learning.observers import GaussianObserver, NominalObserver, naive_bayes

pytestmark = pytest.mark.skipif(
    version("river") < "0.26", reason="older rivers, for Python 3.10, round differently in the last bit"
)

SEEN = st.lists(
    st.tuples(
        st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.0, 1.0, 1e9, 1e-9])),
        st.sampled_from([0, 1, 2]),
        st.integers(1, 15),
    ),
    max_size=40,
)


def pair(seen: list[tuple[float, int, int]]) -> tuple[GaussianObserver, GaussianSplitter, dict[int, float]]:
    """Return our observer and river's after the same values, and the weight of each class."""
    ours, theirs = GaussianObserver(), GaussianSplitter()
    weights: dict[int, float] = {}
    for value, label, weight in seen:
        ours.update(value, label, weight)
        theirs.update(value, label, weight)
        weights[label] = weights.get(label, 0) + weight
    return ours, theirs, weights


def suggestion(observer: Any, criterion: Any, weights: dict[int, float]) -> tuple[Any, ...]:
    best = observer.best_evaluated_split_suggestion(criterion, weights, "feature", False)
    return best.merit, best.feature, best.split_info, best.children_stats, best.numerical_feature


@given(SEEN)
def test_the_best_threshold_is_the_same(seen: list[tuple[float, int, int]]) -> None:
    ours, theirs, weights = pair(seen)
    for criterion in (InfoGainSplitCriterion(0.01), GiniSplitCriterion(0.01)):
        assert suggestion(ours, criterion, weights) == suggestion(theirs, criterion, weights)


@given(SEEN, st.floats(-1e3, 1e3), st.sampled_from([0, 1, 2, 3]))
def test_the_density_is_the_same(seen: list[tuple[float, int, int]], value: float, label: int) -> None:
    """Of the logarithm exactly; the density itself comes from it."""
    ours, theirs, _ = pair(seen)
    assert ours.log_density(value, label) == theirs.cond_log_proba(value, label)
    assert math.isclose(
        ours.cond_proba(value, label), theirs.cond_proba(value, label), rel_tol=1e-9, abs_tol=1e-300
    )


@given(SEEN, SEEN, st.floats(-1e3, 1e3))
def test_naive_bayes_over_several_features_is_the_same(
    first: list[tuple[float, int, int]], second: list[tuple[float, int, int]], value: float
) -> None:
    """A feature without an observer, and an observer without its feature, do not count."""
    (ours_a, theirs_a, weights), (ours_b, theirs_b, _) = pair(first), pair(second)
    x = {"a": value, "b": value / 2, "unknown": 1.0}
    ours = naive_bayes(x, weights, {"a": ours_a, "b": ours_b, "gone": ours_a})
    theirs = do_naive_bayes_prediction(x, weights, {"a": theirs_a, "b": theirs_b, "gone": theirs_a})
    assert ours == theirs


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1]), st.integers(1, 9)), max_size=20))
def test_nominal_features_are_seen_the_same_way(seen: list[tuple[str, int, int]]) -> None:
    """The best split is as good as river's; the one chosen among equals may differ."""
    ours, theirs = NominalObserver(), NominalSplitterClassif()
    weights: dict[int, float] = {}
    for value, label, weight in seen:
        ours.update(value, label, weight)
        theirs.update(value, label, weight)
        weights[label] = weights.get(label, 0) + weight
    criterion = InfoGainSplitCriterion(0.01)
    if seen:
        assert suggestion(ours, criterion, weights)[0] == suggestion(theirs, criterion, weights)[0]
    assert naive_bayes({"host": "a"}, weights, {"host": ours}) == do_naive_bayes_prediction(
        {"host": "a"}, weights, {"host": theirs}
    )


def test_equally_good_values_are_told_apart_by_order_of_arrival() -> None:
    """Not by the hash of a text, which differs from process to process."""
    observer = NominalObserver()
    for value, label in (("web", 0), ("db", 1), ("cache", 0), ("mail", 1)):
        observer.update(value, label, 5)
    assert list(observer._att_values) == ["web", "db", "cache", "mail"]


def test_nothing_seen_gives_no_threshold_and_no_probability() -> None:
    ours, _, _ = pair([])
    assert suggestion(ours, InfoGainSplitCriterion(0.01), {})[0] == -math.inf
    assert naive_bayes({"a": 1.0}, {}, {"a": ours}) == {}


def test_a_missing_value_changes_nothing() -> None:
    observer = GaussianObserver()
    observer.update(None, 0, 1)
    assert observer._classes == {}


def test_river_leaves_take_a_nominal_observer_from_the_class() -> None:
    """We replace `new_nominal_splitter`: river must still call it."""
    assert isinstance(LeafNaiveBayes.new_nominal_splitter(), NominalSplitterClassif)
