"""The prequential step: a sample is predicted with what was known before, then learned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from river import base
from river.__version__ import __version__ as river_version

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.models import ModelSpec, create_model, model_version
from pg_streaming_machine_learning.learning.stored_model import dump_model, load_model
from pg_streaming_machine_learning.records.prediction import Prediction, Sample
from pg_streaming_machine_learning.records.snapshot import pack, read_state, unpack, write_state

__all__ = ["Learner", "probability_of_bottleneck"]


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
    def warming_up(self) -> bool:
        """Whether the model has seen too few samples, or one class only."""
        return self.samples_learned < self._warm_up_samples or 0 in self._learned

    def begin_generation(self, number: int) -> None:
        """Let predictions from now on be of a generation of the model."""
        self._model_version = model_version(number)

    def probability(self, features: Mapping[str, float | str]) -> float:
        """Return the probability of class 1; the model does not change."""
        return probability_of_bottleneck(self._model, dict(features))

    def predict(self, sample: Sample) -> Prediction:
        """Return what the model says about a sample; the model does not change."""
        probability = self.probability(sample.features)
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
            samples_learned=self.samples_learned,
            warming_up=self.warming_up,
            metrics=sample.metrics,
        )

    def learn(self, sample: Sample) -> bool:
        """Learn a sample if it has a label; return whether it had one."""
        if sample.label is None:
            return False
        features: dict[Any, Any] = dict(sample.features)
        self._model.learn_one(features, sample.label)
        self._learned[sample.label] += 1
        return True

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
            If the bytes are no snapshot of a learner of this model and this release of river.
        """
        parts = unpack(data)
        if parts.keys() != {"counts", "model"}:
            raise SnapshotError(f"snapshot has the parts {sorted(parts)}, expected those of a learner")
        state = read_state("learner", 2, parts["counts"])
        try:
            river, name, (zeros, ones) = state["river"], state["model"], state["learned"]
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"state of the learner is incomplete: {error!r}") from error
        if river != river_version:
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
    # `min(max(NaN, 0), 1)` would be NaN: what cannot be told from the features counts as 0.
    return min(probability, 1.0) if probability > 0.0 else 0.0
