"""Where a leaf could be split, and what would be gained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pg_streaming_machine_learning.learning.forest.arithmetic import HALF_LOG2_E, add_up, to_single, xlog2x
from pg_streaming_machine_learning.learning.forest.layout import POINTS, SHARES
from pg_streaming_machine_learning.learning.forest.reference.split import Codes
from pg_streaming_machine_learning.learning.forest.reference.statistics import Nominal, Numeric

__all__ = ["Candidate", "best_bound", "best_codes"]

LEAST_BRANCH = 0.01
"""Share of the weight that each side of a split gets at least."""

SMOOTHING = 2.0
"""Weight of the class's share in the leaf in the share of a nominal value."""


@dataclass(frozen=True)
class Candidate:
    """A way to split a leaf.

    Parameters
    ----------
    gain : float
        Bits of information about the class, per weight the leaf has seen.
    cut : float or Codes
        At most that goes left; of a nominal feature: which values do.
    """

    gain: float
    cut: float | Codes


def best_bound(features: Sequence[Numeric], observed: float) -> Candidate | None:
    """Return the best of 16 bounds between the extremes of a numeric feature, None if there is none.

    Parameters
    ----------
    features : sequence of Numeric
        Of each class.
    observed : float
        Weight the leaf has seen, also without the feature: what is often missing gains less.
    """
    low = min((feature.least for feature in features), default=0.0)
    high = max((feature.greatest for feature in features), default=0.0)
    if not high > low:
        return None
    weights = [feature.weight for feature in features]
    step = (high - low) / (POINTS + 1.0)
    best = None
    for k in range(POINTS):
        bound = to_single(low + step * (k + 1.0))
        shares = [feature.weight_below(bound) for feature in features]
        gain = _gain(weights, shares)
        if gain is not None and (best is None or gain / observed > best.gain):
            best = Candidate(gain / observed, bound)
    return best


def _gain(weights: Sequence[float], lefts: Sequence[float]) -> float | None:
    """Return the bits gained by a split, None if a side gets too little.

    Parameters
    ----------
    weights, lefts : sequence of float
        Of each class: all, and what goes left.
    """
    total = add_up(weights)
    left = add_up(lefts)
    right = total - left
    if not (left >= LEAST_BRANCH * total and right >= LEAST_BRANCH * total):
        return None
    before = xlog2x(total) - add_up(map(xlog2x, weights))
    of_left = xlog2x(left) - add_up(map(xlog2x, lefts))
    of_right = xlog2x(right) - add_up(
        xlog2x(weight - share) for weight, share in zip(weights, lefts, strict=True)
    )
    return before - (of_left + of_right)


def best_codes(features: Sequence[Nominal], observed: float) -> Candidate | None:
    """Return the best set of values of a nominal feature to go left, None if there is none.

    The values are ordered by the share of the leaf's class of most weight among them, in 11 steps: for two
    classes the best set is one whose shares are below a bound.

    Parameters
    ----------
    features : sequence of Nominal
        Of each class.
    observed : float
        Weight the leaf has seen.

    References
    ----------
    Breiman, Friedman, Olshen and Stone, Classification and regression trees, 1984, section 4.2.2, on the
    order; Miller, Note on the bias of information estimates, 1955, on what several values seem to give by
    chance alone.
    """
    steps = _steps(features)
    if len(steps) < 2:
        return None
    cells = [[0.0] * len(features) for _ in range(SHARES)]
    for c, feature in enumerate(features):
        for code, weight in sorted(feature.codes.items()):
            if code in steps:
                cells[steps[code]][c] += weight
    of_classes = [add_up(cell[c] for cell in cells) for c in range(len(features))]
    total = add_up(of_classes)
    entropy = xlog2x(total) - add_up(map(xlog2x, of_classes))
    by_chance = (len(steps) - 1.0) * (len(features) - 1.0) * HALF_LOG2_E * observed / total
    least = LEAST_BRANCH * total
    best = None
    for step, lefts in enumerate(_running(cells[:-1])):
        rights = [whole - share for whole, share in zip(of_classes, lefts, strict=True)]
        left, right = add_up(lefts), add_up(rights)
        of_left = xlog2x(left) - add_up(map(xlog2x, lefts))
        of_right = xlog2x(right) - add_up(map(xlog2x, rights))
        gain = (entropy - of_left - of_right - by_chance) / observed
        if (best is None or gain > best.gain) and left >= least and right >= least:
            left_codes = frozenset(code for code, its_step in steps.items() if its_step <= step)
            best = Candidate(gain, Codes(left_codes, frozenset(steps)))
    return best


def _steps(features: Sequence[Nominal]) -> dict[int, int]:
    """Return for each value met the step, 0 to 10, of the share of the leaf's class of most weight.

    The share is smoothed: as if a weight of 2 with the leaf's share had been met besides.
    """
    weights = [feature.weight for feature in features]
    most = max(weights, default=0.0)
    if not most > 0.0:
        return {}
    top = features[weights.index(most)]
    total = add_up(weights)
    steps = {}
    for code in sorted(set().union(*(feature.codes for feature in features))):
        weight = add_up(feature.codes.get(code, 0.0) for feature in features)
        if weight > 0.0:
            share = (top.codes.get(code, 0.0) + SMOOTHING * most / total) / (weight + SMOOTHING)
            steps[code] = min(int(share * SHARES), SHARES - 1)
    return steps


def _running(cells: Sequence[Sequence[float]]) -> Iterator[list[float]]:
    """Yield the sums of the first rows, by class."""
    lefts = list(cells[0])
    yield lefts
    for cell in cells[1:]:
        lefts = [share + before for share, before in zip(cell, lefts, strict=True)]
        yield lefts
