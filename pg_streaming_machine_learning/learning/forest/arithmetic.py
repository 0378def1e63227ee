"""Logarithm, exponential and normal distribution in plain Python, with the same bits as the kernel's.

They are made of additions, multiplications and divisions alone: a library's own may differ in the last bit
between machines and releases, and a forest must not. The order of the operations is part of what is said.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable

__all__ = [
    "HALF_LOG2_2PI",
    "HALF_LOG2_E",
    "LN2",
    "add_up",
    "exp",
    "log2",
    "normal_cdf",
    "to_single",
    "xlog2x",
]

LN2 = 0.6931471805599453
HALF_LOG2_E = 0.7213475204444817
HALF_LOG2_2PI = 1.3257480647361595

_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10
_SQRT_2 = 1.4142135623730951
_LEAST = -700.0
"""At most that, `exp` is 0."""


def to_single(x: float) -> float:
    """Return the nearest number of 32 bits: what a tree keeps of a statistic.

    Examples
    --------
    >>> to_single(0.1)
    0.10000000149011612
    """
    return ctypes.c_float(x).value


def add_up(numbers: Iterable[float]) -> float:
    """Return the sum, added from the left: the built-in `sum` does it more exactly since Python 3.12.

    Examples
    --------
    >>> add_up([1.0, 1e100, 1.0, -1e100])
    0.0
    """
    total = 0.0
    for number in numbers:
        total += number
    return total


def log2(x: float) -> float:
    """Return the logarithm to base 2 of a positive normal number; -1023 for 0; error below 1e-13.

    Notes
    -----
    ``log x = 2 artanh((x - 1) / (x + 1))`` for `x` between ``sqrt(1/2)`` and ``sqrt(2)``; eight terms of its
    series.

    Examples
    --------
    >>> log2(8.0), log2(0.0)
    (3.0, -1023.0)
    """
    if x == 0.0:
        return -1023.0
    mantissa, exponent = math.frexp(x)
    if 2.0 * mantissa <= _SQRT_2:
        mantissa, exponent = 2.0 * mantissa, exponent - 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    q = s * s
    series = 1.0 / 15.0
    for odd in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0):
        series = series * q + 1.0 / odd
    return float(exponent) + (2.0 * _LOG2_E) * s * series


def xlog2x(x: float) -> float:
    """Return ``x log2 x``, 0 for what is not positive."""
    return x * log2(x) if x > 1e-300 else 0.0


def exp(x: float) -> float:
    """Return the exponential of a number of at most 700; error below 1e-14 of it, 0 from -700 down.

    Notes
    -----
    ``exp x = 2**k exp r`` with whole `k` and `r` at most ``ln(2) / 2`` from 0, twelve terms of its series.

    Examples
    --------
    >>> exp(0.0), exp(-1000.0)
    (1.0, 0.0)
    """
    if not x > _LEAST:
        return 0.0
    whole = round(x * _LOG2_E)
    r = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    series = 1.0 / math.factorial(11)
    for k in range(10, -1, -1):
        series = series * r + 1.0 / math.factorial(k)
    return math.ldexp(series, whole)


def normal_cdf(z: float) -> float:
    """Return the share of a standard normal distribution below `z`; error below 2e-4.

    Notes
    -----
    The logistic approximation of Bowling et al., Journal of Industrial Engineering and Management 2(1), 2009.

    Examples
    --------
    >>> normal_cdf(0.0)
    0.5
    """
    near = z if z < 8.0 else 8.0
    near = near if near > -8.0 else -8.0
    return 1.0 / (1.0 + exp(-near * (1.5976 + 0.070565992 * near * near)))
