"""Who comes: a daily wave at each entry, waves of load, and how both go through the call graph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pg_streaming_machine_learning.simulation.fleet import Fleet, Floats

__all__ = ["LAG_MS", "Pattern", "Traffic", "Wave", "rising"]

DAY_MS = 86_400_000

LAG_MS = 30_000
"""How much later a wave comes to a service than to its caller, milliseconds."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """How much comes when; shape (n_entries,) each.

    Parameters
    ----------
    from_ms : int
        Since when, milliseconds since the epoch.
    weight, swing, phase : ndarray
        Requests over the usual; how far the daily wave goes up and down; when it is at its mean and rising,
        in days after midnight.
    """

    from_ms: int
    weight: Floats
    swing: Floats
    phase: Floats

    @classmethod
    def draw(cls, from_ms: int, entries: int, random: np.random.Generator) -> Pattern:
        """Draw a pattern."""
        weight = random.uniform(0.85, 1.15, entries)
        return cls(from_ms, weight, random.uniform(0.15, 0.3, entries), random.uniform(0, 1, entries))

    def other(self, from_ms: int, random: np.random.Generator) -> Pattern:
        """Return a pattern that is plainly another: each entry's day is moved by 6 to 12 hours."""
        moved = self.phase + random.uniform(0.25, 0.5, len(self.phase))
        drawn = Pattern.draw(from_ms, len(self.phase), random)
        return replace(drawn, phase=moved % 1)


@dataclass(frozen=True)
class Wave:
    """More load at one entry: it rises, stays, and is gone.

    Parameters
    ----------
    entry : int
        Where it comes in.
    start_ms, full_ms, end_ms : int
        When it begins at the entry, has risen, and is over, milliseconds since the epoch.
    more : float
        Requests beyond the usual, as a multiple of it.
    """

    entry: int
    start_ms: int
    full_ms: int
    end_ms: int
    more: float


def rising(at_ms: Floats, start_ms: Floats, full_ms: Floats, end_ms: Floats) -> Floats:
    """Return how far causes have risen at the end of a cycle: 0 at the start, 1 when full, 0 after the end.

    Examples
    --------
    >>> times = np.array([0.0, 10, 15, 20, 50, 51])
    >>> rising(times, np.array(10.0), np.array(20.0), np.array(50.0)).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0, 0.0]
    """
    level = np.clip((at_ms - start_ms) / np.maximum(full_ms - start_ms, 1), 0, 1)
    return np.where(at_ms <= end_ms, level, 0.0)


class Traffic:
    """Load of each service over time, without noise.

    Parameters
    ----------
    fleet : Fleet
        Its call graph.
    pattern : Pattern
        How much comes when, from the start.
    lag_ms : int
        How much later a wave comes to a service than to its caller, milliseconds.
    """

    def __init__(self, fleet: Fleet, pattern: Pattern, lag_ms: int = LAG_MS) -> None:
        self.lag_ms = lag_ms
        self.waves: list[Wave] = []
        self._patterns = [pattern]
        self._reach = fleet.reach
        self._usual = fleet.reach.sum(axis=1)
        self._delay_ms = (fleet.depth * lag_ms).astype(np.float64)[:, np.newaxis]

    @property
    def pattern(self) -> Pattern:
        """Return the pattern that comes last."""
        return self._patterns[-1]

    def change(self, pattern: Pattern) -> None:
        """Let another pattern follow; the one before the last is forgotten."""
        self._patterns = [self._patterns[-1], pattern]

    def load(self, at_ms: int) -> Floats:
        """Return requests over the usual during the cycle that ends at a time, shape (n_services,)."""
        old, new = self._patterns[0], self._patterns[-1]
        pattern = new if new.from_ms < at_ms else old
        then_ms = at_ms - self._delay_ms
        days = then_ms / DAY_MS - pattern.phase
        coming = pattern.weight * (1 + pattern.swing * np.sin(2 * np.pi * days))
        for wave in self.waves:
            level = rising(
                then_ms[:, 0], np.array(wave.start_ms), np.array(wave.full_ms), np.array(wave.end_ms)
            )
            coming[:, wave.entry] *= 1 + wave.more * level
        return np.asarray((self._reach * coming).sum(axis=1) / self._usual)
