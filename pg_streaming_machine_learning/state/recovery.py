"""Recovering an engine: from the best snapshot there is, or from the log's beginning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import ColdStartError, LogReplacedError, SnapshotError, StateError
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder
from pg_streaming_machine_learning.state.layout import Slot, StoredState, named_place
from pg_streaming_machine_learning.state.manifest import Manifest
from pg_streaming_machine_learning.state.signing import Signer

__all__ = ["LogBounds", "Recovered", "RecoveryRules", "recover"]


@dataclass(frozen=True, slots=True)
class LogBounds:
    """What a partition of the log has.

    Parameters
    ----------
    begin, end : int
        The first offset still there, and the one the next record will have.
    """

    begin: int
    end: int


@dataclass(frozen=True)
class RecoveryRules:
    """What may be used, and what may be passed over.

    Parameters
    ----------
    application : str
        Whose snapshots are used.
    partition : int
        Of the log.
    signer : Signer
        Checks signatures.
    max_bytes : int
        Larger snapshots are refused.
    allow_cold_start : bool
        Go on with an empty model if nothing else is left.
    allow_holes : bool
        Go on behind records of the log that were deleted.
    """

    application: str
    partition: int
    signer: Signer
    max_bytes: int
    allow_cold_start: bool = False
    allow_holes: bool = False


@dataclass(frozen=True)
class Recovered:
    """An engine and how it goes on.

    Parameters
    ----------
    engine : Engine
        With the state at `position`.
    position : int
        Offset of the log at which reading goes on.
    emitted_to : int
        Offset before which outputs were sent: up to here the log is read without sending.
    fingerprint : str or None
        What the engine's fingerprint has to be there; None if it need not be the same state.
    generation : int
        Of the model from there on.
    learner : bytes or None
        Snapshot whose learner takes the place of the engine's there.
    model_version : str
        Which release sent the outputs.
    snapshot_number : int
        Which snapshot the next one is.
    hole : int
        Records of the log that are missing before `position`.
    notes : tuple of str
        What an operator should know.
    """

    engine: Engine
    position: int
    emitted_to: int
    fingerprint: str | None
    generation: int
    learner: bytes | None
    model_version: str
    snapshot_number: int
    hole: int
    notes: tuple[str, ...]


def recover(
    stored: StoredState, create_engine: Callable[[int], Engine], bounds: LogBounds, rules: RecoveryRules
) -> Recovered:
    """Return an engine as far as it was, by what its partition of the state topic holds.

    Parameters
    ----------
    stored : StoredState
        Read after the former owner was fenced.
    create_engine : callable
        Generation → a fresh engine.
    bounds : LogBounds
        What the log has.
    rules : RecoveryRules
        What may be used.

    Raises
    ------
    LogReplacedError
        If the log ends before where outputs were sent to.
    ColdStartError
        If there is no usable snapshot, the log's beginning is gone, and a cold start is not allowed.

    Notes
    -----
    A `Recovered` with a hole says that the log begins behind the snapshot: whether to go on is the caller's
    to decide.
    """
    return _Recovery(stored, create_engine, bounds, rules).run()


class _Recovery:
    def __init__(
        self,
        stored: StoredState,
        create_engine: Callable[[int], Engine],
        bounds: LogBounds,
        rules: RecoveryRules,
    ) -> None:
        self._stored = stored
        self._create_engine = create_engine
        self._bounds = bounds
        self._rules = rules
        self._notes: list[str] = []
        self._used: Slot | None = None
        progress = stored.progress
        self._emitted_to = 0 if progress is None else progress.end
        self._fingerprint = None if progress is None else progress.fingerprint
        self._generation = 1 if progress is None else progress.generation
        self._model_version = "" if progress is None else progress.model_version
        order = stored.generation
        self._order: GenerationOrder | None = None
        if order is not None and (progress is None or order.number > progress.generation):
            self._order = order

    def run(self) -> Recovered:
        if self._emitted_to > self._bounds.end:
            raise LogReplacedError(
                f"the log ends at offset {self._bounds.end} and outputs were sent for it up to "
                f"{self._emitted_to}: it was made anew. Begin with another LOG_TOPIC, STATE_TOPIC, "
                "PROGRESS_TOPIC and PREDICTIONS_TOPIC"
            )
        learner = self._named_learner()
        found = None if self._is_from_log() else self._from_snapshot()
        position, is_cold = self._bounds.begin, False
        engine = self._create_engine(self._generation)
        if found is not None:
            engine, position = found
        elif self._bounds.begin > 0 and not self._is_from_log():
            is_cold = True
            self._allow_cold()
        hole = max(0, self._bounds.begin - position)
        if hole and self._rules.allow_holes:
            self._notes.append(f"going on behind {hole} deleted records of the log, as ALLOW_HOLES says")
        generation = self._generation + 1 if is_cold or hole else self._generation
        if self._order is not None:
            generation = max(self._order.number, generation)
        is_same = not is_cold and not hole and not self._is_from_log()
        return Recovered(
            engine=engine,
            position=max(position, self._bounds.begin),
            emitted_to=self._emitted_to,
            fingerprint=self._fingerprint if is_same and position <= self._emitted_to else None,
            generation=generation,
            learner=learner,
            model_version=self._model_version,
            snapshot_number=self._next_number(),
            hole=hole,
            notes=tuple(self._notes),
        )

    def _is_from_log(self) -> bool:
        return self._order is not None and self._order.model == FROM_LOG

    def _named_learner(self) -> bytes | None:
        """Return the snapshot that an order of a new generation names."""
        if self._order is None or self._order.model == FROM_LOG:
            return None
        slot = self._stored.named.get(self._order.model.removeprefix(named_place("")))
        if slot is None:
            raise StateError(
                f"generation {self._order.number} is to go on from {self._order.model!r}, which is gone; "
                f"{_WAY_OUT}"
            )
        try:
            return slot.payload(self._rules.max_bytes, self._rules.signer)
        except SnapshotError as error:
            raise StateError(f"snapshot {slot.place!r} cannot be used: {error}; {_WAY_OUT}") from error

    def _from_snapshot(self) -> tuple[Engine, int] | None:
        """Return an engine with the state of the best snapshot that can be used, and its position."""
        # What cannot be read may have been the furthest: an operator has to know, even if another is used.
        for slot in sorted(self._stored.slots, key=lambda slot: slot.manifest is not None):
            try:
                found = self._restored(slot)
            except SnapshotError as error:  # noqa: PERF203
                self._notes.append(f"snapshot {_described(slot)} cannot be used: {error}")
            else:
                self._used = slot
                return found
        if self._stored.slots:
            self._notes.append("no snapshot can be used, the state is rebuilt from the log's beginning")
        return None

    def _restored(self, slot: Slot) -> tuple[Engine, int]:
        payload = slot.payload(self._rules.max_bytes, self._rules.signer)
        manifest = slot.manifest
        assert manifest is not None
        self._check_origin(manifest)
        engine = self._create_engine(manifest.generation)
        engine.restore(payload)
        return engine, manifest.position

    def _check_origin(self, manifest: Manifest) -> None:
        rules = self._rules
        if (manifest.application, manifest.partition) != (rules.application, rules.partition):
            raise SnapshotError(
                f"it is of {manifest.application!r} partition {manifest.partition}, expected "
                f"{rules.application!r} partition {rules.partition}"
            )
        if manifest.generation != self._generation:
            raise SnapshotError(f"it is of generation {manifest.generation}, expected {self._generation}")
        if manifest.position > self._emitted_to:
            raise SnapshotError(
                f"it is of offset {manifest.position}, but outputs were sent up to {self._emitted_to} only"
            )

    def _allow_cold(self) -> None:
        why = (
            f"the log begins at offset {self._bounds.begin} and there is no snapshot that can be used"
            f"{''.join(f'; {note}' for note in self._notes)}"
        )
        if not self._rules.allow_cold_start:
            raise ColdStartError(
                f"{why}: the state cannot be rebuilt. Set ALLOW_COLD_START to true for one start to go on "
                "with an empty model, or put a snapshot back (docs/snapshots.md)"
            )
        self._notes.append(f"{why}: going on with an empty model, as ALLOW_COLD_START says")

    def _next_number(self) -> int:
        """Return the number of the next snapshot: it does not replace the one that was used."""
        return 0 if self._used is None else int(self._used.place.removeprefix("slot-")) + 1


_WAY_OUT = (
    "put it back (pg-streaming-machine-learning snapshot import), or order another generation "
    "(snapshot restore, reset --generation)"
)


def _described(slot: Slot) -> str:
    if slot.manifest is None:
        return slot.place
    return f"{slot.place} at offset {slot.manifest.position}"
