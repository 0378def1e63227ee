"""Streams for the tests of the forest: a rule, random rows, and hypothesis' strategies for awkward ones."""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier

__all__ = ["Stream", "accuracy", "awkward", "blocks", "one_by_one"]


@dataclass(frozen=True)
class Stream:
    """Rows as a batch has them.

    Parameters
    ----------
    matrix : ndarray, shape (n, columns)
        NaN where a feature is missing.
    labels : list
        One for each row.
    known : ndarray of bool, shape (n,)
        Whether a row is learned.
    weights : ndarray, shape (n,)
        Of each row.
    features : tuple
        Names of the columns.
    """

    matrix: NDArray[np.float64]
    labels: list[Any]
    known: NDArray[np.bool_]
    weights: NDArray[np.float64]
    features: tuple[Hashable, ...]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.labels)

    def rows(self) -> list[dict[Any, float]]:
        """Return the rows as dictionaries, without what is missing."""
        return [
            {name: value for name, value in zip(self.features, row, strict=True) if value == value}
            for row in self.matrix.tolist()
        ]

    def process(
        self, forest: AdaptiveRandomForestClassifier, begin: int = 0, end: int | None = None
    ) -> NDArray[np.float64]:
        """Predict and learn a part, as a batch."""
        part = slice(begin, end)
        return forest.process_many(
            self.matrix[part],
            self.labels[part],
            self.known[part],
            features=self.features,
            w=self.weights[part],
        )


def one_by_one(forest: AdaptiveRandomForestClassifier, stream: Stream) -> list[dict[Any, float]]:
    """Predict and learn rows one after the other; return the probabilities before learning."""
    found = []
    each = zip(stream.rows(), stream.labels, stream.known, stream.weights.tolist(), strict=True)
    for x, y, is_known, w in each:
        found.append(forest.predict_proba_one(x))
        if is_known:
            forest.learn_one(x, y, w=w)
    return found


def accuracy(probabilities: NDArray[np.float64], labels: list[int], classes: tuple[Any, ...]) -> float:
    """Return the share of rows whose most probable class is their label."""
    said = [classes[place] for place in probabilities.argmax(axis=1).tolist()]
    return float(np.mean([mine == label for mine, label in zip(said, labels, strict=True)]))


def blocks(n: int, seed: int, drift_at: int | None = None) -> tuple[NDArray[np.float64], list[int]]:
    """Return rows of five numbers and a label that two of them decide; from `drift_at` on it is another."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    y = (X[:, 0] > 0.3) ^ (X[:, 1] > 0.0)
    if drift_at is not None:
        y[drift_at:] = X[drift_at:, 2] > 0.0
    return X, y.astype(int).tolist()


@st.composite
def awkward(draw: st.DrawFn, nominal: bool = True) -> Stream:
    """Streams with missing values, rows without label, weights; new features, labels and values late."""
    seed = draw(st.integers(0, 2**32))
    n, columns = draw(st.integers(1, 250)), draw(st.integers(1, 7))
    classes = draw(st.integers(1, 6))
    rng = np.random.default_rng(seed)
    scale = 10.0 ** draw(st.integers(-3, 12))
    matrix = rng.normal(size=(n, columns)) * scale + draw(st.sampled_from((0.0, 1e9)))
    if nominal:
        matrix[:, -1] = rng.integers(0, draw(st.sampled_from((2, 9, 70))), n)
    first = matrix[:, 0] - matrix[:, 0].mean()
    labels = (np.digitize(first, np.linspace(-scale, scale, classes)) + rng.integers(0, 2, n)).tolist()
    matrix[rng.random(matrix.shape) < draw(st.sampled_from((0.0, 0.1, 0.6)))] = np.nan
    for column in range(columns):
        if rng.random() < 0.3:
            matrix[: rng.integers(0, n), column] = np.nan
    known = rng.random(n) >= draw(st.sampled_from((0.0, 0.3)))
    weights = rng.choice((0.0, 0.5, 1.0, 3.0), n) if draw(st.booleans()) else np.ones(n)
    names = [f"f{column}" for column in range(columns)]
    random.Random(seed).shuffle(names)
    if nominal:
        names[-1] = "color"
    return Stream(matrix, labels, known, weights, tuple(names))
