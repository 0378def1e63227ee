"""The records of the state topic: progress, orders, and snapshots cut into chunks."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pg_streaming_machine_learning.errors import SnapshotError, StateError
from pg_streaming_machine_learning.state.generation import GenerationOrder
from pg_streaming_machine_learning.state.manifest import Manifest
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.signing import Signer

__all__ = [
    "CHUNK_BYTES",
    "GENERATION_KEY",
    "PROGRESS_KEY",
    "Slot",
    "StateRecord",
    "StoredState",
    "chunk_count",
    "compress",
    "deletion_records",
    "expand",
    "named_place",
    "slot_place",
    "snapshot_records",
]

PROGRESS_KEY = b"progress"
GENERATION_KEY = b"generation"

CHUNK_BYTES = 900_000
"""Below the largest record that Kafka takes as it comes, 1 MiB."""

EXPANDS_AT_MOST = 100
"""A snapshot expands to no more than so many times its compressed size; ours do some three times."""

ALWAYS_EXPANDS = 2**26
"""A snapshot may expand to so many bytes however small it is."""


@dataclass(frozen=True, slots=True)
class StateRecord:
    """A record of the state topic; one without value deletes its key."""

    key: bytes
    value: bytes | None


def slot_place(number: int) -> str:
    """Return the place of a snapshot by its number: there are two, used in turns."""
    return f"slot-{number % 2}"


_SLOTS = (slot_place(0), slot_place(1))


def named_place(name: str) -> str:
    """Return the place of a snapshot that is kept under a name."""
    return f"named/{name}"


def compress(snapshot: bytes) -> bytes:
    """Return a snapshot as it is stored."""
    return zlib.compress(snapshot, 1)


def expand(payload: bytes, limit: int) -> bytes:
    """Return what `compress` was given.

    Raises
    ------
    SnapshotError
        If the bytes are damaged, or expand beyond the limit.
    """
    unpacker = zlib.decompressobj()
    try:
        snapshot = unpacker.decompress(payload, limit + 1)
    except zlib.error as error:
        raise SnapshotError(f"it cannot be expanded: {error}") from error
    if len(snapshot) > limit:
        raise SnapshotError(f"it expands to more than {limit} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise SnapshotError("it cannot be expanded: it is cut, or something follows")
    return snapshot


def chunk_count(size_bytes: int) -> int:
    """Return in how many chunks a compressed snapshot of so many bytes is stored."""
    return -(-size_bytes // CHUNK_BYTES)


def snapshot_records(place: str, manifest: Manifest, payload: bytes) -> list[StateRecord]:
    """Return the records of a snapshot: its chunks, then the manifest."""
    chunks = [payload[start : start + CHUNK_BYTES] for start in range(0, len(payload), CHUNK_BYTES)]
    records = [StateRecord(_chunk_key(place, number), chunk) for number, chunk in enumerate(chunks)]
    return [*records, StateRecord(_manifest_key(place), manifest.to_bytes())]


def deletion_records(place: str, chunks: int) -> list[StateRecord]:
    """Return the records that delete a snapshot: its manifest first."""
    keys = [_manifest_key(place), *(_chunk_key(place, number) for number in range(chunks))]
    return [StateRecord(key, None) for key in keys]


def _manifest_key(place: str) -> bytes:
    return f"{place}/manifest".encode()


def _chunk_key(place: str, number: int) -> bytes:
    return f"{place}/{number:04d}".encode()


@dataclass(frozen=True)
class Slot:
    """A stored snapshot, not looked into yet.

    Parameters
    ----------
    place : str
        ``slot-0``, ``slot-1`` or ``named/<name>``.
    manifest : Manifest or None
        None if it cannot be read; then `error` says why.
    error : str
        Why the manifest cannot be read.
    chunks : tuple of bytes or None
        Its chunks in their order; None where one is missing.
    """

    place: str
    manifest: Manifest | None
    error: str
    chunks: tuple[bytes | None, ...]

    def stored(self, max_bytes: int) -> bytes:
        """Return the bytes as they are stored, after checking that they are whole.

        Raises
        ------
        SnapshotError
            If anything is missing, damaged, or too large.
        """
        manifest = self.manifest
        if manifest is None:
            raise SnapshotError(self.error)
        if manifest.size_bytes > max_bytes:
            raise SnapshotError(f"it has {manifest.size_bytes} bytes, SNAPSHOT_MAX_BYTES is {max_bytes}")
        chunks = [chunk for chunk in self.chunks if chunk is not None]
        if len(chunks) != manifest.chunks:
            raise SnapshotError(f"it has {len(chunks)} of its {manifest.chunks} chunks")
        if sum(len(chunk) for chunk in chunks) != manifest.size_bytes:
            raise SnapshotError(f"it is damaged: its chunks do not have {manifest.size_bytes} bytes")
        payload = b"".join(chunks)
        if hashlib.sha256(payload).hexdigest() != manifest.sha256:
            raise SnapshotError("it is damaged: its hash is another")
        return payload

    def payload(self, max_bytes: int, signer: Signer) -> bytes:
        """Return the snapshot, after checking that it is whole and signed.

        Raises
        ------
        SnapshotError
            If it is not, or is larger than allowed.
        """
        payload = self.stored(max_bytes)
        assert self.manifest is not None
        signer.check(self.manifest.signed_bytes(), self.manifest.signature)
        return expand(payload, max(EXPANDS_AT_MOST * len(payload), ALWAYS_EXPANDS))


_WAY_OUT = (
    "start the release that wrote it, or begin anew, with another APPLICATION_ID, LOG_TOPIC, STATE_TOPIC, "
    "PROGRESS_TOPIC and PREDICTIONS_TOPIC"
)


@dataclass(frozen=True)
class StoredState:
    """What a partition of the state topic holds.

    Parameters
    ----------
    progress : EngineProgress or None
        Up to where outputs were sent.
    generation : GenerationOrder or None
        The last order of a new generation.
    slots : tuple of Slot
        The snapshots the engine took, the furthest first; those that cannot be read last.
    named : mapping of str to Slot
        The snapshots kept under names.
    """

    progress: EngineProgress | None
    generation: GenerationOrder | None
    slots: tuple[Slot, ...]
    named: Mapping[str, Slot]

    @classmethod
    def from_records(cls, records: Iterable[StateRecord]) -> StoredState:
        """Return what records say, the last of each key.

        Raises
        ------
        StateError
            If progress or order cannot be read: without them nothing can go on safely.
        """
        values: dict[bytes, bytes] = {}
        for record in records:
            values.pop(record.key, None)
            if record.value is not None:
                values[record.key] = record.value
        progress, order = values.get(PROGRESS_KEY), values.get(GENERATION_KEY)
        slots = [each for each in _SLOTS if _manifest_key(each) in values]
        try:
            read_progress = None if progress is None else EngineProgress.from_bytes(progress)
            read_order = None if order is None else GenerationOrder.from_bytes(order)
        except SnapshotError as error:
            raise StateError(f"{error}; {_WAY_OUT}") from error
        return cls(
            progress=read_progress,
            generation=read_order,
            slots=tuple(sorted((_slot(each, values) for each in slots), key=_furthest_first)),
            named={each.removeprefix("named/"): _slot(each, values) for each in _named_places(values)},
        )


def _named_places(values: Mapping[bytes, bytes]) -> Iterator[str]:
    """Yield the places of snapshots kept under names; keys that are no text are not ours."""
    for key in values:
        place = key.decode(errors="replace").removesuffix("/manifest")
        if place.startswith("named/") and _manifest_key(place) == key:
            yield place


def _slot(place: str, values: Mapping[bytes, bytes]) -> Slot:
    try:
        manifest = Manifest.from_bytes(values[_manifest_key(place)])
    except SnapshotError as error:
        return Slot(place, None, str(error), ())
    count = min(manifest.chunks, len(values))
    chunks = tuple(values.get(_chunk_key(place, number)) for number in range(count))
    return Slot(place, manifest, "", chunks)


def _furthest_first(slot: Slot) -> tuple[int, int]:
    if slot.manifest is None:
        return (1, 0)
    return (-slot.manifest.position, -slot.manifest.created_ms)
