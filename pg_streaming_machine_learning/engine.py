"""The engine: the state machine over one partition of the log.

Updates and progress marks in, predictions out. It knows no Kafka, no clock and no Faust, and is a pure
function of the records it is given: the same records in the same order give the same predictions, bit by bit,
on a fresh engine as on one that was restored on the way.

::

    an update → seen before? → its windows closed? → open windows
    ProgressMark → watermark → closed windows, by end and host → label → sample → predict → score → learn

A model that takes many samples at a time gets the windows that one mark closes together, in the same order
and to the same result.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.labels.objectives import Objectives
from pg_streaming_machine_learning.labels.rank import label_of
from pg_streaming_machine_learning.learning.essence import essence_of, essence_of_row
from pg_streaming_machine_learning.learning.evaluation import MODEL, Evaluation
from pg_streaming_machine_learning.learning.forest.answers import ForestEvent
from pg_streaming_machine_learning.learning.learner import Learner
from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.learning.rows import rows_of
from pg_streaming_machine_learning.learning.sample import create_sample
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.prediction import Concluded, Effect, Measured, Prediction, Sample
from pg_streaming_machine_learning.records.snapshot import pack, read_state, unpack, write_state
from pg_streaming_machine_learning.records.update import Metric, ProgressMark, Update
from pg_streaming_machine_learning.records.window_updates import WindowUpdates
from pg_streaming_machine_learning.windows.duration_summary import summarize_durations
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.open_windows import Late, OpenWindows
from pg_streaming_machine_learning.windows.places import SeenPlaces
from pg_streaming_machine_learning.windows.store import ClosedWindow
from pg_streaming_machine_learning.windows.strangers import Strangers
from pg_streaming_machine_learning.windows.watermark import WatermarkTracker

__all__ = ["Engine", "EngineConfig", "EngineCounts"]

_MOST_LATE = 1000

_MOST_AT_ONCE = 256
"""Windows that a model which takes many samples at a time gets at most: milliseconds of work."""

_MOST_DURATIONS = 20_000
"""Durations that are labelled and summarised at once: milliseconds of work, if one window has no more."""


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
    objectives : Objectives
        Which durations are too long.
    label_without_spans : int or None
        Label of a window that has neither a label nor a duration.
    tell_measured : bool
        Whether the readings that go into windows are among the effects. Neither predictions nor state depend
        on it, so a snapshot may be taken with it and restored without.
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
    objectives: Objectives = field(default_factory=Objectives.default)
    label_without_spans: int | None = None
    tell_measured: bool = False


@dataclass(frozen=True, slots=True)
class EngineCounts:
    """What the engine has done since the beginning of the log.

    Parameters
    ----------
    updates, repeated, late : int
        Updates read; of these, repeated by a router and dropped; and how many revisions, labels, readings and
        durations came after their last window had closed.
    windows_closed, predictions, learned : int
        Windows closed (of a host), predictions made, labeled samples learned.
    strange_spans : int
        Durations of hosts that no metric is known of.
    """

    updates: int = 0
    repeated: int = 0
    late: int = 0
    windows_closed: int = 0
    predictions: int = 0
    learned: int = 0
    strange_spans: int = 0


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
        self._windows = OpenWindows(windows, config.grace_ms, is_telling=config.tell_measured)
        self._strangers = Strangers(config.hop_ms)
        self._places = SeenPlaces()
        self._learner = Learner(
            config.model, config.seed, config.warm_up_samples, config.decision_threshold, generation
        )
        self._chain = bytes(32)
        self._probe: dict[str, float | str] = {}
        self.generation = generation
        self._updates = self._repeated = self._late = self._closed = self._predicted = 0
        self._late_updates: deque[Late] = deque(maxlen=_MOST_LATE)

    @property
    def watermark_ms(self) -> int | None:
        """Event time surely reached, milliseconds since the epoch; None before it is defined."""
        return self._watermark.watermark_ms

    @property
    def open_windows(self) -> int:
        """Number of windows, of all hosts, that wait to be closed."""
        return len(self._windows)

    @property
    def counts(self) -> EngineCounts:
        """What was done so far."""
        return EngineCounts(
            self._updates,
            self._repeated,
            self._late,
            self._closed,
            self._predicted,
            self._learner.samples_learned,
            self._strangers.spans,
        )

    def process(self, records: Iterable[LogRecord]) -> list[Prediction]:
        """Return the predictions some records lead to, in order.

        Raises
        ------
        WindowError
            If an update is of a window that is not on the grid: the log was written with another hop.
        """
        predictions: list[Prediction] = []
        for record in records:
            if not isinstance(record, ProgressMark):
                self.take(record)  # as `steps` does, whose pauses take a tenth of the time
                continue
            concluded = [effect for effect in self._advance(record) if isinstance(effect, Concluded)]
            predictions += [each.prediction for each in concluded if each.prediction is not None]
        return predictions

    def steps(self, records: Iterable[LogRecord]) -> Iterator[Effect | None]:
        """Do the work of `process` a small piece at a time.

        Yields
        ------
        Effect or None
            What some work led to, or None after a piece of work that led to nothing, so that a caller may let
            others run. A piece takes milliseconds: one record read, or one window closed, predicted and
            learned, or up to 256 of them by a model that takes many at a time.

        Notes
        -----
        No piece is begun ahead of the caller. The engine is between two records only at the end: a caller
        that stops earlier throws it away. It does not take a snapshot before that either.
        """
        for record in records:
            if isinstance(record, ProgressMark):
                yield from self._advance(record)
            else:
                yield from self.take(record)
            yield None

    def take(self, update: Update | WindowUpdates) -> Sequence[Measured]:
        """Store an update, unless it came before or came too late; return the readings that are final by it.

        This is what `steps` does with an update: nothing is predicted by one. Many at once are stored as if
        they came one after the other.

        Raises
        ------
        WindowError
            If it is of a window that is not on the grid.
        """
        if isinstance(update, WindowUpdates):
            self._take_many(update)
            return ()
        self._updates += 1
        if not self._places.is_new(update.place):
            self._repeated += 1
            return ()
        late = self._windows.add(update, self._watermark.watermark_ms)
        if late:
            self._late += sum(each.count for each in late)
            self._late_updates.extend(late)
        return self._windows.take_measured()

    def _take_many(self, updates: WindowUpdates) -> None:
        """Store many updates of windows, but for those that came before or came too late."""
        self._updates += len(updates)
        repeated = self._places.repeated(updates)
        self._repeated += repeated
        late = self._windows.add_many(updates, repeated, self._watermark.watermark_ms)
        self._late += len(late)
        self._late_updates.extend(late)

    def take_late(self) -> list[Late]:
        """Return what came too late since the last call, the last 1000 at most; `counts` has them all."""
        taken = list(self._late_updates)
        self._late_updates.clear()
        return taken

    def take_strangers(self) -> list[str]:
        """Return the hosts with durations and no metrics that were not returned before, sorted."""
        return self._strangers.take()

    def take_model_events(self) -> list[ForestEvent]:
        """Return the warnings and drifts of the model since the last call."""
        return self._learner.take_events()

    def _advance(self, mark: ProgressMark) -> Iterator[Effect | None]:
        """Move the watermark, and close what it has passed, so many windows at once as the model takes."""
        if not self._watermark.update(mark) or self.watermark_ms is None:
            return
        most = _MOST_AT_ONCE if self._takes_rows else 1
        final: list[list[Measured]] = []
        samples: list[Sample] = []
        durations = 0
        for closed in self._windows.close(self.watermark_ms):
            final.append(self._windows.take_measured())
            samples.append(self._sample(closed))
            durations += len(closed.durations)
            if durations >= _MOST_DURATIONS:
                yield None
                durations = 0
            if len(samples) == most:
                yield from self._conclude(final, samples)
                final, samples = [], []
        yield from self._conclude(final, samples)

    @property
    def _takes_rows(self) -> bool:
        """Whether samples go to the model as rows: it takes them, and no name of a host is among them."""
        return self._learner.takes_rows and not self.config.host_as_feature

    def _sample(self, closed: ClosedWindow) -> Sample:
        """Make a sample of a closed window."""
        durations_us = closed.durations.durations_us
        self._closed += 1
        self._strangers.note(closed)
        return create_sample(
            closed.host,
            closed.window,
            closed.revisions,
            label_of(closed, self.config.objectives, self.config.label_without_spans),
            summarize_durations(durations_us) if len(durations_us) else None,
            host_as_feature=self.config.host_as_feature,
        )

    def _conclude(self, final: Sequence[list[Measured]], samples: Sequence[Sample]) -> Iterator[Effect]:
        """Predict samples, score the predictions, learn the labels; yield each behind what it made final."""
        told = [sample for sample in samples if sample.metrics]
        rows = rows_of(told) if told and self._takes_rows else None
        predictions = iter(self._learner.process(told, rows))
        contents = iter(() if rows is None else rows.contents)
        self._predicted += len(told)
        if told:
            self._probe = dict(told[-1].features.items())
        for measured, sample in zip(final, samples, strict=True):
            yield from measured
            prediction = next(predictions) if sample.metrics else None
            if prediction is None or rows is None:
                essence = essence_of(sample, prediction)
            else:
                essence = essence_of_row(sample, prediction, next(contents))
            if prediction is not None and sample.label is not None:
                self.evaluation.score(
                    sample.host, sample.label, prediction.predicted_class, prediction.probability
                )
            self._chain = hashlib.sha256(self._chain + essence).digest()
            yield Concluded(sample, prediction)

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that are the same for the same state, and hardly for another.

        They are of every sample and its prediction so far (but for the release that predicted it), of what
        has been read, and of what the model says now about the last sample. It takes one prediction.
        """
        state = [self._watermark.snapshot(), self._places.snapshot(), struct.pack(">q", self.open_windows)]
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
            If the bytes are no snapshot of an engine with this model, or of another release of river, unless
            the model is our own.
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
        counts = [self._updates, self._repeated, self._late, self._closed, self._predicted]
        own = {
            "config": self._settings(),
            "counts": counts,
            "late": [dataclasses.astuple(each) for each in self._late_updates],
            "generation": self.generation,
            "chain": self._chain.hex(),
            "probe": list(self._probe.items()),
        }
        return pack(
            {
                "engine": write_state("engine", 3, own),
                "watermark": self._watermark.snapshot(),
                **self._windows.snapshot(),
                "strangers": self._strangers.snapshot(),
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
            self._windows.restore(parts)
            if "strangers" in parts:  # not before durations were known
                self._strangers.restore(parts["strangers"])
            self._places.restore(parts["places"])
            self._learner.restore(parts["learner"])
            self.evaluation.restore(parts["evaluation"])

    def _restore_own(self, data: bytes) -> None:
        """Take on what belongs to no part."""
        state = _own_state(data)
        if state["config"] != self._settings():
            raise SnapshotError("snapshot is of an engine with other settings")
        self.begin_generation(state["generation"])
        self._chain = bytes.fromhex(state["chain"])
        self._probe = dict(state["probe"])
        self._updates, self._repeated, self._late, self._closed, self._predicted = state["counts"]
        self._late_updates.clear()
        for host, metric, *more in state["late"]:
            self._late_updates.append(Late(host, None if metric is None else Metric(*metric), *more))

    def _settings(self) -> str:
        """Return the configuration as text, the same for the same configuration."""
        told = {one.name: getattr(self.config, one.name) for one in dataclasses.fields(self.config)}
        told |= {
            "model": dataclasses.asdict(self.config.model),
            "objectives": self.config.objectives.describe(),
        }
        del told["tell_measured"]
        return json.dumps(told, sort_keys=True, default=repr)


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


def _own_state(data: bytes) -> Any:
    """Return what belongs to no part, of this version or the one before, which knew windows alone."""
    try:
        return read_state("engine", 3, data)
    except SnapshotError:
        state = read_state("engine", 2, data)
    config = json.loads(state["config"]) | {
        "objectives": Objectives.default().describe(),
        "label_without_spans": None,
    }
    counts = [*state["counts"], state["counts"][-1]]  # every window that closed was predicted
    return state | {"config": json.dumps(config, sort_keys=True), "counts": counts}
