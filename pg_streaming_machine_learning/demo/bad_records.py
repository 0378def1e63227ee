"""Messages that hold nothing a source can read: the demo sends a few, so that dead letters can be seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC

__all__ = ["BAD_RECORDS", "BadRecord", "bad_records"]

BAD_RECORDS = 10
"""How many kinds there are."""

_YEAR_MS = 31_557_600_000


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A message that the worker has to refuse.

    Parameters
    ----------
    what : str
        What is wrong with it, for people.
    topic : str
        Where it is sent.
    value : bytes or None
        What is sent.
    """

    what: str
    topic: str
    value: bytes | None


def bad_records(host: str, at_ms: int) -> tuple[BadRecord, ...]:
    """Return `BAD_RECORDS` messages, each bad in a way of its own.

    Parameters
    ----------
    host : str
        The host they would speak of.
    at_ms : int
        The time they would be of, milliseconds since the epoch.

    Returns
    -------
    tuple of BadRecord
        Always the same ones for the same host and time.
    """
    return (
        BadRecord("no value", LINES_TOPIC, None),
        BadRecord("text that is no line", LINES_TOPIC, b"the quick brown fox\n"),
        BadRecord("a line without fields", LINES_TOPIC, f"mem,host={host} {at_ms}000000\n".encode()),
        BadRecord("a line without a host", LINES_TOPIC, f"mem used_percent=20 {at_ms}000000\n".encode()),
        BadRecord("a reading in words", LINES_TOPIC, _line(host, '"much"', at_ms)),
        BadRecord("a clock a year ahead", LINES_TOPIC, _line(host, "20", at_ms + _YEAR_MS)),
        BadRecord("spans cut short", SPANS_TOPIC, _span(host, at_ms)[:-40]),
        BadRecord("a duration in words", SPANS_TOPIC, _span(host, at_ms, duration="10 ms")),
        BadRecord("a span of nobody", SPANS_TOPIC, _span(host, at_ms, localEndpoint={})),
        BadRecord("a time in milliseconds", SPANS_TOPIC, _span(host, at_ms, timestamp=at_ms)),
    )


def _line(host: str, value: str, at_ms: int) -> bytes:
    return f"mem,host={host} used_percent={value} {at_ms}000000\n".encode()


def _span(host: str, at_ms: int, **spoiled: Any) -> bytes:
    span = {
        "traceId": "000000000000bad0",
        "id": "000000000000bad0",
        "kind": "SERVER",
        "name": "get",
        "timestamp": at_ms * 1000,
        "duration": 10_000,
        "localEndpoint": {"serviceName": host},
    }
    return json.dumps([span | spoiled]).encode()
