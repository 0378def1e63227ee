"""A record for an output topic, as bytes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Output"]


@dataclass(frozen=True, slots=True)
class Output:
    """What is to be sent: topic, key and value; the sender chooses partition and headers."""

    topic: str
    key: bytes | None
    value: bytes | None
