"""ADWIN over zeros and ones: a window that is cut where its two parts have different means.

As the values are 0 or 1, the variance follows from the mean, and a bucket is one whole number.

References
----------
Bifet and Gavaldà, Learning from time-changing data with adaptive windowing, SDM 2007: ADWIN2, with buckets of
exponentially growing size, five of a size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pg_streaming_machine_learning.learning.forest.arithmetic import LN2, log2
from pg_streaming_machine_learning.learning.forest.layout import ADWIN_MOST, ADWIN_ROWS

__all__ = ["Adwin"]

EVERY = 32
"""Values between two looks for a cut."""

LEAST_WIDTH = 10
LEAST_PART = 5.0


class Adwin:
    """A detector of change.

    Attributes
    ----------
    rows : list of list of int
        Sums of the buckets: row `k` holds those of ``2**k`` values, oldest first. There is at least one row.
    width, total, ticks : int
        Values in the window, their sum, and values ever seen.

    Examples
    --------
    >>> adwin = Adwin()
    >>> for i in range(1000):
    ...     cut = adwin.add(int(i >= 500), delta=0.002)
    ...     if cut is not None:
    ...         print(i, *cut)
    ...         break
    511 0.0234375 0.046875
    """

    def __init__(self) -> None:
        self.rows: list[list[int]] = [[]]
        self.width = 0
        self.total = 0
        self.ticks = 0

    def add(self, value: int, delta: float) -> tuple[float, float] | None:
        """Add a 0 or 1; return the means before and after if the window is cut because the mean has grown."""
        self._append(value)
        if self.ticks % EVERY != 0 or self.width <= LEAST_WIDTH:
            return None
        before = self.total / self.width
        was_cut = False
        while self.width > LEAST_WIDTH and self._has_cut(delta):
            self._drop_oldest()
            was_cut = True
        after = self.total / self.width
        return (before, after) if was_cut and after > before else None

    def _append(self, value: int) -> None:
        self.rows[0].append(value)
        self.width += 1
        self.total += value
        self.ticks += 1
        row = 0
        while len(self.rows[row]) > ADWIN_MOST:
            if row + 1 == len(self.rows):
                self.rows.append([])
            first, second, *rest = self.rows[row]
            self.rows[row] = rest
            row += 1
            self.rows[row].append(first + second)

    def _drop_oldest(self) -> None:
        self.width -= 2 ** (len(self.rows) - 1)
        self.total -= self.rows[-1].pop(0)
        while len(self.rows) > 1 and not self.rows[-1]:
            self.rows.pop()

    def _buckets(self) -> Iterator[tuple[float, float]]:
        """Yield size and sum of the buckets, oldest first."""
        for row in range(len(self.rows) - 1, -1, -1):
            for bucket in self.rows[row]:
                yield float(2**row), float(bucket)

    def _has_cut(self, delta: float) -> bool:
        """Whether two parts of the window have different means."""
        width = float(self.width)
        total = float(self.total)
        mean = total / width
        confidence = LN2 * log2(2.0 * LN2 * log2(width) / delta)
        spread = 2.0 * mean * (1.0 - mean) * confidence
        n = 0.0
        u = 0.0
        for size, ones in self._buckets():
            n += size
            u += ones
            rest = width - n
            if rest < LEAST_PART:
                return False
            if n < LEAST_PART:
                continue
            gap = u / n - (total - u) / rest
            m = 1.0 / (n - LEAST_PART + 1.0) + 1.0 / (rest - LEAST_PART + 1.0)
            bound = math.sqrt(m * spread) + 2.0 / 3.0 * confidence * m
            if abs(gap) > bound:
                return True
        return False

    def to_numbers(self) -> list[int]:
        """Return the detector as the state keeps it.

        Width, sum, number of the last row, values ever seen, buckets of each of 40 rows, and 40 times 6 sums
        of buckets, oldest first, 0 where there is none.
        """
        rows = self.rows + [[]] * (ADWIN_ROWS - len(self.rows))
        numbers = [self.width, self.total, len(self.rows) - 1, self.ticks, *map(len, rows)]
        for row in rows:
            numbers += row + [0] * (ADWIN_MOST + 1 - len(row))
        return numbers

    @classmethod
    def from_numbers(cls, numbers: Sequence[int]) -> Adwin:
        """Return the detector of which `to_numbers` made these."""
        adwin = cls()
        adwin.width, adwin.total, last, adwin.ticks = numbers[:4]
        counts, sums = numbers[4 : 4 + ADWIN_ROWS], numbers[4 + ADWIN_ROWS :]
        adwin.rows = [list(sums[row * (ADWIN_MOST + 1) :][: counts[row]]) for row in range(last + 1)]
        return adwin
