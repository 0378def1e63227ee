"""Accuracy and kappa of a test-then-train run, and of the two predictors that learn nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.forest.streams import Stream

__all__ = ["baselines", "matrix_of", "scores"]

Scores = dict[str, float]


def matrix_of(truth: NDArray[np.int64], said: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    """Count labels times predictions, shape (n_classes, n_classes)."""
    matrix = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(matrix, (truth, said), 1)
    return matrix


def scores(matrix: NDArray[Any] | list[list[int]]) -> Scores:
    """Return accuracy in percent and Cohen's kappa in hundredths."""
    counts = np.asarray(matrix, dtype=np.float64)
    n_samples = counts.sum()
    agreed = np.trace(counts) / n_samples
    by_chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / n_samples**2
    kappa = (agreed - by_chance) / (1.0 - by_chance) if by_chance < 1.0 else 0.0
    return {"accuracy": 100.0 * float(agreed), "kappa": 100.0 * float(kappa)}


def baselines(stream: Stream) -> dict[str, Scores]:
    """Return the scores of repeating the last label, and of the label most frequent so far.

    Before the first label both say 0, as every model here does.
    """
    last = np.concatenate([[0], stream.y[:-1]])
    counts = np.zeros(stream.n_classes, dtype=np.int64)
    most = np.empty_like(stream.y)
    for row, label in enumerate(stream.y):
        most[row] = counts.argmax()
        counts[label] += 1
    return {
        "no-change": scores(matrix_of(stream.y, last, stream.n_classes)),
        "majority": scores(matrix_of(stream.y, most, stream.n_classes)),
    }
