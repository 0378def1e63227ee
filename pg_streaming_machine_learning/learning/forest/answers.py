"""What a forest answers besides probabilities: where they come from, and what happened to its trees."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Explained", "ForestEvent"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ForestEvent:
    """Something a member of a forest noticed.

    Parameters
    ----------
    kind : str
        ``"warning"``: its error seems to grow, a tree begins in the background. ``"drift"``: its error has
        grown, its tree is replaced.
    member : int
        Which.
    sample : int
        Number of the learned sample, from 0.
    error_before, error_after : float
        Its detector's estimate of its error before and after the change.
    had_background : bool
        Of a drift: whether a tree from the background took over, else one begins anew.
    """

    kind: str
    member: int
    sample: int
    error_before: float
    error_after: float
    had_background: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """Probabilities, and where they come from.

    Parameters
    ----------
    probabilities : ndarray, shape (n, classes)
        As `predict_proba_many` gives them.
    base : ndarray, shape (n, classes)
        What the forest says before it looks at any feature.
    contributions : ndarray, shape (n, features, classes)
        What each feature adds; ``base + contributions.sum(axis=1)`` is `probabilities`.
    features : tuple
        Names, in the order of `contributions`.
    """

    probabilities: Matrix
    base: Matrix
    contributions: Matrix
    features: tuple[Hashable, ...]
