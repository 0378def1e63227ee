"""The line protocol that a Telegraf agent on each host of the shop writes, once a second.

Each service is a host of its own: one core, `HOST_MEMORY_BYTES` of memory, the disk ``vda``, the interface
``eth0``. As Telegraf's Kafka output does with ``routing_tag = "host"``, a message holds one line, its key is
the host, and its timestamp is that of the line.

References
----------
Telegraf 1.37, plug-ins ``outputs.kafka``, ``inputs.cpu``, ``inputs.mem``, ``inputs.diskio``, ``inputs.net``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, Message

__all__ = ["COUNTERS", "FIELDS", "HOST_MEMORY_BYTES", "line_messages", "number_text"]

HOST_MEMORY_BYTES = 1 << 28
"""What each host has: of it is the percentage in the lines."""

FIELDS: tuple[str, ...] = (
    "usage_idle",
    "used",
    "read_bytes",
    "write_bytes",
    "read_time",
    "write_time",
    "bytes_recv",
    "bytes_sent",
)
"""What is known of a host at a moment, by the names of Telegraf's fields."""

COUNTERS = 2
"""The fields from this one on are counters since the start of the host; those before are gauges."""


def line_messages(services: Sequence[str], at_ms: int, rows: Sequence[Sequence[float]]) -> Iterator[Message]:
    """Yield the messages of all agents at one moment, host by host.

    Parameters
    ----------
    services : sequence of str
        The hosts.
    at_ms : int
        The moment, milliseconds since the epoch.
    rows : sequence of sequence of float
        The `FIELDS` of each host; NaN is not known: the field is left out, and a line without fields too.
    """
    end = f" {at_ms}000000\n"
    for number, (host, row) in enumerate(zip(services, rows, strict=True)):
        key = host.encode()
        for head, fields in _lines(host, row):
            if fields:
                value = f"{head} {','.join(fields)}{end}".encode()
                yield Message(LINES_TOPIC, key, value, at_ms, number)


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same number, a whole one without a point.

    Examples
    --------
    >>> [number_text(value) for value in (0.0, 97.5, 12.0)]
    ['0', '97.5', '12']
    """
    return repr(float(value)).removesuffix(".0")


def _lines(host: str, row: Sequence[float]) -> Iterator[tuple[str, list[str]]]:
    """Yield measurement with tags, and the fields, of each line."""
    idle, used = row[:COUNTERS]
    yield f"cpu,cpu=cpu-total,host={host}", [] if math.isnan(idle) else [f"usage_idle={number_text(idle)}"]
    yield f"mem,host={host}", [] if math.isnan(used) else _memory(int(used))
    yield f"diskio,host={host},name=vda", _counted(row, 2, 6)
    yield f"net,host={host},interface=eth0", _counted(row, 6, 8)


def _memory(used: int) -> list[str]:
    percent = number_text(100 * used / HOST_MEMORY_BYTES)
    return [f"total={HOST_MEMORY_BYTES}i", f"used={used}i", f"used_percent={percent}"]


def _counted(row: Sequence[float], first: int, last: int) -> list[str]:
    pairs = zip(FIELDS[first:last], row[first:last], strict=True)
    return [f"{name}={int(value)}i" for name, value in pairs if not math.isnan(value)]
