"""An engine's state → a snapshot as it is stored, with its signed manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from uuid import uuid4

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.models import versions
from pg_streaming_machine_learning.state.layout import chunk_count, compress
from pg_streaming_machine_learning.state.manifest import Manifest
from pg_streaming_machine_learning.state.signing import Signer

__all__ = ["SnapshotTaker"]


@dataclass(frozen=True)
class SnapshotTaker:
    """Takes snapshots of engines.

    Parameters
    ----------
    application : str
        Whose snapshots these are.
    signer : Signer
        Signs them.
    max_bytes : int
        None larger than this is taken, compressed.
    """

    application: str
    signer: Signer
    max_bytes: int

    def take(self, engine: Engine, partition: int, position: int, now_ms: int) -> tuple[Manifest, bytes]:
        """Return a snapshot: its manifest, and its bytes as they are stored.

        Parameters
        ----------
        engine : Engine
            Its state; it must not work meanwhile.
        partition, position : int
            Of the log, and the offset where reading goes on with it.
        now_ms : int
            The present time, milliseconds since the epoch.

        Raises
        ------
        SnapshotError
            If it is too large, or the model has parts that no snapshot may hold.
        """
        payload = compress(engine.snapshot())
        if len(payload) > self.max_bytes:
            raise SnapshotError(f"it has {len(payload)} bytes, SNAPSHOT_MAX_BYTES is {self.max_bytes}")
        manifest = Manifest(
            application=self.application,
            partition=partition,
            position=position,
            generation=engine.generation,
            snapshot=uuid4().hex,
            created_ms=now_ms,
            chunks=chunk_count(len(payload)),
            size_bytes=len(payload),
            sha256=hashlib.sha256(payload).hexdigest(),
            versions={**versions(), "format": "1"},
            figures=engine.figures(),
        )
        return replace(manifest, signature=self.signer.sign(manifest.signed_bytes())), payload
