"""The prequential step: a sample is predicted with what was known before, then learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from river import base
from river.__version__ import __version__ as river_version

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.forest.answers import ForestEvent
from pg_streaming_machine_learning.learning.models import ModelSpec, create_model, model_version
from pg_streaming_machine_learning.learning.rows import Rows
from pg_streaming_machine_learning.learning.stored_model import dump_model, is_own, load_model
from pg_streaming_machine_learning.records.prediction import Prediction, Sample
from pg_streaming_machine_learning.records.snapshot import pack, read_state, unpack, write_state

__all__ = ["Learner", "probability_of_bottleneck"]


class _Batched(Protocol):
    """What a model has besides river's methods if it takes many samples at a time."""

    classes_: tuple[Any, ...]

    def process_many(
        self,
        X: NDArray[np.float64],
        y: NDArray[np.int64],
        known: NDArray[np.bool_],
        *,
        features: Sequence[str],
    ) -> NDArray[np.float64]:
        """Predict each row, then learn it if its label is known, in their order."""


class Learner:
    """A model together with what it has learned so far.

    Parameters
    ----------
    spec : ModelSpec
        The model.
    seed : int
        Seed of its randomness.
    warm_up_samples : int
        Predictions are marked as warming up until so many labeled samples, and both classes, were learned.
    decision_threshold : float
        From which probability on class 1 is predicted.
    generation : int
        Of the model.
    """

    def __init__(
        self,
        spec: ModelSpec,
        seed: int,
        warm_up_samples: int,
        decision_threshold: float,
        generation: int = 1,
    ) -> None:
        self._model = create_model(spec, seed)
        self._model_name = spec.path
        self.begin_generation(generation)
        self._warm_up_samples = warm_up_samples
        self._decision_threshold = decision_threshold
        self._learned = [0, 0]

    @property
    def model(self) -> base.Classifier:
        """The classifier, to look at."""
        return self._model

    @property
    def samples_learned(self) -> int:
        """Number of labeled samples learned."""
        return sum(self._learned)

    @property
    def takes_rows(self) -> bool:
        """Whether the model takes many samples at a time, as rows of numbers."""
        return hasattr(self._model, "process_many")

    def begin_generation(self, number: int) -> None:
        """Let predictions from now on be of a generation of the model."""
        self._model_version = model_version(number)

    def probability(self, features: Mapping[str, float | str]) -> float:
        """Return the probability of class 1; the model does not change."""
        return probability_of_bottleneck(self._model, dict(features.items()))

    def process(self, samples: Sequence[Sample], rows: Rows | None = None) -> list[Prediction]:
        """Predict each sample with what was known before, then learn it if it has a label, in their order.

        Parameters
        ----------
        samples : sequence of Sample
            Any number; where there are no rows each costs as long as the model takes, which may be a
            millisecond.
        rows : Rows or None
            Those of the samples, for a model that takes them. The predictions, and the model afterwards, are
            the same bit by bit as without.
        """
        if rows is not None and samples:
            return self._process_rows(samples, rows)
        predictions = []
        for sample in samples:
            predictions.append(self.predict(sample))
            self.learn(sample)
        return predictions

    def _process_rows(self, samples: Sequence[Sample], rows: Rows) -> list[Prediction]:
        """Let the model work through all samples in one call."""
        labels = [sample.label for sample in samples]
        known = np.array([label is not None for label in labels])
        targets = np.array([0 if label is None else label for label in labels], dtype=np.int64)
        model = cast("_Batched", self._model)
        found = model.process_many(rows.matrix, targets, known, features=rows.names)
        classes = list(model.classes_)
        probabilities = found[:, classes.index(1)].tolist() if 1 in classes else [0.0] * len(samples)
        predictions = []
        for sample, probability in zip(samples, probabilities, strict=True):
            predictions.append(self._prediction(sample, _as_probability(probability)))
            if sample.label is not None:
                self._learned[sample.label] += 1
        return predictions

    def predict(self, sample: Sample) -> Prediction:
        """Return what the model says about a sample; the model does not change."""
        return self._prediction(sample, self.probability(sample.features))

    def _prediction(self, sample: Sample, probability: float) -> Prediction:
        """Return a prediction by a model that has learned as many samples as are counted."""
        zeros, ones = self._learned
        samples_learned = zeros + ones
        return Prediction(
            host=sample.host,
            window=sample.window,
            horizon_ms=0,
            predicted_class=int(probability >= self._decision_threshold),
            probability=probability,
            decision_threshold=self._decision_threshold,
            label=sample.label,
            model_name=self._model_name,
            model_version=self._model_version,
            samples_learned=samples_learned,
            warming_up=samples_learned < self._warm_up_samples or not zeros or not ones,
            metrics=sample.metrics,
        )

    def learn(self, sample: Sample) -> bool:
        """Learn a sample if it has a label; return whether it had one."""
        if sample.label is None:
            return False
        features: dict[Any, Any] = dict(sample.features.items())
        self._model.learn_one(features, sample.label)
        self._learned[sample.label] += 1
        return True

    def take_events(self) -> list[ForestEvent]:
        """Return the warnings and drifts since the last call, of a model that tells them."""
        take: Callable[[], list[ForestEvent]] | None = getattr(self._model, "take_events", None)
        return [] if take is None else take()

    def snapshot(self) -> bytes:
        """Return the state as bytes; the model as `learning.stored_model` writes it.

        Raises
        ------
        SnapshotError
            If the model has parts that no snapshot may hold.
        """
        state = {"learned": self._learned, "model": self._model_name, "river": river_version}
        return pack({"counts": write_state("learner", 2, state), "model": dump_model(self._model)})

    def restore(self, data: bytes) -> None:
        """Take on the state of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of a learner of this model, or of another release of river, unless
            the model is our own.
        """
        parts = unpack(data)
        if parts.keys() != {"counts", "model"}:
            raise SnapshotError(f"snapshot has the parts {sorted(parts)}, expected those of a learner")
        state = read_state("learner", 2, parts["counts"])
        try:
            river, name, (zeros, ones) = state["river"], state["model"], state["learned"]
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"state of the learner is incomplete: {error!r}") from error
        if river != river_version and not is_own(parts["model"]):
            raise SnapshotError(f"model is of river {river}, this is river {river_version}")
        if name != self._model_name:
            raise SnapshotError(f"model is {name!r}, expected {self._model_name!r}")
        model = load_model(parts["model"])
        if type(model) is not type(self._model):
            raise SnapshotError(f"model is a {type(model).__name__}, expected {type(self._model).__name__}")
        self._model = model
        self._learned = [zeros, ones]


def probability_of_bottleneck(model: base.Classifier, features: dict[Any, Any]) -> float:
    """Return a model's probability of class 1, always a number from 0.0 to 1.0.

    Parameters
    ----------
    model : river.base.Classifier
        A model of labels 0 and 1, or False and True. One without probabilities gives 0.0 or 1.0.
    features : dict
        Features of the sample; may be empty.

    Returns
    -------
    float
        0.0 as long as the model has not seen class 1.
    """
    try:
        probability = float(model.predict_proba_one(features).get(1, 0.0))
    except NotImplementedError:
        probability = float(model.predict_one(features) == 1)
    return _as_probability(probability)


def _as_probability(value: float) -> float:
    """Return the number from 0.0 to 1.0 that a model means; what it cannot tell (NaN) counts as 0."""
    return min(value, 1.0) if value > 0.0 else 0.0
