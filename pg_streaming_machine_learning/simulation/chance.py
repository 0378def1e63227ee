"""Random numbers by place, not by order: each part of each cycle has its own."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Part", "chance"]


class Part(IntEnum):
    """What random numbers are for."""

    FLEET = 0
    SCENARIOS = 1
    LOAD = 2
    SENSORS = 3
    SPANS = 4


def chance(seed: int, part: Part, number: int = 0) -> np.random.Generator:
    """Return the random numbers of one part in one cycle or episode.

    Parameters
    ----------
    seed : int
        Of the whole run, 0 <= seed < 2**64.
    part : Part
        What they are for.
    number : int
        Which cycle or episode, not negative.

    Notes
    -----
    Philox is a block cipher of a counter: the part is in its key, the number in the counter's highest word,
    so that streams never meet.

    References
    ----------
    Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC11.

    Examples
    --------
    >>> chance(7, Part.LOAD, 3).random() == chance(7, Part.LOAD, 3).random()
    True
    >>> chance(7, Part.LOAD, 3).random() == chance(7, Part.LOAD, 4).random()
    False
    """
    key = np.array([seed, part], dtype=np.uint64)
    counter = np.array([0, 0, 0, number], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
