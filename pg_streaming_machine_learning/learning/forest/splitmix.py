"""splitmix64 in plain Python: the forest's randomness outside the kernel, with the same bits."""

from __future__ import annotations

__all__ = ["Splitmix"]

_ALL = 0xFFFFFFFFFFFFFFFF


class Splitmix:
    """A generator of 64 random bits at a time.

    Parameters
    ----------
    state : int
        Any whole number; its last 64 bits count.

    References
    ----------
    Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.

    Examples
    --------
    >>> hex(Splitmix(1234567).next())
    '0x599ed017fb08fc85'
    """

    def __init__(self, state: int) -> None:
        self.state = state & _ALL

    def next(self) -> int:
        """Return 64 random bits."""
        self.state = (self.state + 0x9E3779B97F4A7C15) & _ALL
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _ALL
        return z ^ (z >> 31)

    def signed(self) -> int:
        """Return 64 random bits as a number of two's complement."""
        return _signed(self.next())

    @property
    def state_signed(self) -> int:
        """The state as a number of two's complement."""
        return _signed(self.state)

    def below(self, n: int) -> int:
        """Return a number from 0 to ``n - 1``."""
        return ((self.next() >> 32) * n) >> 32

    def sample(self, begin: int, end: int, count: int) -> list[int]:
        """Return some of the numbers from `begin` to ``end - 1``: the first places of a Fisher-Yates shuffle.

        All of them come in order, and use no randomness.
        """
        numbers = list(range(begin, end))
        if count >= len(numbers):
            return numbers
        for place in range(count):
            pick = place + self.below(len(numbers) - place)
            numbers[place], numbers[pick] = numbers[pick], numbers[place]
        return numbers[:count]


def _signed(bits: int) -> int:
    return bits - (1 << 64) if bits >> 63 else bits
