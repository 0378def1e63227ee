"""A record for an output topic, as bytes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Output"]


@dataclass(slots=True, unsafe_hash=True)
class Output:
    """What is to be sent.

    Parameters
    ----------
    topic, key, value
        Where to, and what. The sender chooses the headers.
    partition : int or None
        Where in the topic; None if the sender chooses.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
