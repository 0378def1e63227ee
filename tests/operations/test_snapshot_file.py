"""A file of a snapshot comes back as it was, or not at all."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.operations.snapshot_file import (
    SnapshotFile,
    read_snapshot_file,
    write_snapshot_file,
)
from pg_streaming_machine_learning.operations.snapshots import StoredSnapshot
from pg_streaming_machine_learning.state.manifest import Manifest

LIMIT = 10_000


def snapshot(partition: int, payload: bytes) -> StoredSnapshot:
    """Return a snapshot with a manifest that fits."""
    manifest = Manifest(
        application="the-application",
        partition=partition,
        position=0,
        generation=1,
        snapshot="ab",
        created_ms=0,
        chunks=1,
        size_bytes=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        versions={"package": "1"},
        figures={"kappa": 0.5},
        signature="signed",
    )
    return StoredSnapshot(manifest, payload)


CONTENT = SnapshotFile(
    "golden", "the-application", 1_700_000_000_000, (snapshot(0, b"one"), snapshot(1, b""))
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a good file."""
    path = tmp_path_factory.mktemp("good") / "model.pgsx"
    write_snapshot_file(path, CONTENT)
    return path.read_bytes()


def read(folder: Path, data: bytes) -> SnapshotFile:
    """Return what is in bytes."""
    path = folder / "model.pgsx"
    path.write_bytes(data)
    return read_snapshot_file(path, LIMIT)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    """All of it; the length is told; nobody else may read it, and no draft is left."""
    path = tmp_path / "model.pgsx"
    size = write_snapshot_file(path, CONTENT)
    assert read_snapshot_file(path, LIMIT) == CONTENT
    assert path.stat().st_size == size
    assert path.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [path]


def test_the_bytes_are_as_documented(written: bytes) -> None:
    """Without our reader: docs/snapshots.md."""
    magic, version, head_bytes = struct.unpack(">4sBI", written[:9])
    assert (magic, version) == (b"PGSX", 1)
    head = json.loads(written[9 : 9 + head_bytes])
    lengths = head.pop("partitions")
    assert head == {
        "name": "golden",
        "application": "the-application",
        "exported_ms": 1_700_000_000_000,
        "package": __version__,
    }
    rest = written[9 + head_bytes :]
    for length, one in zip(lengths, CONTENT.snapshots, strict=True):
        manifest, rest = rest[: length["manifest_bytes"]], rest[length["manifest_bytes"] :]
        assert manifest == one.manifest.to_bytes()
        payload, rest = rest[: length["size_bytes"]], rest[length["size_bytes"] :]
        assert payload == one.payload
    assert rest == hashlib.sha256(written[:-32]).digest()


@given(data=st.data())
def test_a_damaged_file_is_refused_with_its_name(
    written: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Changed, cut, with something behind: never anything but this error."""
    damaged = bytearray(written)
    kind = data.draw(st.sampled_from(["change", "cut", "append"]))
    if kind == "change":
        damaged[data.draw(st.integers(0, len(written) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        del damaged[data.draw(st.integers(0, len(written) - 1)) :]
    else:
        damaged += data.draw(st.binary(min_size=1, max_size=20))
    with pytest.raises(SnapshotError):
        read(tmp_path_factory.mktemp("damaged"), bytes(damaged))


def resealed(head: dict[str, object], body: bytes) -> bytes:
    """Return a file with a head of our own, its hash right."""
    text = json.dumps(head).encode()
    data = struct.pack(">4sBI", b"PGSX", 1, len(text)) + text + body
    return data + hashlib.sha256(data).digest()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"partitions": []}, "0 partitions"),
        ({"partitions": [{"manifest_bytes": 2, "size_bytes": LIMIT + 1}]}, "SNAPSHOT_MAX_BYTES is 10000"),
        ({"partitions": [{"manifest_bytes": -1, "size_bytes": 3}]}, "a length that cannot be"),
        ({"partitions": [{"manifest_bytes": 2, "size_bytes": True}]}, "a length that cannot be"),
        ({"partitions": [3]}, "a length that cannot be"),
        ({"partitions": [{"manifest_bytes": 2, "size_bytes": 0}]}, "no manifest"),
        ({"name": "../../etc"}, "cannot be called"),
        ({"exported_ms": "now"}, "lacks one of"),
    ],
    ids=str,
)
def test_a_file_made_up_by_hand_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """The hash says that it came whole, not that it is good."""
    head: dict[str, object] = {"name": "a", "application": "b", "exported_ms": 1, "package": "1"}
    with pytest.raises(SnapshotError, match=message):
        read(tmp_path, resealed({**head, "partitions": [], **change}, b"{}"))


def test_manifests_have_to_be_of_their_partitions(tmp_path: Path) -> None:
    """In their order, and with the length that the head says."""
    path = tmp_path / "model.pgsx"
    content = SnapshotFile("golden", "a", 0, (snapshot(1, b"one"),))
    write_snapshot_file(path, content)
    with pytest.raises(SnapshotError, match="manifest of partition 0 does not fit"):
        read_snapshot_file(path, LIMIT)


def test_other_files_say_what_is_wrong(tmp_path: Path, written: bytes) -> None:
    """A text, a later version, a folder, nothing."""
    with pytest.raises(SnapshotError, match="no snapshot that 'snapshot export' wrote"):
        read(tmp_path, b"Dear Sir or Madam")
    with pytest.raises(SnapshotError, match="version 2, this release reads version 1"):
        read(tmp_path, written[:4] + b"\2" + written[5:])
    with pytest.raises(SnapshotError, match="No such file"):
        read_snapshot_file(tmp_path / "nothing", LIMIT)
    with pytest.raises(SnapshotError, match="Is a directory"):
        read_snapshot_file(tmp_path, LIMIT)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(SnapshotError, match="cannot write"):
        write_snapshot_file(tmp_path / "no" / "such" / "folder", CONTENT)
