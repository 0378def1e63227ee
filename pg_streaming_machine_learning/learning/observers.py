"""What a leaf remembers of a feature: river's observers, faster, smaller, independent of the hash seed.

Both give exactly what river's own give, bit by bit (`tests/learning/test_observers.py` compares them).
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from river.tree.split_criterion.info_gain_split_criterion import InfoGainSplitCriterion
from river.tree.splitter import Splitter
from river.tree.splitter.nominal_splitter_classif import NominalSplitterClassif
from river.tree.utils import BranchFactory

__all__ = ["GaussianObserver", "NominalObserver", "naive_bayes"]

_SQRT_2 = math.sqrt(2.0)
_HALF_LOG_TAU = 0.5 * math.log(math.tau)

# Places in what a GaussianObserver keeps of a class: weight, mean, sum of squares, least, greatest.
_WEIGHT, _MEAN, _SQUARES, _LEAST, _GREATEST = range(5)


class GaussianObserver(Splitter):
    """Observer of a numeric feature: a normal distribution for each class.

    river's `tree.splitter.GaussianSplitter`, with two differences. A forest spends most of its
    time here, and river calls nine Python functions for each candidate threshold where this calls
    three. And river's distributions each carry a random generator of 2.5 KB, seeded from the
    operating system and never used, which makes a forest ten times as large to store.

    Parameters
    ----------
    n_splits : int
        Number of thresholds tried between the least and the greatest value seen.
    """

    def __init__(self, n_splits: int = 10) -> None:
        super().__init__()
        self.n_splits = n_splits
        self._classes: dict[Any, list[float]] = {}

    def update(self, att_val: float | None, target_val: Any, w: float) -> None:
        """Add a value of a class with its weight; None is missing and changes nothing."""
        if att_val is None:
            return
        seen = self._classes.get(target_val)
        if seen is None:
            seen = self._classes[target_val] = [0.0, 0.0, 0.0, att_val, att_val]
        elif att_val < seen[_LEAST]:
            seen[_LEAST] = att_val
        elif att_val > seen[_GREATEST]:
            seen[_GREATEST] = att_val
        seen[_WEIGHT] += w
        before = att_val - seen[_MEAN]
        seen[_MEAN] += (w / seen[_WEIGHT]) * before
        seen[_SQUARES] += w * before * (att_val - seen[_MEAN])

    def log_density(self, att_val: float, target_val: Any) -> float:
        """Return the log density of a value under a class, -inf if its variance is not known."""
        seen = self._classes.get(target_val)
        if seen is None or seen[_WEIGHT] <= 1.0:
            return -math.inf
        variance = seen[_SQUARES] / (seen[_WEIGHT] - 1)
        if variance <= 0.0:
            return -math.inf
        return (att_val - seen[_MEAN]) ** 2 / (-2.0 * variance) - _HALF_LOG_TAU - 0.5 * math.log(variance)

    def cond_proba(self, att_val: float, target_val: Any) -> float:
        """Return the density of a value under a class, 0 if its variance is not known."""
        return math.exp(self.log_density(att_val, target_val))

    def best_evaluated_split_suggestion(
        self, criterion: Any, pre_split_dist: Any, att_idx: Any, binary_only: bool
    ) -> BranchFactory:
        """Return the best threshold by the criterion; a merit of -inf if there is none."""
        merit_of = _merits(criterion, pre_split_dist)
        best, best_sides = BranchFactory(), None
        classes = [
            (seen[_LEAST], seen[_GREATEST], seen[_WEIGHT], seen[_MEAN], _deviation(seen), label)
            for label, seen in self._classes.items()
        ]
        for point in self._thresholds():
            sides = _sides(classes, point)
            merit = merit_of(sides)
            if merit > best.merit:
                best = BranchFactory(merit, att_idx, point)
                best_sides = sides
        if best_sides is not None:
            best.children_stats = list(best_sides)
        return best

    def _thresholds(self) -> Iterator[float]:
        """Equally spaced values between the least and the greatest."""
        if not self._classes:
            return
        least = min(seen[_LEAST] for seen in self._classes.values())
        greatest = max(seen[_GREATEST] for seen in self._classes.values())
        step = (greatest - least) / (self.n_splits + 1.0)
        for i in range(self.n_splits):
            point = least + step * (i + 1)
            if least < point < greatest:
                yield point


def _deviation(seen: Sequence[float]) -> float:
    """Return the standard deviation of a class, 0 if not known."""
    return (seen[_SQUARES] / (seen[_WEIGHT] - 1.0)) ** 0.5 if seen[_WEIGHT] > 1.0 else 0.0


Sides = tuple[dict[Any, float], dict[Any, float]]


def _sides(classes: Sequence[tuple[float, float, float, float, float, Any]], point: float) -> Sides:
    """Weights of the classes up to a threshold, and above it."""
    left: dict[Any, float] = {}
    right: dict[Any, float] = {}
    for least, greatest, weight, mean, deviation, label in classes:
        if point < least:
            right[label] = weight
        elif point >= greatest:
            left[label] = weight
        else:
            below = 0.0
            if deviation != 0.0:
                below = 0.5 * (1.0 + math.erf((point - mean) / deviation / _SQRT_2)) * weight
            left[label] = below
            right[label] = weight - below
    return left, right


def _merits(criterion: Any, before: dict[Any, float]) -> Any:
    """Return the criterion as a function of the two sides; information gain in one tight loop."""
    if type(criterion) is not InfoGainSplitCriterion:
        return lambda sides: criterion.merit_of_split(before, list(sides))
    entropy_before = criterion.compute_entropy(before)
    least_share = criterion.min_branch_fraction

    def gain(sides: Sides) -> float:
        left, right = sides[0].values(), sides[1].values()
        weight_left, weight_right = float(sum(left)), float(sum(right))
        total = weight_left + weight_right
        if not total > 0.0 or weight_left / total <= least_share or weight_right / total <= least_share:
            return -math.inf
        after = (weight_left * _entropy(left) + weight_right * _entropy(right)) / total
        return float(entropy_before - after)

    return gain


def _entropy(weights: Any) -> float:
    """Entropy in bits of a class distribution given by weights."""
    entropy = total = 0.0
    for weight in weights:
        if weight > 0.0:
            entropy -= weight * math.log2(weight)
            total += weight
    return (entropy + total * math.log2(total)) / total if total > 0.0 else 0.0


class _InOrder(dict[Any, None]):
    """A set that iterates in the order of first arrival, whatever the hash seed."""

    def add(self, value: Any) -> None:
        self[value] = None


class NominalObserver(NominalSplitterClassif):
    """river's observer of a nominal feature, with ties broken by order of arrival.

    river keeps the values in a set: among equally good splits the order of string hashes, which
    differs from process to process, would decide. And where river is asked about a class not seen yet,
    it makes an entry for it: the order of classes would depend on what was predicted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._att_values: Any = _InOrder()

    def cond_proba(self, att_val: Any, target_val: Any) -> float:
        """Return the share of a value among those of a class; asking changes nothing."""
        weights = self._att_dist_per_class.get(target_val, {})
        total = sum(weights.values())
        return weights[att_val] / total if att_val in weights and total else 0.0


