"""A model that takes many samples at a time, and notes what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base, naive_bayes

__all__ = ["BATCHED", "Batched"]

BATCHED = "tests.learning.batched.Batched"


class Batched(base.Classifier):
    """Naive Bayes, features in the order of their names, many samples at a time or one by one.

    Text counts by its length.

    Attributes
    ----------
    given : list of int
        How many samples each call had.
    names : list of tuple of str
        Which features each call had.
    """

    def __init__(self) -> None:
        self.model = naive_bayes.GaussianNB()
        self.given: list[int] = []
        self.names: list[tuple[str, ...]] = []
        self.classes_: tuple[int, ...] = ()

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn a sample."""
        self.model.learn_one(_numbers(x), y)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        """Return the probability of each class."""
        found: dict[Any, float] = self.model.predict_proba_one(_numbers(x))
        return found

    def process_many(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.int64],
        known: NDArray[np.bool_],
        *,
        features: Sequence[str],
    ) -> NDArray[np.float64]:
        """Predict each row, then learn it if its label is known; classes in the order of their first time."""
        self.given.append(len(X))
        self.names.append(tuple(features))
        said = []
        for row, label, is_known in zip(X.tolist(), y.tolist(), known.tolist(), strict=True):
            x = {name: value for name, value in zip(features, row, strict=True) if value == value}
            said.append(self.predict_proba_one(x))
            if is_known:
                self.learn_one(x, label)
                if label not in self.classes_:
                    self.classes_ = (*self.classes_, label)
        return np.array([[each.get(label, 0.0) for label in self.classes_] for each in said])


def _numbers(x: dict[Any, Any]) -> dict[Any, float]:
    return {name: len(value) if isinstance(value, str) else value for name, value in sorted(x.items())}
