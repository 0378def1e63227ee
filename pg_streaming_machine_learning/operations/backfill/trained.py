"""What was learned, as a file that `snapshot import` reads and `snapshot restore` goes on with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import BackfillError, SnapshotError
from pg_streaming_machine_learning.operations.snapshot_file import SnapshotFile, write_snapshot_file
from pg_streaming_machine_learning.operations.snapshots import StoredSnapshot, check_name
from pg_streaming_machine_learning.state.taken import SnapshotTaker

__all__ = ["check_trained", "write_trained"]


def check_trained(path: Path, name: str, engine: Engine, *, may_replace: bool) -> None:
    """See, before hours of work, that a file can be written at their end.

    Parameters
    ----------
    path, name
        The file, and the name that the snapshot is to be imported under.
    engine : Engine
        A fresh one.
    may_replace : bool
        Whether a file that is there is replaced.

    Raises
    ------
    BackfillError
        If the file is there, or its folder is not.
    SnapshotError
        If there can be no snapshot of that name, or none of this model.
    """
    check_name(name)
    if path.exists() and not may_replace:
        raise BackfillError(f"{str(path)!r} is there already: take another name, or --force to replace it")
    if not path.absolute().parent.is_dir():
        raise BackfillError(f"there is no folder {str(path.absolute().parent)!r} to write into")
    engine.snapshot()


def write_trained(
    path: Path,
    name: str,
    engines: Sequence[Engine],
    positions: Sequence[int],
    taker: SnapshotTaker,
    now_ms: int,
) -> int:
    """Write the state of engines into a file; return its length in bytes.

    Parameters
    ----------
    path, name
        The file, and the name that the snapshot is to be imported under.
    engines : sequence of Engine
        One for each partition of the log, in their order.
    positions : sequence of int
        Offset of the log up to which each has read; 0 if it did not read the log.
    taker : SnapshotTaker
        Takes the snapshots.
    now_ms : int
        The present time, milliseconds since the epoch.

    Raises
    ------
    SnapshotError
        If the file cannot be written, or a snapshot is too large.
    """

    def take(partition: int) -> StoredSnapshot:
        try:
            taken = taker.take(engines[partition], partition, positions[partition], now_ms)
        except SnapshotError as error:
            raise SnapshotError(f"the model of partition {partition} cannot be kept: {error}") from error
        return StoredSnapshot(*taken)

    snapshots = tuple(map(take, range(len(engines))))
    return write_snapshot_file(path, SnapshotFile(name, taker.application, now_ms, snapshots))
