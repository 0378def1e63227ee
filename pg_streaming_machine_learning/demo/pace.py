"""How fast the replay goes."""

from __future__ import annotations

__all__ = ["Pace"]


class Pace:
    """Say how long to wait before each step of the replay.

    Parameters
    ----------
    speed : float
        Recorded seconds per second; 0 means without waiting.
    slack_s : float
        How far behind its time the replay may be and still catch up; what is more is forgotten,
        so that after a pause it goes on at its speed and not in one burst.

    Examples
    --------
    >>> pace = Pace(speed=10)
    >>> pace.wait_s(step_ms=5_000, now_s=100.0)
    0.5
    >>> pace.wait_s(step_ms=5_000, now_s=100.25)
    0.75
    """

    def __init__(self, speed: float, slack_s: float = 1.0) -> None:
        self._speed = speed
        self._slack_s = slack_s
        self._due_s: float | None = None

    def wait_s(self, step_ms: int, now_s: float) -> float:
        """Return how long to wait before the next step, seconds.

        Parameters
        ----------
        step_ms : int
            Event time between the last step and the next, milliseconds.
        now_s : float
            Monotonic clock, seconds.
        """
        if self._speed <= 0:
            return 0.0
        due_s = now_s if self._due_s is None else max(self._due_s, now_s - self._slack_s)
        self._due_s = due_s + step_ms / 1000 / self._speed
        return max(0.0, self._due_s - now_s)
