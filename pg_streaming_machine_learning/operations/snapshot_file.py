"""A kept snapshot of all partitions ↔ a file, to be carried to another cluster.

::

    b"PGSX" | version, 1 byte | length of the head, 4 bytes | head, JSON
    for each partition: manifest, JSON as in the state topic | bytes as in the state topic
    SHA-256 of all the above, 32 bytes

Numbers are big-endian. The head says which name, application and release, when, and how long each manifest
and each partition's bytes are: the length of the file follows from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.operations.snapshots import StoredSnapshot, check_name
from pg_streaming_machine_learning.state.manifest import Manifest

__all__ = ["SnapshotFile", "read_snapshot_file", "write_snapshot_file"]

_MAGIC = b"PGSX"
_VERSION = 1
_PREFIX = struct.Struct(">4sBI")
_HASH_BYTES = 32
_LARGEST_JSON = 1 << 20
_MOST_PARTITIONS = 1000


@dataclass(frozen=True)
class SnapshotFile:
    """What is in a file.

    Parameters
    ----------
    name : str
        The name it was kept under.
    application : str
        Whose it was.
    exported_ms : int
        When the file was written, milliseconds since the epoch.
    snapshots : tuple of StoredSnapshot
        One for each partition, in their order.
    """

    name: str
    application: str
    exported_ms: int
    snapshots: tuple[StoredSnapshot, ...]


def write_snapshot_file(path: Path, content: SnapshotFile) -> int:
    """Write a file; return its length in bytes.

    Notes
    -----
    It is written beside its place and moved there when it is whole. Its owner alone can read it: a model says
    something of the data it has seen.

    Raises
    ------
    SnapshotError
        If it cannot be written.
    """
    manifests = [one.manifest.to_bytes() for one in content.snapshots]
    head = json.dumps(
        {
            "name": content.name,
            "application": content.application,
            "exported_ms": content.exported_ms,
            "package": __version__,
            "partitions": [
                {"manifest_bytes": len(manifest), "size_bytes": len(one.payload)}
                for manifest, one in zip(manifests, content.snapshots, strict=True)
            ],
        },
        sort_keys=True,
        separators=(",", ":"),
    ).encode()
    pieces = [_PREFIX.pack(_MAGIC, _VERSION, len(head)), head]
    for manifest, one in zip(manifests, content.snapshots, strict=True):
        pieces += [manifest, one.payload]
    try:
        return _write(path, pieces)
    except OSError as error:
        raise SnapshotError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def _write(path: Path, pieces: Sequence[bytes]) -> int:
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    total, check = 0, hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
                check.update(piece)
                total += len(piece)
            file.write(check.digest())
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
    return total + _HASH_BYTES


def read_snapshot_file(path: Path, max_bytes: int) -> SnapshotFile:
    """Return what is in a file, after checking that it is whole.

    Parameters
    ----------
    path : Path
        Where.
    max_bytes : int
        A snapshot of one partition that is larger is refused before it is read.

    Raises
    ------
    SnapshotError
        If it cannot be read, or is no such file, of another version, cut, damaged or too large.

    Notes
    -----
    Signatures are not checked here, and no model is looked into.
    """
    try:
        with path.open("rb") as file:
            return _Reading(file, path, max_bytes).run()
    except OSError as error:
        raise SnapshotError(f"cannot read {str(path)!r}: {error.strerror or error}") from error


class _Reading:
    def __init__(self, file: BinaryIO, path: Path, max_bytes: int) -> None:
        self._file = file
        self._name = str(path)
        self._max_bytes = max_bytes
        self._check = hashlib.sha256()

    def run(self) -> SnapshotFile:
        found = os.fstat(self._file.fileno()).st_size
        prefix = self._take(_PREFIX.size)
        magic, version, head_bytes = _PREFIX.unpack(prefix)
        if magic != _MAGIC:
            raise self._refused("it is no snapshot that 'snapshot export' wrote")
        if version != _VERSION:
            raise self._refused(f"it has version {version}, this release reads version {_VERSION}")
        if head_bytes > _LARGEST_JSON:
            raise self._refused(f"its head has {head_bytes} bytes, expected at most {_LARGEST_JSON}")
        head = self._head(self._take(head_bytes))
        lengths = self._lengths(head)
        expected = _PREFIX.size + head_bytes + sum(map(sum, lengths)) + _HASH_BYTES
        if found != expected:
            raise self._refused(f"it has {found} bytes, expected {expected}: it is cut, or something follows")
        snapshots = tuple(self._snapshot(number, *each) for number, each in enumerate(lengths))
        check = self._check.digest()
        if self._file.read(_HASH_BYTES) != check:
            raise self._refused("it is damaged: its hash is another. Export it again")
        return SnapshotFile(head["name"], head["application"], head["exported_ms"], snapshots)

    def _head(self, data: bytes) -> dict[str, Any]:
        expected = {"name": str, "application": str, "exported_ms": int, "package": str, "partitions": list}
        try:
            head = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._refused("its head is not JSON: it is damaged") from error
        if not isinstance(head, dict) or any(type(head.get(one)) is not expected[one] for one in expected):
            raise self._refused(f"its head lacks one of {', '.join(expected)}: it is damaged")
        check_name(head["name"])
        return head

    def _lengths(self, head: dict[str, Any]) -> list[tuple[int, int]]:
        """Return how long the manifest and the bytes of each partition are."""
        lengths = []
        for one in head["partitions"]:
            found = one if isinstance(one, dict) else {}
            manifest_bytes, size_bytes = found.get("manifest_bytes", -1), found.get("size_bytes", -1)
            if not all(type(each) is int and each >= 0 for each in (manifest_bytes, size_bytes)):
                raise self._refused("its head has a length that cannot be: it is damaged")
            if manifest_bytes > _LARGEST_JSON or size_bytes > self._max_bytes:
                raise self._refused(
                    f"a snapshot has {size_bytes} bytes, SNAPSHOT_MAX_BYTES is {self._max_bytes}"
                )
            lengths.append((manifest_bytes, size_bytes))
        if not 0 < len(lengths) <= _MOST_PARTITIONS:
            raise self._refused(f"it has {len(lengths)} partitions, expected 1 to {_MOST_PARTITIONS}")
        return lengths

    def _snapshot(self, number: int, manifest_bytes: int, size_bytes: int) -> StoredSnapshot:
        try:
            manifest = Manifest.from_bytes(self._take(manifest_bytes))
        except (SnapshotError, RecursionError) as error:
            raise self._refused(str(error)) from error
        if (manifest.partition, manifest.size_bytes) != (number, size_bytes):
            raise self._refused(f"the manifest of partition {number} does not fit: it is damaged")
        return StoredSnapshot(manifest, self._take(size_bytes))

    def _take(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) < count:
            raise self._refused("it is cut")
        self._check.update(data)
        return data

    def _refused(self, why: str) -> SnapshotError:
        return SnapshotError(f"file {self._name!r} cannot be used: {why}")
