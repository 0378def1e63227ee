"""What models other than trees need: numbers on one scale, none missing, and no text."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Any

from river import base, linear_model

__all__ = ["Standardized"]

_CLIP = 8.0
"""A value further from the mean than so many deviations counts as so many: one outlier ruins no model."""


class Standardized(base.Wrapper, base.Classifier):
    """A classifier behind running standardisation, imputation and indicators.

    Numbers are scaled by the running mean and deviation of their feature. A feature that is missing gets its
    running mean, which is 0 on the new scale. Text becomes an indicator, ``<feature>=<value>`` with value 1.

    Parameters
    ----------
    classifier : river.base.Classifier
        The model behind it.
    scaling : bool
        False leaves numbers and what is missing as they are, for models that read both, and replaces text
        only.

    Examples
    --------
    >>> model = Standardized(linear_model.LogisticRegression())
    >>> for value in range(100):
    ...     model.learn_one({"cpu": value, "host": "web"}, int(value > 50))
    >>> model.predict_one({"cpu": 90.0, "host": "web"}), model.predict_one({"cpu": 10.0, "host": "web"})
    (True, False)
    """

    def __init__(self, classifier: base.Classifier, scaling: bool = True) -> None:
        self.classifier = classifier
        self.scaling = scaling
        self._moments: dict[Any, list[float]] = {}

    @property
    def _wrapped_model(self) -> base.Classifier:
        return self.classifier

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"classifier": linear_model.LogisticRegression()}

    def learn_one(self, x: dict[Any, Any], y: Any, **kwargs: Any) -> None:
        """Update mean and deviation of each number, then the classifier."""
        if self.scaling:
            for name, value in x.items():
                if isinstance(value, numbers.Number):
                    self._note(name, float(value))  # type: ignore[arg-type]
        self.classifier.learn_one(self._prepare(x), y, **kwargs)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[Any, float]:
        """Return the classifier's probabilities for the prepared features."""
        probabilities: dict[Any, float] = self.classifier.predict_proba_one(self._prepare(x), **kwargs)
        return probabilities

    def predict_one(self, x: dict[Any, Any], **kwargs: Any) -> Any:
        """Return the classifier's label for the prepared features."""
        return self.classifier.predict_one(self._prepare(x), **kwargs)

    def _note(self, name: Any, value: float) -> None:
        """Update count, mean and sum of squared deviations of a feature (Welford)."""
        moments = self._moments.setdefault(name, [0.0, 0.0, 0.0])
        moments[0] += 1.0
        before = value - moments[1]
        moments[1] += before / moments[0]
        moments[2] += before * (value - moments[1])

    def _prepare(self, x: dict[Any, Any]) -> dict[Any, Any]:
        """Return the features as the classifier sees them."""
        prepared: dict[Any, Any] = dict.fromkeys(self._moments, 0.0)
        for name, value in x.items():
            if not isinstance(value, numbers.Number):
                prepared[f"{name}={value}"] = 1.0
            elif not self.scaling:
                prepared[name] = value
            elif name in self._moments:
                prepared[name] = self._scaled(name, float(value))  # type: ignore[arg-type]
        return prepared

    def _scaled(self, name: Any, value: float) -> float:
        """Return how many deviations a value is from its feature's mean."""
        count, mean, squares = self._moments[name]
        deviation = math.sqrt(squares / count)
        if deviation == 0.0:
            return 0.0
        return max(-_CLIP, min(_CLIP, (value - mean) / deviation))