def naive_bayes(
    x: Mapping[str, Any], weights: Mapping[Any, float], observers: Mapping[str, Any]
) -> dict[Any, float]:
    """Return the class probabilities of naive Bayes over the observed features.

    The same as `river.tree.utils.do_naive_bayes_prediction`.

    Parameters
    ----------
    x : mapping
        Feature values; those without an observer do not count.
    weights : mapping
        Weight seen of each class.
    observers : mapping
        Observer of each feature.

    Returns
    -------
    dict
        Probability of each class, empty if no weight was seen.
    """
    total = sum(weights.values())
    if not weights or total == 0:
        return {}
    seen = [(x[name], observer) for name, observer in observers.items() if name in x]
    votes = {label: _vote(label, weight / total, seen) for label, weight in weights.items()}
    greatest = max(votes.values())
    log_sum = greatest + math.log(sum(math.exp(vote - greatest) for vote in votes.values()))
    return {label: math.exp(vote - log_sum) for label, vote in votes.items()}


def _vote(label: Any, share: float, seen: Sequence[tuple[Any, Any]]) -> float:
    """Log of the prior of a class and the density of each value under it; what is 0 does not count."""
    if share <= 0:
        return 0.0
    vote = math.log(share)
    for value, observer in seen:
        # Not isinstance, which costs more than the arithmetic in river's classes; nor a method.
        if type(observer) is GaussianObserver:
            moments = observer._classes.get(label)
            if moments is not None and moments[_WEIGHT] > 1.0:
                variance = moments[_SQUARES] / (moments[_WEIGHT] - 1.0)
                if variance > 0.0:
                    log_density = (
                        (value - moments[_MEAN]) ** 2 / (-2.0 * variance)
                        - _HALF_LOG_TAU
                        - 0.5 * math.log(variance)
                    )
                    if log_density > -math.inf:
                        vote += log_density
        else:
            density = observer.cond_proba(value, label)
            if density > 0:
                vote += math.log(density)
    return vote
