"""A fault: something done to a storm's workers, or to what they depend on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storm.scene import Scene

__all__ = ["Fault", "NotInjected"]


class NotInjected(Exception):
    """A fault that could not be brought about: the storm proves nothing, and fails."""


@dataclass(frozen=True)
class Fault:
    """A fault.

    Parameters
    ----------
    kind : str
        What its recovery is counted under.
    do : callable
        Brings it about, and returns when it is over; what it did to the workers may not be.
    may_pile_up : bool
        Whether the next fault may come on top, before the workers have recovered.
    """

    kind: str
    do: Callable[[Scene], None]
    may_pile_up: bool = True
