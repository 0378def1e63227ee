"""The eleven statistics of a window's readings, as Apache Commons Math computes them.

The arithmetic follows version 3.6.1 step by step (`DescriptiveStatistics`, `Skewness`, `Kurtosis`,
`SimpleRegression`, `PearsonsCorrelation`), since a job on the JVM and one in Python must agree to 1e-9 also
where a formula loses digits: correlations near 0, readings far from 0. What the real library answers is in
``tests/windows/commons_math.json``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

__all__ = ["percentile", "summarize"]

_NAN = math.nan


def summarize(readings: Sequence[float]) -> tuple[float, ...]:
    """Return the statistics of a window's readings, in the order of `records.feature.STATISTICS`.

    Parameters
    ----------
    readings : sequence of float
        Finite readings in the order of arrival; what is missing is left out by the caller.

    Returns
    -------
    tuple of float, length 11
        minimum, maximum, mean, standard deviation (n - 1; 0 for one reading), percentiles 25, 50 and 75,
        skewness (NaN for fewer than 3 readings), excess kurtosis (NaN for fewer than 4), slope of least
        squares over the index 0 … n-1 (NaN for fewer than 2), Pearson correlation with that index (0 for
        one reading). Skewness, kurtosis and correlation of a constant are NaN, its deviation and slope 0.
        No readings give NaN throughout. NaN is missing.

    Notes
    -----
    Magnitudes whose third or fourth power leaves the range of a double give NaN, as in the library.

    References
    ----------
    Apache Commons Math 3.6.1; percentiles are its `EstimationType.LEGACY`, R's type 6.

    Examples
    --------
    >>> [round(value, 3) for value in summarize([40, 35, 45, 40])]
    [35.0, 45.0, 40.0, 4.082, 36.25, 40.0, 43.75, 0.0, 1.5, 1.0, 0.316]
    """
    values = [float(reading) for reading in readings]
    n = len(values)
    if n == 0:
        return (_NAN,) * 11
    ordered = sorted(values)
    least, greatest = ordered[0], ordered[-1]
    quarters = (percentile(ordered, 25), percentile(ordered, 50), percentile(ordered, 75))
    if least == greatest:
        slope, correlation = (0.0, _NAN) if n > 1 else (_NAN, 0.0)
        return (least, greatest, least, 0.0, *quarters, _NAN, _NAN, slope, correlation)
    mean = _mean(values)
    deviations = [value - mean for value in values]
    variance = _variance(deviations)
    shape = (_skewness(deviations, variance), _kurtosis(values))
    return (least, greatest, mean, math.sqrt(variance), *quarters, *shape, *_line(values))


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return a percentile of ascending values by interpolation at position ``percent · (n + 1) / 100``.

    Parameters
    ----------
    ordered : sequence of float
        Values in ascending order.
    percent : float
        0 to 100; positions outside the values are clamped to the least and the greatest.

    Returns
    -------
    float
        NaN if there are no values.

    Examples
    --------
    >>> percentile([10, 20, 30, 40], 50), percentile([10, 20, 30, 40], 90)
    (25.0, 40.0)
    """
    n = len(ordered)
    if n == 0:
        return _NAN
    position = percent / 100 * (n + 1)
    if position < 1:
        return float(ordered[0])
    if position >= n:
        return float(ordered[-1])
    below = math.floor(position)
    lower, upper = ordered[below - 1], ordered[below]
    return float(lower + (position - below) * (upper - lower))


def _total(values: Iterable[float]) -> float:
    """Sum from left to right, as a loop in Java does; `sum` compensates since Python 3.12."""
    total = 0.0
    for value in values:
        total += value
    return total


def _mean(values: Sequence[float]) -> float:
    """Mean, corrected by the mean deviation from a first estimate."""
    n = len(values)
    estimate = _total(values) / n
    return estimate + _total(value - estimate for value in values) / n


def _variance(deviations: Sequence[float]) -> float:
    """Variance with n - 1, corrected by the sum of the deviations."""
    n = len(deviations)
    squares = _total(deviation * deviation for deviation in deviations)
    correction = _total(deviations)
    return _not_negative(squares - correction * correction / n) / (n - 1)


def _skewness(deviations: Sequence[float], variance: float) -> float:
    """Skewness by the n - 1 deviation; NaN for fewer than 3 values."""
    n = len(deviations)
    if n < 3:
        return _NAN
    cubes = _total(deviation * deviation * deviation for deviation in deviations)
    return n / ((n - 1) * (n - 2)) * _ratio(cubes, variance * math.sqrt(variance))


def _kurtosis(readings: Sequence[float]) -> float:
    """Excess kurtosis by the n - 1 deviation; NaN for fewer than 4 values.

    Unlike the other statistics it takes mean and variance from running updates.
    """
    n = len(readings)
    if n < 4:
        return _NAN
    mean = squares = 0.0
    for count, reading in enumerate(readings, 1):
        deviation = reading - mean
        step = deviation / count
        mean += step
        squares += (count - 1) * deviation * step
    variance = squares / (n - 1)
    deviations = [reading - mean for reading in readings]
    fourths = _total((deviation * deviation) * (deviation * deviation) for deviation in deviations)
    factor = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))
    return factor * _ratio(fourths, variance * variance) - 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))


def _line(readings: Sequence[float]) -> tuple[float, float]:
    """Slope of least squares over the index, and correlation with it, updated reading by reading."""
    mean_x = mean_y = xx = yy = xy = 0.0
    for n, reading in enumerate(readings):
        if n == 0:
            mean_y = reading
            continue
        dx, dy = n - mean_x, reading - mean_y
        share = n / (1.0 + n)
        xx += dx * dx * share
        yy += dy * dy * share
        xy += dx * dy * share
        mean_x += dx / (1.0 + n)
        mean_y += dy / (1.0 + n)
    slope = xy / xx
    errors = _not_negative(yy - xy * xy / xx)
    correlation = math.sqrt(_not_negative(_ratio(yy - errors, yy)))
    return slope, -correlation if slope < 0 else correlation


def _not_negative(value: float) -> float:
    """Return the value, 0 where rounding made it negative; NaN stays NaN."""
    return 0.0 if value < 0.0 else value


def _ratio(above: float, below: float) -> float:
    """Quotient; NaN if the divisor is 0."""
    return above / below if below != 0.0 else _NAN
