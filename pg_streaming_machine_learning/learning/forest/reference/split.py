"""A split of a node: which samples go left, and how many of each class are expected there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pg_streaming_machine_learning.learning.forest.arithmetic import add_up, xlog2x
from pg_streaming_machine_learning.learning.forest.reference.statistics import (
    ClassStatistics,
    Nominal,
    Numeric,
)

__all__ = ["Codes", "Split", "expect"]


@dataclass(frozen=True)
class Codes:
    """Values of a nominal feature at a split.

    Parameters
    ----------
    left : frozenset of int
        Those that go left.
    met : frozenset of int
        Those that were known when the split was made; others go where missing values go.
    """

    left: frozenset[int]
    met: frozenset[int]


@dataclass(frozen=True)
class Split:
    """What makes two of a leaf.

    Parameters
    ----------
    column : int
        Feature.
    missing_right : bool
        Where a sample without the feature goes.
    bound : float
        At most that goes left, 32 bits. Of a nominal feature: the number of its codes in the tree.
    codes : Codes or None
        Of a nominal feature.
    child : int
        Number of the left node; the right one follows it.
    """

    column: int
    missing_right: bool
    bound: float
    codes: Codes | None
    child: int

    def next(self, row: Sequence[float]) -> int:
        """Return the number of the node a row goes to."""
        return self.child + int(self._goes_right(row[self.column]))

    def _goes_right(self, x: float) -> bool:
        if self.codes is not None:
            if x >= 0.0 and int(x) in self.codes.met:
                return int(x) not in self.codes.left
            return self.missing_right
        if x <= self.bound:
            return False
        return True if x > self.bound else self.missing_right


def expect(
    known: Sequence[tuple[int, ClassStatistics]], j: int, cut: float | Codes, n_classes: int
) -> tuple[list[float], list[float], bool]:
    """Return what weight of each class a split sends left and right, and whether missing values go right.

    Parameters
    ----------
    known : sequence of (int, ClassStatistics)
        Classes of the leaf.
    j : int
        Place of the feature in the leaf's subspace.
    cut : float or Codes
        Where it is split.
    n_classes : int
        Length of the lists.

    Notes
    -----
    Missing values go where more of what is known about the classes is kept; if both are equal, or nothing is
    missing, to the side with more weight; left, if these are equal too.
    """
    left, right, missing = [0.0] * n_classes, [0.0] * n_classes, [0.0] * n_classes
    classes = [c for c, _ in known]
    for c, statistics in known:
        feature = statistics.features[j]
        left[c] = _weight_left(feature, cut)
        right[c] = feature.weight - left[c]
        missing[c] = statistics.weight - feature.weight
    lefts, rights, gone = (add_up(side[c] for c in classes) for side in (left, right, missing))
    to_right = rights > lefts
    if gone > 0.0:
        if_left = add_up(xlog2x(left[c] + missing[c]) + xlog2x(right[c]) for c in classes)
        if_left -= xlog2x(lefts + gone) + xlog2x(rights)
        if_right = add_up(xlog2x(left[c]) + xlog2x(right[c] + missing[c]) for c in classes)
        if_right -= xlog2x(lefts) + xlog2x(rights + gone)
        if if_left != if_right:
            to_right = if_right > if_left
        side = right if to_right else left
        for c in classes:
            side[c] += missing[c]
    return left, right, to_right


def _weight_left(feature: Numeric | Nominal, cut: float | Codes) -> float:
    """Return what goes left; not more than there is, which sums of rounded weights may be."""
    if isinstance(feature, Numeric):
        assert isinstance(cut, float)
        return feature.weight_below(cut)
    assert isinstance(cut, Codes)
    share = add_up(weight for code, weight in sorted(feature.codes.items()) if code in cut.left)
    return min(share, feature.weight)
