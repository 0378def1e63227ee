"""How far an engine or a router has come, as the last word of each of its transactions."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pg_streaming_machine_learning.state.fields import (
    is_count,
    is_counted,
    is_text,
    read_fields,
    write_fields,
)

__all__ = ["EngineProgress", "RouterProgress", "router_key"]

_VERSION = 1
_ENGINE_KINDS = {
    "of": "engine".__eq__,
    "end": is_count,
    "fingerprint": is_text,
    "generation": is_count,
    "model_version": is_text,
}
_ROUTER_KINDS = {"of": "router".__eq__, "offset": is_count, "event_ms": is_counted}


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
        return write_fields(_VERSION, {"of": "engine", **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> EngineProgress:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        found = read_fields(data, "progress of an engine", _VERSION, _ENGINE_KINDS)
        del found["of"]
        return cls(**found)


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
        return write_fields(_VERSION, {"of": "router", **asdict(self)})

    @classmethod
    def from_bytes(cls, data: bytes) -> RouterProgress:
        """Return what `to_bytes` wrote.

        Raises
        ------
        SnapshotError
            If the bytes are something else.
        """
        found = read_fields(data, "progress of a router", _VERSION, _ROUTER_KINDS)
        del found["of"]
        return cls(**found)
