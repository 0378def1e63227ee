"""Which snapshots can be used, and what a start would do with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.operations.stored_state import PartitionState, Tell, silent
from pg_streaming_machine_learning.state.generation import FROM_LOG
from pg_streaming_machine_learning.state.layout import Slot
from pg_streaming_machine_learning.state.recovery import LogBounds, RecoveryRules, recover
from pg_streaming_machine_learning.state.signing import Signer

__all__ = ["Judge", "PartitionReport", "SnapshotReport", "Start"]


@dataclass(frozen=True)
class SnapshotReport:
    """A snapshot, and whether it can be used.

    Parameters
    ----------
    name : str
        Its slot, or the name it is kept under.
    is_named : bool
        Whether it is kept under a name.
    slot : Slot
        The snapshot.
    fault : str or None
        Why it cannot be used; None if it can.
    """

    name: str
    is_named: bool
    slot: Slot
    fault: str | None

    @property
    def is_signed(self) -> bool:
        """Whether it has a signature, good or not."""
        return self.slot.manifest is not None and self.slot.manifest.signature != ""


@dataclass(frozen=True)
class Start:
    """What a start of a worker would do with a partition.

    Parameters
    ----------
    source : str
        ``slot-0``, ``slot-1``, ``log`` (read again from its beginning) or ``nothing``.
    position : int
        Offset of the log at which it would begin to read.
    replays : int
        How many offsets it would read again before it goes on predicting; updates are fewer, since marks and
        the ends of transactions have offsets, too.
    problem : str
        Why it would not start without an operator's word; empty if it would.
    """

    source: str
    position: int
    replays: int
    problem: str = ""


@dataclass(frozen=True)
class PartitionReport:
    """What there is of a partition.

    Parameters
    ----------
    state : PartitionState
        What was read.
    snapshots : tuple of SnapshotReport
        The engine's own, the furthest first; then those kept under names, by name.
    start : Start
        What a start would do.
    """

    state: PartitionState
    snapshots: tuple[SnapshotReport, ...]
    start: Start


@dataclass(frozen=True)
class Judge:
    """Tells which snapshots the workers of an application would use, by trying.

    Parameters
    ----------
    application : str
        The application.
    signer : Signer
        Checks signatures.
    max_bytes : int
        Larger snapshots are refused.
    create_engine : callable
        Generation → a fresh engine, as the workers have it.
    tell : callable
        Is told which snapshot is being tried.
    """

    application: str
    signer: Signer
    max_bytes: int
    create_engine: Callable[[int], Engine]
    tell: Tell = silent

    def report(self, state: PartitionState) -> PartitionReport:
        """Return what there is of a partition; every snapshot is tried."""
        snapshots = [
            SnapshotReport(slot.place, False, slot, self.slot_fault(state, slot))
            for slot in state.stored.slots
        ]
        usable = next((one.slot for one in snapshots if one.fault is None), None)
        snapshots += [
            SnapshotReport(name, True, slot, self.model_fault(slot))
            for name, slot in sorted(state.stored.named.items())
        ]
        return PartitionReport(state, tuple(snapshots), _start(state, usable))

    def newest(self, state: PartitionState) -> Slot:
        """Return the newest snapshot that a start would use.

        Raises
        ------
        SnapshotError
            If there is none, with the reasons.
        """
        faults = []
        for slot in state.stored.slots:
            fault = self.slot_fault(state, slot)
            if fault is None:
                return slot
            faults.append(f"{slot.place}: {fault}")
        if faults:
            raise SnapshotError(
                f"partition {state.partition} has no snapshot that can be used ({'; '.join(faults)})"
            )
        raise SnapshotError(
            f"partition {state.partition} has no snapshot yet: a running worker takes one after "
            "SNAPSHOT_EVERY_UPDATES updates or SNAPSHOT_EVERY_S seconds"
        )

    def slot_fault(self, state: PartitionState, slot: Slot) -> str | None:
        """Return why a start would not use one of the engine's own snapshots, None if it would."""
        self.tell(f"trying {slot.place} of partition {state.partition}")
        alone = replace(state.stored, slots=(slot,), generation=None)
        progress = state.stored.progress
        end = max(state.log.end, 0 if progress is None else progress.end)
        rules = RecoveryRules(
            self.application, state.partition, self.signer, self.max_bytes, allow_cold_start=True
        )
        recovered = recover(alone, self.create_engine, LogBounds(state.log.begin, end), rules)
        if recovered.snapshot_number > 0:  # it was used: the next one does not replace it
            return None
        return recovered.notes[0].partition("cannot be used: ")[2] or recovered.notes[0]

    def model_fault(self, slot: Slot) -> str | None:
        """Return why the model of a kept snapshot could not be taken on, None if it could."""
        self.tell(f"trying snapshot {slot.place!r}")
        try:
            self.try_model(slot.payload(self.max_bytes, self.signer))
        except SnapshotError as error:
            return str(error)
        return None

    def try_model(self, snapshot: bytes) -> None:
        """See that the model of a snapshot could be taken on.

        Raises
        ------
        SnapshotError
            If it could not.
        """
        self.create_engine(1).adopt_learner(snapshot)


def _start(state: PartitionState, usable: Slot | None) -> Start:
    progress, order, log = state.stored.progress, state.pending, state.log
    end = 0 if progress is None else progress.end
    if end > log.end:
        return Start(
            "nothing",
            log.begin,
            0,
            f"predictions were sent up to offset {end} and the log ends at {log.end}: it was made anew",
        )
    if order is not None and order.model == FROM_LOG:
        return Start("log", log.begin, max(0, end - log.begin))
    if usable is None or usable.manifest is None:
        problem = ""
        if log.begin > 0:
            problem = (
                f"no snapshot can be used and the log begins at offset {log.begin}: see ALLOW_COLD_START"
            )
        return Start("log", log.begin, max(0, end - log.begin), problem)
    position = usable.manifest.position
    problem = ""
    if log.begin > position:
        problem = (
            f"{log.begin - position} records behind the snapshot were deleted from the log: see ALLOW_HOLES"
        )
    return Start(usable.place, max(position, log.begin), max(0, end - max(position, log.begin)), problem)
