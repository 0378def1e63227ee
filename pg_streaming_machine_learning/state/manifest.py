"""What is known of a snapshot before its bytes are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from pg_streaming_machine_learning.state.fields import (
    is_count,
    is_figures,
    is_text,
    is_texts,
    read_fields,
    write_fields,
)

__all__ = ["Manifest"]

_VERSION = 1
_KINDS = {
    **dict.fromkeys(("application", "snapshot", "sha256", "signature"), is_text),
    **dict.fromkeys(("partition", "position", "generation", "created_ms", "chunks", "size_bytes"), is_count),
    "versions": is_texts,
    "figures": is_figures,
}


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
        return write_fields(_VERSION, asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        return cls(**read_fields(data, "manifest of a snapshot", _VERSION, _KINDS))
