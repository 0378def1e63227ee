"""ADWIN over zeros and ones: a window that is cut where its two parts have different means.

As the values are 0 or 1, the variance follows from the mean, and a bucket is one whole number.

References
----------
Bifet and Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007: ADWIN2, with buckets of
exponentially growing size, five of a size.
"""

# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from numba import njit

from pg_streaming_machine_learning.learning.forest.kernel.arithmetic import log2
from pg_streaming_machine_learning.learning.forest.layout import ADWIN_MOST, ADWIN_ROWS

__all__ = ["adwin_add"]

EVERY = 32
"""Values between two looks for a cut."""

LEAST_WIDTH = 10
LEAST_PART = 5.0

WIDTH, TOTAL, LAST, TICKS, COUNT = range(5)
BUCKETS = COUNT + ADWIN_ROWS
"""Places in the numbers of a detector: see `layout.ADWIN_SIZE`."""

LN2 = 0.6931471805599453


@njit(forceinline=True, error_model="numpy")
def _append(a, row, value):
    a[BUCKETS + row * (ADWIN_MOST + 1) + a[COUNT + row]] = value
    a[COUNT + row] += 1


@njit(forceinline=True, error_model="numpy")
def _drop_oldest(a):
    last = a[LAST]
    at = BUCKETS + last * (ADWIN_MOST + 1)
    a[WIDTH] -= np.int64(1) << last
    a[TOTAL] -= a[at]
    for k in range(a[COUNT + last] - 1):
        a[at + k] = a[at + k + 1]
    a[COUNT + last] -= 1
    a[at + a[COUNT + last]] = 0  # what is no bucket is 0: equal windows are equal bytes
    while a[LAST] > 0 and a[COUNT + a[LAST]] == 0:
        a[LAST] -= 1


@njit(error_model="numpy")
def _has_cut(a, delta):
    """Whether two parts of the window have different means."""
    width = np.float64(a[WIDTH])
    total = np.float64(a[TOTAL])
    mean = total / width
    confidence = LN2 * log2(2.0 * LN2 * log2(width) / delta)
    spread = 2.0 * mean * (1.0 - mean) * confidence
    n = 0.0
    u = 0.0
    for row in range(a[LAST], -1, -1):
        size = np.float64(np.int64(1) << row)
        for k in range(a[COUNT + row]):
            n += size
            u += np.float64(a[BUCKETS + row * (ADWIN_MOST + 1) + k])
            rest = width - n
            if rest < LEAST_PART:
                return False
            if n < LEAST_PART:
                continue
            gap = u / n - (total - u) / rest
            m = 1.0 / (n - LEAST_PART + 1.0) + 1.0 / (rest - LEAST_PART + 1.0)
            bound = np.sqrt(m * spread) + 2.0 / 3.0 * confidence * m
            if gap > bound or gap < -bound:
                return True
    return False


@njit(error_model="numpy")
def adwin_add(a, value, delta, estimates):
    """Add a 0 or 1 to a window; return whether it was cut because the mean has grown.

    The means before and after the cut are put into `estimates`.
    """
    _append(a, 0, value)
    a[WIDTH] += 1
    a[TOTAL] += value
    row = 0
    while a[COUNT + row] == ADWIN_MOST + 1:
        at = BUCKETS + row * (ADWIN_MOST + 1)
        merged = a[at] + a[at + 1]
        for k in range(ADWIN_MOST - 1):
            a[at + k] = a[at + k + 2]
        a[at + ADWIN_MOST - 1] = 0
        a[at + ADWIN_MOST] = 0
        a[COUNT + row] = ADWIN_MOST - 1
        row += 1
        if row > a[LAST]:
            a[LAST] = row
        _append(a, row, merged)
    a[TICKS] += 1
    if a[TICKS] % EVERY != 0 or a[WIDTH] <= LEAST_WIDTH:
        return False
    before = np.float64(a[TOTAL]) / np.float64(a[WIDTH])
    was_cut = False
    while a[WIDTH] > LEAST_WIDTH and _has_cut(a, delta):
        _drop_oldest(a)
        was_cut = True
    if not was_cut:
        return False
    estimates[0] = before
    estimates[1] = np.float64(a[TOTAL]) / np.float64(a[WIDTH])
    return estimates[1] > before
