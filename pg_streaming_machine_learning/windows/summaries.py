"""The eleven statistics of many windows at once, bit by bit those of `windows.summary`.

A window by itself is slow, reading by reading in Python. Here the readings of many windows lie side by side
in a matrix, one column each, and every step of `summary.summarize` is done for all columns: the same
operations on the same doubles in the same order. Sums run from the first reading to the last: `numpy.sum`
adds row to row along the slow axis (in pairs only along the fast one, as it documents). The running mean goes
reading by reading, for all columns together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.windows.summary import summarize

__all__ = ["summarize_all"]

_Floats = NDArray[np.float64]

_FEW = 4
"""Fewer windows are faster one by one; a matrix of one column would be added up in pairs."""


def summarize_all(series: Sequence[_Floats]) -> list[tuple[float, ...]]:
    """Return the statistics of several windows' readings.

    Parameters
    ----------
    series : sequence of array, shape (n_readings,) each
        Finite readings of each window in the order of arrival; lengths may differ.

    Returns
    -------
    list of tuple of float
        For each what `summary.summarize` returns, the same bits.

    Notes
    -----
    Working memory is some ten times the longest series times the number of series.

    Examples
    --------
    >>> both = summarize_all([np.array([40.0, 35.0, 45.0, 40.0]), np.array([7.0])])
    >>> [round(value, 3) for value in both[0]]
    [35.0, 45.0, 40.0, 4.082, 36.25, 40.0, 43.75, 0.0, 1.5, 1.0, 0.316]
    """
    found: list[tuple[float, ...] | None] = [None] * len(series)
    varying = []
    for number, readings in enumerate(series):
        if len(readings) < 4 or readings.min() == readings.max():
            found[number] = summarize(readings.tolist())
        else:
            varying.append(number)
    varying.sort(key=lambda number: -len(series[number]))
    if 0 < len(varying) < _FEW:
        for number in varying:
            found[number] = summarize(series[number].tolist())
    elif varying:
        rows = _varying([series[number] for number in varying])
        for number, row in zip(varying, rows, strict=True):
            found[number] = row
    return [row for row in found if row is not None]


def _varying(series: Sequence[_Floats]) -> list[tuple[float, ...]]:
    """Return the statistics of series that are no constants, of 4 readings at least, the longest first."""
    lengths = np.array([len(readings) for readings in series])
    matrix = np.zeros((int(lengths[0]), len(series)))
    for number, readings in enumerate(series):
        matrix[: len(readings), number] = readings
    with np.errstate(all="ignore"):  # magnitudes near the ends of the range, and what lies behind a series
        columns = _Columns(matrix, lengths)
        return list(zip(*(each.tolist() for each in columns.statistics()), strict=True))


class _Columns:
    """Series side by side: column j of the matrix has ``lengths[j]`` readings, then zeros."""

    def __init__(self, matrix: _Floats, lengths: NDArray[np.int64]) -> None:
        self.matrix = matrix
        self.lengths = lengths
        self.n = lengths.astype(np.float64)
        self.numbers = np.arange(len(lengths))
        beyond = np.arange(len(matrix))[:, None] >= lengths
        self.beyond = beyond if beyond.any() else None

    def statistics(self) -> list[_Floats]:
        """Return the eleven, an array of all columns each."""
        estimate = self.totals(self.matrix) / self.n
        mean = estimate + self.totals(self.matrix - estimate) / self.n
        deviations = self.matrix - mean
        squares = deviations * deviations
        correction = self.totals(deviations)
        spread = self.totals(squares) - correction * correction / self.n
        variance = _not_negative(spread) / (self.n - 1)
        skewness = self.each(_skewness_factor) * _ratio(
            self.totals(squares * deviations), variance * np.sqrt(variance)
        )
        running, last_mean = self.running()
        least, quarters, greatest = self.ordered()
        shape = [skewness, self.kurtosis(running, last_mean)]
        return [least, greatest, mean, np.sqrt(variance), *quarters, *shape, *self.line(running)]

    def totals(self, values: _Floats) -> _Floats:
        """Sum each column from its first value to its last; what lies beyond becomes 0."""
        if self.beyond is not None:
            values[self.beyond] = 0.0
        total: _Floats = np.add.reduce(values, axis=0, initial=0.0)
        return total

    def each(self, function: Callable[[int], float]) -> _Floats:
        """Return a function of the length of each column."""
        return np.array([function(length) for length in self.lengths.tolist()])

    def ordered(self) -> tuple[_Floats, list[_Floats], _Floats]:
        """Return least, percentiles 25, 50 and 75, and greatest."""
        matrix = self.matrix.copy()
        # 0.0 and -0.0 stay in their order, as in `sorted`; without -0.0 any way of sorting gives the same.
        has_negative_zero = bool(((matrix == 0.0) & np.signbit(matrix)).any())
        if self.beyond is not None:
            matrix[self.beyond] = np.inf
        matrix.sort(axis=0, kind="stable" if has_negative_zero else None)
        greatest = matrix[self.lengths - 1, self.numbers]
        return matrix[0], [self.percentile(matrix, percent) for percent in (25, 50, 75)], greatest

    def percentile(self, matrix: _Floats, percent: float) -> _Floats:
        """Return a quarter of ascending columns: of 4 values and more, it lies between two of them."""
        position = percent / 100 * (self.n + 1)
        below = np.floor(position).astype(np.int64)
        lower, upper = matrix[below - 1, self.numbers], matrix[below, self.numbers]
        return lower + (position - below) * (upper - lower)

    def running(self) -> tuple[_Floats, _Floats]:
        """Return each reading's deviation from the mean of those before it, and the last such mean."""
        deviations = np.zeros_like(self.matrix)
        mean = np.zeros(len(self.lengths))
        widths = np.searchsorted(-self.lengths, -np.arange(1, len(self.matrix) + 1), side="right").tolist()
        for count, width in enumerate(widths, 1):
            row, means = deviations[count - 1, :width], mean[:width]
            np.subtract(self.matrix[count - 1, :width], means, out=row)
            means += row / count
        return deviations, mean

    def kurtosis(self, running: _Floats, mean: _Floats) -> _Floats:
        """Excess kurtosis; mean and variance are those of running updates."""
        counts = np.arange(1.0, len(self.matrix) + 1)[:, None]
        squares = self.totals((counts - 1) * running * (running / counts))
        variance = squares / (self.n - 1)
        deviations = self.matrix - mean
        deviations *= deviations
        fourths = self.totals(deviations * deviations)
        ratio = _ratio(fourths, variance * variance)
        return self.each(_kurtosis_factor) * ratio - self.each(_kurtosis_excess)

    def line(self, running: _Floats) -> tuple[_Floats, _Floats]:
        """Slope of least squares over the index, and correlation with it."""
        dx, share, xx = (each[: len(self.matrix)] for each in _indices(_power_of_two(len(self.matrix))))
        yy = self.totals(running * running * share[:, None])
        xy = self.totals(dx[:, None] * running * share[:, None])
        xx = xx[self.lengths - 1]
        slope = xy / xx
        errors = _not_negative(yy - xy * xy / xx)
        correlation = np.sqrt(_not_negative(_ratio(yy - errors, yy)))
        return slope, np.where(slope < 0, -correlation, correlation)


