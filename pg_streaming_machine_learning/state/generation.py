"""The order to begin a new generation of the model."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["FROM_LOG", "GenerationOrder"]

FROM_LOG = "log"
"""The model is learned again from what the log still holds."""


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
        return json.dumps({"version": 1, **asdict(self)}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> GenerationOrder:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        try:
            found = json.loads(data)
            if found["version"] != 1:
                raise SnapshotError(f"order of a generation has version {found['version']!r}, expected 1")
            return cls(int(found["number"]), str(found["model"]), int(found["ordered_ms"]))
        except (ValueError, TypeError, KeyError) as error:
            if isinstance(error, SnapshotError):
                raise
            raise SnapshotError(f"{len(data)} bytes are no order of a generation") from error
