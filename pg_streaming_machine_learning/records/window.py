"""A window of event time."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Window"]


@dataclass(frozen=True, order=True, slots=True)
class Window:
    """A span of event time, ``[start_ms, end_ms)``, milliseconds since the epoch, UTC."""

    start_ms: int
    end_ms: int
