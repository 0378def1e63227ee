"""The order to begin a new generation of the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pg_streaming_machine_learning.state.fields import is_count, is_text, read_fields, write_fields

__all__ = ["FROM_LOG", "GenerationOrder"]

FROM_LOG = "log"
"""The model is learned again from what the log still holds."""

_KINDS = {"number": is_count, "model": is_text, "ordered_ms": is_count}


@dataclass(frozen=True, slots=True)
class GenerationOrder:
    """An operator's word: from where outputs were sent to, a new generation of the model goes on.

    Parameters
    ----------
    number : int
        Of the generation.
    model : str
        `FROM_LOG`, or ``named/<name>``: the learner of that named snapshot.
    ordered_ms : int
        When, milliseconds since the epoch.
    """

    number: int
    model: str
    ordered_ms: int

    def to_bytes(self) -> bytes:
        """Return the value of the record."""
        return write_fields(1, asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> GenerationOrder:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        return cls(**read_fields(data, "order of a generation", 1, _KINDS))
