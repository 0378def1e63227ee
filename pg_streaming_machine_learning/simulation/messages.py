"""Cycles as messages of Kafka: what is one message."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from pg_streaming_machine_learning.simulation.simulation import Cycle

__all__ = ["Grouping", "line_messages", "span_messages"]


class Grouping(Enum):
    """What of Telegraf's lines is one message."""

    METRIC = "metric"
    """One line, as Telegraf sends by default."""

    HOST = "host"
    """All lines of a host in a cycle, as it does with `use_batch_format`."""


def line_messages(cycle: Cycle, grouping: Grouping) -> Iterator[tuple[str, str]]:
    """Yield key and value of each message with lines: the key is the host, as with `routing_tag = "host"`.

    Nothing is yielded for a host all of whose sensors are silent.
    """
    for host, lines in cycle.lines:
        if grouping is Grouping.METRIC:
            yield from ((host, line) for line in lines)
        elif lines:
            yield host, "".join(lines)


def span_messages(cycle: Cycle) -> list[str]:
    """Return the value of each message with spans: a JSON array with those of one host."""
    return [f"[{','.join(spans)}]" for spans in cycle.spans]
