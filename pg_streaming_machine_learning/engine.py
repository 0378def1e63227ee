"""The engine: the state machine over one partition of the log.

Updates and progress marks in, predictions out. It knows no Kafka, no clock and no Faust, and is a pure
function of the records it is given: the same records in the same order give the same predictions, bit by bit,
on a fresh engine as on one that was restored on the way.

::

    WindowUpdate → seen before? → its window closed? → store
    ProgressMark → watermark → closed windows, by end and host → sample → predict → score → learn
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.evaluation import MODEL, Evaluation
from pg_streaming_machine_learning.learning.learner import Learner
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.learning.sample import create_sample
from pg_streaming_machine_learning.records.prediction import LateUpdate, Prediction, Sample
from pg_streaming_machine_learning.records.snapshot import pack, read_state, unpack, write_state
from pg_streaming_machine_learning.records.update import LogRecord, Metric, ProgressMark, WindowUpdate
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.places import SeenPlaces
from pg_streaming_machine_learning.windows.store import ClosedWindow, WindowStore
from pg_streaming_machine_learning.windows.watermark import WatermarkTracker

__all__ = ["Engine", "EngineConfig", "EngineCounts"]

_MOST_LATE = 1000


@dataclass(frozen=True)
class EngineConfig:
    """What the engine's outputs depend on, besides the log.

    Parameters
    ----------
    inputs : tuple of str
        Input topics whose progress the watermark waits for.
    size_ms, hop_ms, grace_ms : int
        Size and hop of the windows, and window grace, milliseconds.
    idle_after_ms : int
        How long an input partition not heard of yet holds the watermark back, milliseconds.
    model : ModelSpec
        Which model, with which parameters.
    seed : int
        Seed of the model's randomness.
    warm_up_samples : int
        Labeled samples until predictions no longer are marked as warming up.
    decision_threshold : float
        From which probability on class 1 is predicted.
    host_as_feature : bool
        Whether the host's name is a feature.
    evaluation_window : int
        How many of the last labeled samples count as recent.
    """

    inputs: tuple[str, ...]
    size_ms: int
    hop_ms: int
    grace_ms: int
    idle_after_ms: int
    model: ModelSpec = field(default_factory=ModelSpec)
    seed: int = 1
    warm_up_samples: int = 50
    decision_threshold: float = 0.5
    host_as_feature: bool = False
    evaluation_window: int = 1000


@dataclass(frozen=True, slots=True)
class EngineCounts:
    """What the engine has done since the beginning of the log.

    Parameters
    ----------
    updates, repeated, late : int
        Updates read; of these, repeated by a router and dropped; come after their window had closed.
    windows_closed, predictions, learned : int
        Windows closed (of a host), predictions made, labeled samples learned.
    """

    updates: int = 0
    repeated: int = 0
    late: int = 0
    windows_closed: int = 0
    predictions: int = 0
    learned: int = 0


class Engine:
    """The state machine over one partition of the log.

    Parameters
    ----------
    config : EngineConfig
        What its outputs depend on.
    generation : int
        Of the model; predictions say which one they are of.

    Raises
    ------
    WindowError
        If window size and hop do not go together.
    ModelError
        If the model cannot be built.
    """

    def __init__(self, config: EngineConfig, generation: int = 1) -> None:
        windows = HoppingWindows(config.size_ms, config.hop_ms)
        closing_delay_ms = config.size_ms + config.grace_ms
        self.config = config
        self.evaluation = Evaluation(config.evaluation_window)
        self._watermark = WatermarkTracker(config.inputs, config.idle_after_ms, closing_delay_ms)
        self._store = WindowStore(windows, config.grace_ms)
        self._places = SeenPlaces()
        self._learner = Learner(
            config.model, config.seed, config.warm_up_samples, config.decision_threshold, generation
        )
        self._chain = bytes(32)
        self._probe: dict[str, float | str] = {}
        self.generation = generation
        self._updates = self._repeated = self._late = self._closed = 0
        self._late_updates: deque[LateUpdate] = deque(maxlen=_MOST_LATE)

    @property
    def watermark_ms(self) -> int | None:
        """Event time surely reached, milliseconds since the epoch; None before it is defined."""
        return self._watermark.watermark_ms

    @property
    def open_windows(self) -> int:
        """Number of windows, of all hosts, that wait to be closed."""
        return len(self._store)

    @property
    def counts(self) -> EngineCounts:
        """What was done so far."""
        learned = self._learner.samples_learned
        return EngineCounts(self._updates, self._repeated, self._late, self._closed, self._closed, learned)

    def process(self, records: Iterable[LogRecord]) -> list[Prediction]:
        """Return the predictions some records lead to, in order.

        Raises
        ------
        WindowError
            If an update is of a window that is not on the grid: the log was written with another hop.
        """
        return [prediction for prediction in self.steps(records) if prediction is not None]

    def steps(self, records: Iterable[LogRecord]) -> Iterator[Prediction | None]:
        """Do the work of `process` a small piece at a time.

        Yields
        ------
        Prediction or None
            A prediction, or None after a piece of work without one, so that a caller may let others run. A
            piece takes milliseconds: one record read, or one window closed, predicted and learned.

        Notes
        -----
        Nothing is done ahead of the caller. The engine is between two records only at the end: a caller that
        stops earlier throws it away. It does not take a snapshot before that either.
        """
        for record in records:
            if isinstance(record, ProgressMark):
                yield from self._advance(record)
            else:
                self._take(record)
            yield None

    def take_late(self) -> list[LateUpdate]:
        """Return the late updates since the last call, the last 1000 at most; `counts` has them all."""
        taken = list(self._late_updates)
        self._late_updates.clear()
        return taken

    def _take(self, update: WindowUpdate) -> None:
        """Store an update, unless it came before or came too late."""
        self._updates += 1
        if not self._places.is_new(update.place):
            self._repeated += 1
            return
        late_ms = self._store.late_ms(update.window_start_ms, self.watermark_ms)
        if late_ms is None:
            self._store.add(update)
            return
        self._late += 1
        self._late_updates.append(LateUpdate(update.host, update.metric, update.window_start_ms, late_ms))

    def _advance(self, mark: ProgressMark) -> Iterator[Prediction]:
        """Move the watermark, and close what it has passed."""
        if self._watermark.update(mark) and self.watermark_ms is not None:
            for closed in self._store.close(self.watermark_ms):
                yield self._conclude(closed)

    def _conclude(self, closed: ClosedWindow) -> Prediction:
        """Predict a closed window, score the prediction, learn the label."""
        sample = create_sample(*closed, host_as_feature=self.config.host_as_feature)
        prediction = self._learner.predict(sample)
        if sample.label is not None:
            self.evaluation.score(
                sample.host, sample.label, prediction.predicted_class, prediction.probability
            )
            self._learner.learn(sample)
        self._closed += 1
        self._probe = dict(sample.features)
        self._chain = hashlib.sha256(self._chain + _essence(sample, prediction)).digest()
        return prediction

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that are the same for the same state, and hardly for another.

        They are of every sample and its prediction so far (but for the release that predicted it), of what
        has been read, and of what the model says now about the last sample. It takes one prediction.
        """
        state = [self._watermark.snapshot(), self._places.snapshot(), struct.pack(">q", len(self._store))]
        counts = struct.pack(">4q", self._updates, self._repeated, self._late, self._closed)
        opinion = struct.pack(">d", self._learner.probability(self._probe))
        return hashlib.sha256(b"".join([self._chain, *state, counts, opinion])).hexdigest()[:32]

    def begin_generation(self, number: int) -> None:
        """Let predictions from now on be of another generation of the model."""
        self.generation = number
        self._learner.begin_generation(number)

    def adopt_learner(self, snapshot: bytes) -> None:
        """Take on the model of another engine's snapshot, and its scores; windows and watermark stay.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of an engine with this model and this release of river.
        """
        with _telling_what_is_missing():
            parts = unpack(snapshot)
            self._learner.restore(parts["learner"])
            self.evaluation.restore(parts["evaluation"])
        self._probe = {}  # of a sample this model may never have met

    def figures(self) -> dict[str, float]:
        """Return what the model has seen and how well it does, by name; what is undefined is left out."""
        score = self.evaluation.since_start()[MODEL]
        figures = {
            "windows_closed": self._closed,
            "open_windows": self.open_windows,
            "samples_learned": self._learner.samples_learned,
            "accuracy": score.accuracy,
            "kappa": score.kappa,
            "f1": score.f1,
            "roc_auc": score.roc_auc,
        }
        return {name: value for name, value in figures.items() if not math.isnan(value)}

    def snapshot(self) -> bytes:
        """Return the whole state as bytes.

        Notes
        -----
        The parts' own snapshots under the header of `records.snapshot`. The model is stored by
        `learning.stored_model`.

        Raises
        ------
        SnapshotError
            If the model has parts that no snapshot may hold.
        """
        counts = [self._updates, self._repeated, self._late, self._closed]
        late = [dataclasses.astuple(update) for update in self._late_updates]
        own = {
            "config": self._settings(),
            "counts": counts,
            "late": late,
            "generation": self.generation,
            "chain": self._chain.hex(),
            "probe": list(self._probe.items()),
        }
        return pack(
            {
                "engine": write_state("engine", 2, own),
                "watermark": self._watermark.snapshot(),
                "store": self._store.snapshot(),
                "places": self._places.snapshot(),
                "learner": self._learner.snapshot(),
                "evaluation": self.evaluation.snapshot(),
            }
        )

    def restore(self, data: bytes) -> None:
        """Take on the state of a snapshot. After an error the engine is of no use.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of an engine, or of one with another configuration.
        """
        with _telling_what_is_missing():
            parts = unpack(data)
            self._restore_own(parts["engine"])
            self._watermark.restore(parts["watermark"])
            self._store.restore(parts["store"])
            self._places.restore(parts["places"])
            self._learner.restore(parts["learner"])
            self.evaluation.restore(parts["evaluation"])

    def _restore_own(self, data: bytes) -> None:
        """Take on what belongs to no part."""
        state = read_state("engine", 2, data)
        if state["config"] != self._settings():
            raise SnapshotError("snapshot is of an engine with other settings")
        self.begin_generation(state["generation"])
        self._chain = bytes.fromhex(state["chain"])
        self._probe = dict(state["probe"])
        self._updates, self._repeated, self._late, self._closed = state["counts"]
        self._late_updates.clear()
        for host, metric, window_start_ms, late_ms in state["late"]:
            self._late_updates.append(LateUpdate(host, Metric(*metric), window_start_ms, late_ms))

    def _settings(self) -> str:
        """Return the configuration as text, the same for the same configuration."""
        return json.dumps(dataclasses.asdict(self.config), sort_keys=True, default=repr)


@contextmanager
def _telling_what_is_missing() -> Iterator[None]:
    """Have whatever damaged state leads to end as one error."""
    try:
        yield
    except SnapshotError:
        raise
    except KeyError as error:
        raise SnapshotError(f"snapshot has no part {error}, expected those of an engine") from error
    except (AttributeError, TypeError, ValueError, struct.error) as error:
        raise SnapshotError(f"state of the engine is damaged: {type(error).__name__}: {error}") from error


def _essence(sample: Sample, prediction: Prediction) -> bytes:
    """Return what was predicted and of what, without the release that did it, as bytes."""
    numbers = struct.pack(
        ">4qdq",
        sample.window.start_ms,
        sample.window.end_ms,
        -1 if sample.label is None else sample.label,
        prediction.samples_learned,
        prediction.probability,
        prediction.predicted_class,
    )
    # The repr of a float has all its bits, and a model that has seen little says the same of anything.
    metrics = [str(metric) for metric in sample.metrics]
    return numbers + repr((sample.host, metrics, list(sample.features.items()))).encode()
