"""A leaf: what it has seen, and what it says about a sample."""

from __future__ import annotations

from dataclasses import dataclass

from pg_streaming_machine_learning.learning.forest.arithmetic import LN2, add_up, exp, log2
from pg_streaming_machine_learning.learning.forest.plan import LEAF_KINDS
from pg_streaming_machine_learning.learning.forest.reference.statistics import ClassStatistics
from pg_streaming_machine_learning.learning.forest.reference.world import World

__all__ = ["Leaf", "Opinion"]

MAJORITY, BAYES, ADAPTIVE = range(len(LEAF_KINDS))


@dataclass(frozen=True)
class Opinion:
    """What a leaf says about a sample.

    Parameters
    ----------
    probabilities : list of float
        Of each class; zeros from a leaf that knows nothing.
    majority : int
        Class of most weight, the first of equals.
    bayes : int or None
        Class that naive Bayes finds most probable, the first of equals; None if it was not asked, or cannot
        tell.
    weight : float
        What the leaf has seen; 0: it says nothing.
    is_by_bayes : bool
        Whether the probabilities are those of naive Bayes.
    """

    probabilities: list[float]
    majority: int
    bayes: int | None
    weight: float
    is_by_bayes: bool


class Leaf:
    """A leaf of a tree.

    Parameters
    ----------
    node : int
        Number of the node it hangs on.
    subspace : list of int
        Columns it watches, and may split on.
    next_attempt : float
        Weight at which it tries to split next.

    Attributes
    ----------
    watches : bool
        False: it rests, for want of memory. It still counts classes, but has no statistics and is not split.
    majority_right, bayes_right : float
        Weight of the samples that either way of speaking had right before it learned them.
    statistics : dict of int to ClassStatistics
        Of each class met, by its number.
    """

    def __init__(self, node: int, subspace: list[int], next_attempt: float) -> None:
        self.node = node
        self.subspace = subspace
        self.next_attempt = next_attempt
        self.watches = True
        self.majority_right = 0.0
        self.bayes_right = 0.0
        self.statistics: dict[int, ClassStatistics] = {}

    def known(self) -> list[tuple[int, ClassStatistics]]:
        """Return the classes met and their statistics, in order: sums are made in this order."""
        return sorted(self.statistics.items())

    def values(self, row: list[float]) -> list[float]:
        """Return the values of the watched features."""
        return [row[column] for column in self.subspace]

    def opinion(self, counts: list[float], row: list[float], world: World) -> Opinion:
        """Return what the leaf says about a row, by the weights of the classes in its node."""
        weight = add_up(counts)
        majority = max(range(len(counts)), key=lambda c: counts[c], default=0)
        bits = {} if world.plan.leaf_kind == MAJORITY else self._log_likelihoods(counts, row)
        bayes = max(bits, key=lambda c: bits[c], default=None)
        if bayes is not None and (world.plan.leaf_kind == BAYES or self.bayes_right >= self.majority_right):
            shares = [exp((bits[c] - bits[bayes]) * LN2) if c in bits else 0.0 for c in range(len(counts))]
            norm = add_up(shares)
            return Opinion([share / norm for share in shares], majority, bayes, weight, True)
        probabilities = [count / weight if weight > 0.0 else 0.0 for count in counts]
        return Opinion(probabilities, majority, bayes, weight, False)

    def _log_likelihoods(self, counts: list[float], row: list[float]) -> dict[int, float]:
        """Return log2 of prior times likelihood of each class with statistics: naive Bayes."""
        values = self.values(row)
        bits = {}
        for c, statistics in self.known():
            numeric, nominal = statistics.bits_against(values)
            bits[c] = log2(counts[c]) - numeric - nominal
        return bits

    def learn(self, c: int, row: list[float], w: float, world: World) -> None:
        """Add a sample to the statistics of its class."""
        if c not in self.statistics:
            self.statistics[c] = ClassStatistics([world.new_statistics(column) for column in self.subspace])
        self.statistics[c].add(self.values(row), w)

    def watch_more(self, columns: list[int], world: World) -> None:
        """Watch more columns; what was learned before lacks them, as if they had been missing."""
        self.subspace += columns
        for statistics in self.statistics.values():
            statistics.features += [world.new_statistics(column) for column in columns]
