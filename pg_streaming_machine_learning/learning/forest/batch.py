"""Batches as they are given → matrices, weights and labels; and where in them something is new."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pg_streaming_machine_learning.learning.forest.columns import MOST_CODES, Columns
from pg_streaming_machine_learning.learning.forest.plan import MOST_WEIGHT

__all__ = ["as_matrix", "as_weights", "check_label", "check_weights", "cuts_of", "listed"]

Matrix = NDArray[np.float64]


def cuts_of(
    columns: Columns,
    known_labels: Collection[Any],
    matrix: Matrix,
    names: Sequence[Hashable],
    labels: list[Any],
    weights: Matrix,
) -> list[int]:
    """Return the rows at which a feature, a label or a nominal value is met for the first time."""
    learned = weights > 0
    cuts: set[int] = set()
    known = {name: column for column, name in enumerate(columns.names)}
    for place, name in enumerate(names):
        column = known.get(name)
        if column is None or column in columns.codes:
            values = matrix[:, place]
            there = np.flatnonzero(learned & np.isfinite(values))
            if column is None and len(there):
                cuts.add(int(there[0]))
            codes = columns.codes.get(column) if column is not None else None
            if codes is not None and len(codes) >= MOST_CODES:
                continue
            if codes is not None or name in columns.declared:
                met = columns.codes.get(column, {}) if column is not None else {}
                firsts = np.unique(values[there], return_index=True)
                cuts.update(
                    int(there[row])
                    for value, row in zip(firsts[0].tolist(), firsts[1].tolist(), strict=True)
                    if value not in met
                )
    seen = set(known_labels)
    for row, label in enumerate(labels):
        if label not in seen and learned[row]:
            seen.add(label)
            cuts.add(row)
    return sorted(cuts)


def as_matrix(X: ArrayLike, features: Sequence[Hashable] | None) -> tuple[Matrix, Sequence[Hashable]]:
    """Return a matrix of numbers and the names of its columns."""
    matrix = np.asarray(X, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"X has shape {matrix.shape}, expected rows and columns")
    names: Sequence[Hashable] = range(matrix.shape[1]) if features is None else features
    if len(names) != matrix.shape[1]:
        raise ValueError(f"features has {len(names)} names, expected {matrix.shape[1]}, one for each column")
    if len(set(names)) != len(names):
        raise ValueError("features names a column twice")
    return matrix, names


def as_weights(known: ArrayLike | None, w: ArrayLike | None, n: int) -> Matrix:
    """Return the weight of each row, 0 for what is not to be learned."""
    weights = np.ones(n) if w is None else np.array(w, dtype=np.float64)
    if weights.shape != (n,):
        raise ValueError(f"w has shape {weights.shape}, expected ({n},), one for each row")
    check_weights(weights)
    if known is not None:
        is_known = np.asarray(known, dtype=bool)
        if is_known.shape != (n,):
            raise ValueError(f"known has shape {is_known.shape}, expected ({n},), one for each row")
        weights = np.where(is_known, weights, 0.0)
    return weights


def check_weights(weights: Matrix) -> None:
    """See that weights can be added up.

    Raises
    ------
    ValueError
        If one cannot.
    """
    if not ((weights >= 0) & (weights <= MOST_WEIGHT)).all():
        raise ValueError(f"a weight is negative, not finite or above {MOST_WEIGHT:g}")


def check_label(label: Any) -> None:
    """See that a label is equal to itself.

    Raises
    ------
    ValueError
        If it is NaN.
    """
    if isinstance(label, float | np.floating) and label != label:
        raise ValueError("a label is NaN, which no prediction can be equal to")


def listed(y: Sequence[Any] | NDArray[Any]) -> list[Any]:
    """Return labels as plain values."""
    return y.tolist() if isinstance(y, np.ndarray) else list(y)