@lru_cache(maxsize=8)
def _indices(length: int) -> tuple[_Floats, _Floats, _Floats]:
    """Return what the line needs of the indices alone: deviations from their running mean, shares, sums."""
    dx, share, xx = np.zeros(length), np.zeros(length), np.zeros(length)
    mean = total = 0.0
    for n in range(1, length):
        dx[n] = n - mean
        share[n] = n / (1.0 + n)
        total += (n - mean) * (n - mean) * (n / (1.0 + n))
        xx[n] = total
        mean += (n - mean) / (1.0 + n)
    return dx, share, xx


def _power_of_two(length: int) -> int:
    """Return the least power of two that is not less, so that few lengths are kept."""
    return 1 << (length - 1).bit_length()


def _skewness_factor(n: int) -> float:
    return n / ((n - 1) * (n - 2))


def _kurtosis_factor(n: int) -> float:
    return n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))


def _kurtosis_excess(n: int) -> float:
    return 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))


def _not_negative(values: _Floats) -> _Floats:
    """Return the values, 0 where rounding made one negative; NaN stays NaN."""
    return np.where(values < 0.0, 0.0, values)


def _ratio(above: _Floats, below: _Floats) -> _Floats:
    """Quotients; NaN where the divisor is 0."""
    return np.where(below != 0.0, above / below, math.nan)
