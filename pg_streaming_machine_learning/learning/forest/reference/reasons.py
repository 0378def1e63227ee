"""Why a tree says what it says: the contribution of each feature to each class's probability.

References
----------
Saabas, Interpreting random forests, 2014.
"""

from __future__ import annotations

import math

from pg_streaming_machine_learning.learning.forest.arithmetic import add_up
from pg_streaming_machine_learning.learning.forest.reference.leaf import Leaf, Opinion
from pg_streaming_machine_learning.learning.forest.reference.tree import Tree

__all__ = ["explain"]


def explain(
    tree: Tree, row: list[float], opinion: Opinion, trust: float, n_features: int
) -> tuple[list[list[float]], list[float]]:
    """Return the contributions of the features to what a tree says about a row, and where it starts from.

    Along the path, each split's feature gets the change of the class shares. In the leaf, the features share
    what naive Bayes moves, in proportion to how differently they speak of the classes.

    Returns
    -------
    reasons : list of list of float, shape (features, classes)
        Times trust.
    base : list of float, shape (classes,)
        Shares of the root, times trust.
    """
    first, *rest = tree.path(row)
    n_classes = len(first.counts)
    reasons = [[0.0] * n_classes for _ in range(n_features)]
    whole = add_up(first.counts)
    shares = [count / whole for count in first.counts]
    base = [0.0 + trust * share for share in shares]
    node = first
    for child in rest:
        assert node.split is not None
        column, node = node.split.column, child
        whole = add_up(node.counts)
        if whole <= 0.0:
            continue
        before, shares = shares, [count / whole for count in node.counts]
        for c in range(n_classes):
            reasons[column][c] += trust * (shares[c] - before[c])
    if opinion.is_by_bayes:
        leaf = tree.leaves[node.leaf]
        moved = [after - share for after, share in zip(opinion.probabilities, shares, strict=True)]
        for column, part in _parts(leaf, row):
            for c in range(n_classes):
                reasons[column][c] += trust * part * moved[c]
    return reasons, base


def _parts(leaf: Leaf, row: list[float]) -> list[tuple[int, float]]:
    """Return each watched column's part in what naive Bayes says; the parts that are 0 are left out."""
    strengths = [_strength(leaf, j, x) for j, x in enumerate(leaf.values(row))]
    whole = add_up(strengths)
    if not whole > 0.0:
        return [(column, 1.0 / len(leaf.subspace)) for column in leaf.subspace]
    parts = [strength / whole for strength in strengths]
    return [(column, part) for column, part in zip(leaf.subspace, parts, strict=True) if part > 0.0]


def _strength(leaf: Leaf, j: int, x: float) -> float:
    """Return how differently a feature speaks of the classes."""
    if math.isnan(x):
        return 0.0
    bits = []
    for _, statistics in leaf.known():
        feature = statistics.features[j]
        if not feature.weight > 0.0:
            continue
        bits.append(feature.bits_against(x))
    return max(bits) - min(bits) if bits else 0.0
