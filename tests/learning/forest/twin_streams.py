"""Streams of samples that make a forest do everything it can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Stream:
    """A stream whose labels follow from its features, until they follow otherwise.

    Parameters
    ----------
    seed, n, n_features, n_classes : int
        Of its randomness; how many rows, columns and labels.
    nominal : mapping of int to int
        Columns of names, and how many there are.
    missing, unlabeled : float
        Shares of cells that are missing, of rows that have no label.
    concepts : int
        Parts of the same length in which labels follow otherwise than before.
    noise : float
        How far chance moves the labels.
    scale : float
        Of the numbers.
    """

    seed: int
    n: int
    n_features: int
    n_classes: int
    nominal: Mapping[int, int] = field(default_factory=dict)
    missing: float = 0.0
    unlabeled: float = 0.0
    concepts: int = 1
    noise: float = 0.3
    scale: float = 1.0
    weights: tuple[float, ...] = (1.0,)

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
        """Return rows, labels and weights."""
        random = np.random.default_rng(self.seed)
        rows = random.normal(size=(self.n, self.n_features))
        rows[:, ::3] = np.round(rows[:, ::3])  # equal values too
        signals = rows.copy()
        for column, size in self.nominal.items():
            rows[:, column] = random.integers(-1, size, self.n)
            signals[:, column] = random.normal(size=size + 1)[rows[:, column].astype(int)]
        labels = np.zeros(self.n, np.int64)
        for concept in range(self.concepts):
            part = slice(self.n * concept // self.concepts, self.n * (concept + 1) // self.concepts)
            pull = random.normal(size=(self.n_features, self.n_classes))
            chance = random.normal(size=(len(labels[part]), self.n_classes)) * self.noise
            labels[part] = (signals[part] @ pull + chance).argmax(axis=1)
        is_number = ~np.isin(np.arange(self.n_features), list(self.nominal))
        rows[:, is_number] *= self.scale
        rows[random.random(rows.shape) < self.missing] = np.nan
        weights = random.choice(self.weights, self.n)
        weights[random.random(self.n) < self.unlabeled] = 0.0
        return rows.astype(np.float32), labels, weights
