"""What is known of a snapshot before its bytes are looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["Manifest"]

_VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """The last record of a snapshot: what it is, and how to know that it is whole.

    Parameters
    ----------
    application : str
        The application whose state it is.
    partition : int
        Of the log.
    position : int
        Offset of the log at which reading goes on with this state.
    generation : int
        Of the model.
    snapshot : str
        Its own name, hexadecimal digits.
    created_ms : int
        When, milliseconds since the epoch.
    chunks : int
        Number of records with its bytes.
    size_bytes : int
        Length of the bytes, compressed as they are stored.
    sha256 : str
        Their hash, hexadecimal digits.
    versions : mapping of str to str
        ``package``, ``river``, ``python``, ``format``.
    figures : mapping of str to number
        What the model had seen and how well it did.
    signature : str
        Of all the above, hexadecimal digits; empty if it is not signed.
    """

    application: str
    partition: int
    position: int
    generation: int
    snapshot: str
    created_ms: int
    chunks: int
    size_bytes: int
    sha256: str
    versions: Mapping[str, str]
    figures: Mapping[str, float]
    signature: str = ""

    def signed_bytes(self) -> bytes:
        """Return what the signature is of: everything but itself."""
        return replace(self, signature="").to_bytes()

    def to_bytes(self) -> bytes:
        """Return the value of the record; the same manifest gives the same bytes."""
        values = {"version": _VERSION, **asdict(self)}
        return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        try:
            found = json.loads(data)
            version = found.pop("version")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SnapshotError(f"{len(data)} bytes are no manifest of a snapshot") from error
        if version != _VERSION:
            raise SnapshotError(f"manifest has version {version!r}, this release reads version {_VERSION}")
        try:
            manifest = cls(**found)
        except TypeError as error:
            raise SnapshotError(f"manifest of a snapshot is incomplete: {error}") from error
        manifest._check()
        return manifest

    def _check(self) -> None:
        numbers = (
            self.partition,
            self.position,
            self.generation,
            self.created_ms,
            self.chunks,
            self.size_bytes,
        )
        texts = (self.application, self.snapshot, self.sha256, self.signature)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise SnapshotError("manifest of a snapshot has a number that cannot be")
        if not all(isinstance(text, str) for text in texts):
            raise SnapshotError("manifest of a snapshot has a text that is none")
        if not isinstance(self.versions, dict) or not isinstance(self.figures, dict):
            raise SnapshotError("manifest of a snapshot lacks versions or figures")
