"""Snapshots kept under names: which there are, and the records that keep, overwrite and delete them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.operations.snapshot_judge import Judge
from pg_streaming_machine_learning.operations.stored_state import PartitionState
from pg_streaming_machine_learning.state.layout import (
    Slot,
    StateRecord,
    StoredState,
    deletion_records,
    named_place,
    snapshot_records,
)
from pg_streaming_machine_learning.state.manifest import Manifest

__all__ = [
    "StoredSnapshot",
    "admit",
    "check_free",
    "check_name",
    "deletions",
    "find_named",
    "keep_newest",
    "kept_names",
    "records_of",
    "whole",
]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Records = Mapping[int, Sequence[StateRecord]]
"""Records by partition of the state topic."""


@dataclass(frozen=True)
class StoredSnapshot:
    """A snapshot on its way from one place to another.

    Parameters
    ----------
    manifest : Manifest
        With its signature.
    payload : bytes
        Its bytes as they are stored, compressed.
    """

    manifest: Manifest
    payload: bytes


def check_name(name: str) -> None:
    """Accept a name for a snapshot.

    Raises
    ------
    SnapshotError
        If it is empty, long, has other characters than letters, digits, ``.``, ``_`` and ``-``, or could be
        taken for a slot.
    """
    if not _NAME.fullmatch(name) or name.startswith("slot-"):
        raise SnapshotError(
            f"a snapshot cannot be called {name!r}, expected 1 to 64 letters, digits, . _ and -, a letter or "
            "digit first, not beginning with 'slot-'"
        )


def kept_names(states: Iterable[PartitionState]) -> list[str]:
    """Return the names under which snapshots are kept, in order."""
    return sorted({name for state in states for name in state.stored.named})


def find_named(states: Sequence[PartitionState], name: str) -> dict[int, Slot]:
    """Return the snapshot of each partition that is kept under a name.

    Raises
    ------
    SnapshotError
        If there is no such name, or some partition has none of it.
    """
    found = {state.partition: state.stored.named[name] for state in states if name in state.stored.named}
    if not found:
        raise SnapshotError(f"there is no snapshot {name!r}{_hint(states, name)}")
    missing = [str(state.partition) for state in states if state.partition not in found]
    if missing:
        raise SnapshotError(
            f"snapshot {name!r} has nothing for partition {', '.join(missing)}: it was kept with fewer "
            "partitions than LOG_PARTITIONS says"
        )
    return found


def _hint(states: Sequence[PartitionState], name: str) -> str:
    names = kept_names(states)
    if not names:
        return "; none is kept yet: pg-streaming-machine-learning snapshot save NAME keeps one"
    nearest = difflib.get_close_matches(name, names, n=3)
    if nearest:
        return f"; did you mean {' or '.join(map(repr, nearest))}?"
    return f"; there are {', '.join(map(repr, names))}"


def check_free(states: Sequence[PartitionState], name: str, *, may_replace: bool) -> None:
    """Accept that a snapshot is written under a name, or deleted.

    Raises
    ------
    SnapshotError
        If one is there and must not be replaced, or a generation that has not begun yet is made from it.
    """
    for state in states:
        order = state.pending
        if order is not None and order.model == named_place(name):
            raise SnapshotError(
                f"generation {order.number} is to begin with snapshot {name!r} and has not yet: start the "
                "worker first"
            )
    if not may_replace and name in kept_names(states):
        raise SnapshotError(
            f"there is a snapshot {name!r} already: take another name, or --force to replace it"
        )


def keep_newest(states: Sequence[PartitionState], judge: Judge) -> dict[int, StoredSnapshot]:
    """Return the newest snapshot of each partition that a start would use.

    Raises
    ------
    SnapshotError
        If a partition has none.
    """
    return {state.partition: whole(judge.newest(state), judge.max_bytes) for state in states}


def whole(slot: Slot, max_bytes: int) -> StoredSnapshot:
    """Return a snapshot's manifest and bytes, after checking that nothing is missing or damaged.

    Raises
    ------
    SnapshotError
        If it is not whole.
    """
    try:
        payload = slot.stored(max_bytes)
    except SnapshotError as error:
        raise SnapshotError(f"snapshot {slot.place!r} is not whole: {error}") from error
    assert slot.manifest is not None
    return StoredSnapshot(slot.manifest, payload)


def records_of(
    states: Sequence[PartitionState], name: str, snapshots: Mapping[int, StoredSnapshot]
) -> dict[int, list[StateRecord]]:
    """Return the records that keep snapshots under a name, whatever was there under it goes."""
    records = {}
    for state in states:
        snapshot = snapshots[state.partition]
        new = snapshot_records(named_place(name), snapshot.manifest, snapshot.payload)
        keys = {record.key for record in new}
        records[state.partition] = [
            *(StateRecord(key, None) for key in state.keys_of(name) if key not in keys),
            *new,
        ]
    return records


def deletions(states: Sequence[PartitionState], name: str) -> dict[int, list[StateRecord]]:
    """Return the records that delete a snapshot kept under a name, of every partition that has it.

    Raises
    ------
    SnapshotError
        If there is none.
    """
    if name not in kept_names(states):
        raise SnapshotError(f"there is no snapshot {name!r}{_hint(states, name)}")
    manifest = [record.key for record in deletion_records(named_place(name), 0)]
    records = {}
    for state in states:
        keys = state.keys_of(name)
        if keys:
            # The manifest first, as everywhere: nobody finds half of it.
            keys.sort(key=lambda key: key not in manifest)
            records[state.partition] = [StateRecord(key, None) for key in keys]
    return records


def admit(
    snapshots: Sequence[StoredSnapshot], partitions: int, judge: Judge, *, trust: bool
) -> dict[int, StoredSnapshot]:
    """Return snapshots from elsewhere as they are kept here.

    Parameters
    ----------
    snapshots : sequence of StoredSnapshot
        One for each partition, in their order.
    partitions : int
        How many partitions the log has here.
    judge : Judge
        Knows the key and the model of here.
    trust : bool
        Sign anew what is signed with another key or not at all.

    Raises
    ------
    SnapshotError
        If there are more or fewer than partitions here, a signature is not accepted, or the model cannot be
        used.
    """
    if len(snapshots) != partitions:
        raise SnapshotError(
            f"the file has models for {len(snapshots)} partitions, LOG_PARTITIONS is {partitions}: a model "
            "knows the hosts of its partition only, so the numbers have to be the same"
        )
    admitted = {}
    for partition, snapshot in enumerate(snapshots):
        known = _accepted(snapshot, judge, trust=trust)
        fault = judge.model_fault(_as_slot(known))
        if fault is not None:
            raise SnapshotError(f"partition {partition} of the file cannot be used here: {fault}")
        admitted[partition] = known
    return admitted


def _as_slot(snapshot: StoredSnapshot) -> Slot:
    """Return a snapshot as it will be found in the state topic."""
    records = snapshot_records(named_place("x"), snapshot.manifest, snapshot.payload)
    return StoredState.from_records(records).named["x"]


def _accepted(snapshot: StoredSnapshot, judge: Judge, *, trust: bool) -> StoredSnapshot:
    manifest, signer = snapshot.manifest, judge.signer
    try:
        signer.check(manifest.signed_bytes(), manifest.signature)
    except SnapshotError as error:
        if not trust:
            raise SnapshotError(
                f"partition {manifest.partition} of the file is refused: {error}; or, if you know where the "
                "file comes from, --trust signs it anew with the key of here"
            ) from error
    else:
        return snapshot
    signature = signer.sign(manifest.signed_bytes())
    if not signature:
        raise SnapshotError("there is no key to sign with: set SNAPSHOT_KEY as the workers have it")
    return replace(snapshot, manifest=replace(manifest, signature=signature))
