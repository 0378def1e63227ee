"""Spans as the Zipkin client library of the services encodes them, from their numbers alone.

A service makes them with py_zipkin; a recording keeps their numbers, and this gives back the library's bytes.
Ids come from the seed, the number of the customer's request and the service, so they need not be kept: in a
request no service is asked twice. The trace has the id of its first span.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pg_streaming_machine_learning.testbed.shop import ADDRESSES, CALLERS, ENTRY, MIX

__all__ = ["MOST_SPANS", "UNKNOWN_KIND", "SpanNumbers", "parent_of", "span_id", "span_name", "spans_text"]

MOST_SPANS = 100
"""Spans of a message, as py_zipkin batches them."""

UNKNOWN_KIND = 255
"""In place of what a customer asked for, where it was not recorded: each span is then a trace of its own."""

_KINDS = tuple(kind for kind, _ in MIX)


class SpanNumbers(NamedTuple):
    """What is kept of a span.

    Parameters
    ----------
    request : int
        Number of the customer's request.
    kind : int
        What the customer asked for, an index into `shop.MIX`, or `UNKNOWN_KIND`.
    done_us, duration_us : int
        When it was answered, microseconds since the epoch, and how long after the caller sent it.
    failed : int
        1 if the answer was an error, else 0.
    """

    request: int
    kind: int
    done_us: int
    duration_us: int
    failed: int


def span_id(seed: int, request: int, service: str) -> str:
    """Return the id of a service's span of a request, 16 hexadecimal digits.

    Examples
    --------
    >>> span_id(1, 7, "cart") == span_id(1, 7, "cart") != span_id(1, 8, "cart")
    True
    """
    return hashlib.blake2b(f"{seed} {request} {service}".encode(), digest_size=8).hexdigest()


def span_name(kind: int) -> str:
    """Return the name of a span."""
    return "get" if kind == UNKNOWN_KIND else f"get /{_KINDS[kind]}"


def parent_of(kind: int, service: str) -> str | None:
    """Return the service that calls this one for a request, None for the first of its trace."""
    return None if kind == UNKNOWN_KIND else CALLERS.get((service, _KINDS[kind]))


def spans_text(seed: int, service: str, spans: Iterable[Sequence[int]]) -> str:
    """Return a message of a service's spans, byte for byte as py_zipkin encodes them (``V2_JSON``).

    Parameters
    ----------
    seed : int
        Seed of the recording.
    service : str
        Whose spans.
    spans : iterable of sequence of int
        Their `SpanNumbers`.
    """
    end = f'"kind": "SERVER", "localEndpoint": {{"serviceName": "{service}", "ipv4": "{ADDRESSES[service]}"}}'
    return f"[{','.join([_span_text(seed, service, end, *span) for span in spans])}]"


def _span_text(
    seed: int, service: str, end: str, request: int, kind: int, done_us: int, duration_us: int, failed: int
) -> str:
    own = span_id(seed, request, service)
    first = service if kind == UNKNOWN_KIND else ENTRY
    trace = own if first == service else span_id(seed, request, first)
    parent = parent_of(kind, service)
    parent_text = "" if parent is None else f'"parentId": "{span_id(seed, request, parent)}", '
    return (
        f'{{"traceId": "{trace}", "id": "{own}", "name": "{span_name(kind)}", {parent_text}'
        f'"timestamp": {done_us - duration_us}, "duration": {duration_us}, {end}{_ERROR if failed else ""}}}'
    )


_ERROR = ', "tags": {"http.status_code": "503", "error": "503"}'
