"""The logarithm of the forest in plain Python: the same bits as the kernel's, without compiling it."""

from __future__ import annotations

import math

__all__ = ["log2"]

_LOG2_E = 1.4426950408889634


def log2(x: float) -> float:
    """Return the logarithm to base 2 of a positive normal number; error below 1e-13."""
    mantissa, exponent = math.frexp(x)
    mantissa, exponent = mantissa * 2.0, exponent - 1
    if mantissa > 1.4142135623730951:
        mantissa, exponent = mantissa * 0.5, exponent + 1
    s = (mantissa - 1.0) / (mantissa + 1.0)
    q = s * s
    series = 1.0 / 15.0
    for divisor in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        series = series * q + 1.0 / divisor
    series = series * q + 1.0
    return exponent + (2.0 * _LOG2_E) * s * series
