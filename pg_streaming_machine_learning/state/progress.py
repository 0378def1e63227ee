"""How far an engine or a router has come, as the last word of each of its transactions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pg_streaming_machine_learning.errors import SnapshotError

__all__ = ["EngineProgress", "RouterProgress", "router_key"]

_VERSION = 1


def router_key(topic: str, partition: int) -> bytes:
    """Return the key of the progress of an input partition.

    Examples
    --------
    >>> router_key("pg-streaming-labeled-data", 2)
    b'router/pg-streaming-labeled-data/2'
    """
    return f"router/{topic}/{partition}".encode()


@dataclass(frozen=True, slots=True)
class EngineProgress:
    """Up to where the outputs of a partition of the log were sent.

    Parameters
    ----------
    end : int
        Offset before which everything was answered.
    fingerprint : str
        Of the engine's state there.
    generation : int
        Of the model.
    model_version : str
        Which release made it.
    """

    end: int
    fingerprint: str
    generation: int
    model_version: str

    def to_bytes(self) -> bytes:
        """Return the value of the record."""
        return _written("engine", asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> EngineProgress:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        found = _read("engine", data)
        try:
            return cls(
                int(found["end"]),
                str(found["fingerprint"]),
                int(found["generation"]),
                str(found["model_version"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"progress of an engine is incomplete: {error!r}") from error


@dataclass(frozen=True, slots=True)
class RouterProgress:
    """Up to where an input partition was routed.

    Parameters
    ----------
    offset : int
        Offset before which everything is in the log or a dead letter.
    event_ms : int or None
        Greatest window start among it, milliseconds since the epoch.
    """

    offset: int
    event_ms: int | None

    def to_bytes(self) -> bytes:
        """Return the value of the record."""
        return _written("router", asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> RouterProgress:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        found = _read("router", data)
        try:
            event_ms = found["event_ms"]
            return cls(int(found["offset"]), None if event_ms is None else int(event_ms))
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError(f"progress of a router is incomplete: {error!r}") from error


def _written(of: str, values: dict[str, object]) -> bytes:
    return json.dumps({"of": of, "version": _VERSION, **values}, separators=(",", ":")).encode()


def _read(of: str, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
        known = found["of"], found["version"]
    except (ValueError, TypeError, KeyError) as error:
        raise SnapshotError(f"{len(data)} bytes are no progress of {of}") from error
    if known != (of, _VERSION):
        raise SnapshotError(
            f"progress is of {known[0]!r} version {known[1]!r}, expected {of!r} version {_VERSION}"
        )
    result: dict[str, Any] = found
    return result
