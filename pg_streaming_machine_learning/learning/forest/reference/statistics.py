"""What a leaf knows of the samples of one class: statistics of each feature it watches.

Kept in 32 bits, computed in 64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pg_streaming_machine_learning.learning.forest.arithmetic import (
    HALF_LOG2_2PI,
    HALF_LOG2_E,
    log2,
    normal_cdf,
    to_single,
)

__all__ = ["MOST_BITS", "ClassStatistics", "Nominal", "Numeric"]

CERTAIN = 1e30
"""In place of one over a variance of zero."""

MOST_BITS = 100.0
"""How many bits one feature may speak against a class, besides what the width of its distribution says."""


@dataclass
class Numeric:
    """A normal distribution of numbers, by Welford's way, and their extremes.

    Attributes
    ----------
    weight, mean, squares, least, greatest : float
        Weight, mean and sum of squared deviations, smallest and largest of the known values, 32 bits each.

    References
    ----------
    Welford, Note on a method for calculating corrected sums of squares and products, Technometrics 4(3),
    1962; with weights: West, Updating mean and variance estimates, Communications of the ACM 22(9), 1979.
    """

    weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0
    least: float = math.inf
    greatest: float = -math.inf

    def add(self, x: float, w: float) -> None:
        """Add a number; a missing one (NaN) changes nothing."""
        if math.isnan(x):
            return
        n = self.weight + w
        d = x - self.mean
        mean = self.mean + d * (w / n)
        self.squares = to_single(self.squares + w * d * (x - mean))
        self.weight = to_single(n)
        self.mean = to_single(mean)
        self.least = min(self.least, x)
        self.greatest = max(self.greatest, x)

    @property
    def precision(self) -> float:
        """One over the variance, 0 if nothing varies."""
        return (self.weight - 1.0) / self.squares if self.weight > 1.0 and self.squares > 0.0 else 0.0

    @property
    def _varies(self) -> bool:
        return self.weight > 1.0 and self.squares > 0.0

    @property
    def sharpness(self) -> float:
        """Bits that a unit of squared distance speaks against the class, 32 bits."""
        if self._varies:
            return to_single(HALF_LOG2_E * min(self.precision, CERTAIN))
        return to_single(CERTAIN) if self.weight > 0.0 else 0.0

    @property
    def flatness(self) -> float:
        """Bits that the distribution's width speaks against the class, 32 bits; 0 if nothing varies."""
        return to_single(HALF_LOG2_2PI - 0.5 * log2(min(self.precision, CERTAIN))) if self._varies else 0.0

    def bits_against(self, x: float) -> float:
        """Return minus the logarithm of the density at a number, cut off; 0 for a missing one."""
        if math.isnan(x):
            return 0.0
        d = x - self.mean
        bits = d * d * self.sharpness
        return (bits if bits < MOST_BITS else MOST_BITS) + self.flatness

    def weight_below(self, bound: float) -> float:
        """Return what weight of the distribution, cut at its extremes, is at most `bound`."""
        if bound >= self.greatest:
            return self.weight
        if bound < self.least:
            return 0.0
        return self.weight * normal_cdf((bound - self.mean) * math.sqrt(self.precision))


@dataclass
class Nominal:
    """Weights of the values of a nominal feature.

    Attributes
    ----------
    weight : float
        Of all samples with a value, also with one that has no code; 32 bits.
    codes : dict of int to float
        Weight of each value met, 32 bits.
    """

    weight: float = 0.0
    codes: dict[int, float] = field(default_factory=dict)

    def add(self, x: float, w: float) -> None:
        """Add a value by its code, below 0 if it has none; a missing one (NaN) changes nothing."""
        if math.isnan(x):
            return
        self.weight = to_single(self.weight + w)
        if x >= 0.0:
            self.codes[int(x)] = to_single(self.codes.get(int(x), 0.0) + w)

    def bits_against(self, x: float) -> float:
        """Return minus the logarithm of a value's share; 0 for one that is missing or has no code."""
        return -log2((self.codes.get(int(x), 0.0) + 0.5) / (self.weight + 1.0)) if x >= 0.0 else 0.0

    def share_of(self, x: float) -> float:
        """Return a value's share of the weight, which is above 0; 0 for one without code."""
        return self.codes.get(int(x), 0.0) / self.weight if x >= 0.0 else 0.0


class ClassStatistics:
    """Statistics of the features a leaf watches, over the samples of one class.

    Parameters
    ----------
    features : list of Numeric or Nominal
        In the order of the leaf's subspace.

    Attributes
    ----------
    weight : float
        Of all samples; what a feature lacks of it was missing. 32 bits.
    """

    def __init__(self, features: list[Numeric | Nominal]) -> None:
        self.features = features
        self.weight = 0.0

    def add(self, values: list[float], w: float) -> None:
        """Add a sample, given as the values of the watched features."""
        self.weight = to_single(self.weight + w)
        for feature, x in zip(self.features, values, strict=True):
            feature.add(x, w)

    def bits_against(self, values: list[float]) -> tuple[float, float]:
        """Return how many bits the numeric and the nominal values of a sample speak against the class.

        Notes
        -----
        The numeric ones are added as by a processor that adds four at once: the first, second, third and
        fourth of each four in a sum of its own, what is left over in the first sum.
        """
        sums = [0.0, 0.0, 0.0, 0.0]
        nominal = 0.0
        fours = len(values) // 4 * 4
        for j, (feature, x) in enumerate(zip(self.features, values, strict=True)):
            if isinstance(feature, Numeric):
                sums[j % 4 if j < fours else 0] += feature.bits_against(x)
            else:
                nominal += feature.bits_against(x)
        return (sums[0] + sums[1]) + (sums[2] + sums[3]), nominal
