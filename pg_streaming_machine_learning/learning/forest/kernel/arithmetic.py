"""Logarithm, exponential and normal distribution, made of additions, multiplications and divisions alone.

A library's own may differ in the last bit between machines and releases, and a forest must not: the same
samples give the same trees everywhere. These are compiled; `reference` says the same in plain Python.
"""

from __future__ import annotations

from numba import njit
from numpy import float64, int64

__all__ = ["exp", "log2", "normal_cdf", "xlog2x"]

_FIELD = 52
_BIAS = 1023.0
_MANTISSA = (1 << _FIELD) - 1
_ONE = 1023 << _FIELD
_MAGIC = 0x4330 << 48  # as a number 2 ** 52, whose last bits count ones
_SHIFT = 4503599627370496.0
_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.693147180369123816490
_LN2_LOW = 1.90821492927058770002e-10
_LEAST = -700.0
"""Below it `exp` is 0."""


@njit(forceinline=True, error_model="numpy")
def log2(x: float) -> float:
    """Return the logarithm to base 2 of a positive normal number; error below 1e-13."""
    bits = float64(x).view(int64)
    exponent = int64((bits >> _FIELD) | _MAGIC).view(float64) - _SHIFT - _BIAS
    mantissa = int64((bits & _MANTISSA) | _ONE).view(float64)
    is_high = mantissa > 1.4142135623730951
    mantissa = mantissa * 0.5 if is_high else mantissa
    exponent = exponent + 1.0 if is_high else exponent
    s = (mantissa - 1.0) / (mantissa + 1.0)
    q = s * s
    series = 1.0 / 15.0
    series = series * q + 1.0 / 13.0
    series = series * q + 1.0 / 11.0
    series = series * q + 1.0 / 9.0
    series = series * q + 1.0 / 7.0
    series = series * q + 1.0 / 5.0
    series = series * q + 1.0 / 3.0
    series = series * q + 1.0
    result: float = exponent + (2.0 * _LOG2_E) * s * series
    return result


@njit(forceinline=True, error_model="numpy")
def xlog2x(x: float) -> float:
    """Return ``x log2 x``, 0 for what is not positive."""
    safe = x if x > 1e-300 else 1e-300
    value = x * log2(safe)
    return value if x > 1e-300 else 0.0


@njit(forceinline=True, error_model="numpy")
def exp(x: float) -> float:
    """Return the exponential of a number of at most 700; error below 1e-14 of it, 0 below -700."""
    safe = x if x > _LEAST else _LEAST
    shifted = safe * _LOG2_E + (_SHIFT * 1.5)
    whole = shifted - (_SHIFT * 1.5)
    r = (safe - whole * _LN2_HIGH) - whole * _LN2_LOW
    series = 1.0 / 39916800.0
    series = series * r + 1.0 / 3628800.0
    series = series * r + 1.0 / 362880.0
    series = series * r + 1.0 / 40320.0
    series = series * r + 1.0 / 5040.0
    series = series * r + 1.0 / 720.0
    series = series * r + 1.0 / 120.0
    series = series * r + 1.0 / 24.0
    series = series * r + 1.0 / 6.0
    series = series * r + 0.5
    series = series * r + 1.0
    series = series * r + 1.0
    power = int64(float64(whole + (_SHIFT + _BIAS)).view(int64) << _FIELD).view(float64)
    return series * power if x > _LEAST else 0.0


@njit(forceinline=True, error_model="numpy")
def normal_cdf(z: float) -> float:
    """Return the share of a standard normal distribution below `z`; error below 2e-4.

    Notes
    -----
    The logistic approximation of Bowling et al., Journal of Industrial Engineering and Management 2(1), 2009.
    """
    near = z if z < 8.0 else 8.0
    near = near if near > -8.0 else -8.0
    return 1.0 / (1.0 + exp(-near * (1.5976 + 0.070565992 * near * near)))
