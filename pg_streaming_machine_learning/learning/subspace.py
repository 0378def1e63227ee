"""How many of the features a leaf may split on."""

from __future__ import annotations

import math

__all__ = ["subspace_size"]


def subspace_size(max_features: float | int | str | None, n_features: int) -> int:
    """Return how many of a leaf's features it may split on.

    Parameters
    ----------
    max_features : float, int, str or None
        A share, a number (negative: all but so many), ``"sqrt"``, ``"log2"``, or None for all.
    n_features : int
        Features met so far.

    Returns
    -------
    int
        At least 1, at most `n_features`, as river's forest rounds.

    Raises
    ------
    ValueError
        If `max_features` is some other text.

    Examples
    --------
    >>> subspace_size(0.6, 66), subspace_size("sqrt", 66), subspace_size(0.6, 0)
    (39, 8, 0)
    """
    if max_features == "sqrt":
        size = round(math.sqrt(n_features))
    elif max_features == "log2":
        size = round(math.log2(max(n_features, 1)))
    elif max_features is None:
        size = n_features
    elif isinstance(max_features, float):
        size = int(max_features * n_features)
    elif isinstance(max_features, int):
        size = max_features
    else:
        raise ValueError(f"max_features is {max_features!r}, expected a number, 'sqrt', 'log2' or None")
    if size < 0:
        size += n_features
    return min(max(size, 1), n_features)
