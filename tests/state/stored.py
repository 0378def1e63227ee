"""What a partition of the state topic may hold, made from an engine at work on a small log."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from river.__version__ import __version__ as river_version

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.records.log import SingleRecord
from pg_streaming_machine_learning.state.layout import (
    PROGRESS_KEY,
    StateRecord,
    StoredState,
    chunk_count,
    compress,
    named_place,
    slot_place,
    snapshot_records,
)
from pg_streaming_machine_learning.state.manifest import Manifest
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.signing import Signer
from tests.logs import config, fleet, merged

APPLICATION = "the-application"
PARTITION = 2
KEY = b"a key of the workers of this test"
SIGNER = Signer(KEY, accept_unsigned=False)
MAX_BYTES = 10_000_000
CREATED_MS = 1_700_000_000_000


@cache
def log() -> Sequence[SingleRecord]:
    """Return the records of a log, offset by offset."""
    return merged(fleet(["a", "b"], 12, seed=5).partitions, random.Random(1))


@cache
def snapshot_at(position: int, generation: int = 1) -> bytes:
    """Return the snapshot of an engine that has read the log so far."""
    return engine_at(position, generation).snapshot()


def engine_at(position: int, generation: int = 1) -> Engine:
    """Return an engine that has read the log so far."""
    engine = Engine(config(), generation)
    engine.process(log()[:position])
    return engine


def manifest_of(payload: bytes, position: int, *, generation: int = 1, signer: Signer = SIGNER) -> Manifest:
    """Return the signed manifest of a compressed snapshot."""
    manifest = Manifest(
        application=APPLICATION,
        partition=PARTITION,
        position=position,
        generation=generation,
        snapshot=hashlib.md5(payload, usedforsecurity=False).hexdigest(),
        created_ms=CREATED_MS + position,
        chunks=chunk_count(len(payload)),
        size_bytes=len(payload),
        sha256=hashlib.sha256(payload).hexdigest(),
        versions={"package": __version__, "river": river_version, "python": "3.11.7", "format": "1"},
        figures={"samples_learned": 30, "kappa": 0.5},
    )
    return signed(manifest, signer)


def signed(manifest: Manifest, signer: Signer = SIGNER) -> Manifest:
    """Return a manifest with the signature it has to have."""
    return replace(manifest, signature=signer.sign(manifest.signed_bytes()))


def slot_records(
    number: int, position: int, *, generation: int = 1, signer: Signer = SIGNER, name: str = ""
) -> list[StateRecord]:
    """Return the records of a snapshot of the engine, in a slot or under a name."""
    payload = compress(snapshot_at(position, generation))
    manifest = manifest_of(payload, position, generation=generation, signer=signer)
    return snapshot_records(named_place(name) if name else slot_place(number), manifest, payload)


def progress_record(end: int, generation: int = 1) -> StateRecord:
    """Return the record of the progress an engine has written there."""
    fingerprint = engine_at(end, generation).fingerprint()
    progress = EngineProgress(end, fingerprint, generation, model_version(generation))
    return StateRecord(PROGRESS_KEY, progress.to_bytes())


def changed(records: Sequence[StateRecord], key: bytes, value: bytes | None) -> list[StateRecord]:
    """Return records with another value for a key."""
    assert any(record.key == key for record in records)
    return [StateRecord(key, value) if record.key == key else record for record in records]


def stored(*parts: Sequence[StateRecord] | StateRecord) -> StoredState:
    """Return what a partition holds after some records."""
    records: list[StateRecord] = []
    for part in parts:
        records += [part] if isinstance(part, StateRecord) else part
    return StoredState.from_records(records)
