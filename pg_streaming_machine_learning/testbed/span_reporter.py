"""The reporter of a service: makes spans with a Zipkin client library, and hands them over in batches."""

from __future__ import annotations

# Its typed modules do not list what they export.
from py_zipkin import Kind  # type: ignore[attr-defined]
from py_zipkin.encoding import (  # type: ignore[attr-defined]
    Encoding,
    Span,
    create_endpoint,
    get_encoder,
)

from pg_streaming_machine_learning.testbed.shop import ADDRESSES, ENTRY
from pg_streaming_machine_learning.testbed.span_text import (
    MOST_SPANS,
    SpanNumbers,
    parent_of,
    span_id,
    span_name,
)

__all__ = ["SpanReporter"]

_ERROR_TAGS: dict[str, str | None] = {"http.status_code": "503", "error": "503"}


class SpanReporter:
    """Gather the spans of a service, encoded as they come.

    Parameters
    ----------
    service : str
        The service.
    seed : int
        Seed of the ids.
    """

    def __init__(self, service: str, seed: int) -> None:
        self._service = service
        self._seed = seed
        self._endpoint = create_endpoint(service_name=service, host=ADDRESSES[service])
        self._encoder = get_encoder(Encoding.V2_JSON)
        self._numbers: list[SpanNumbers] = []
        self._texts: list[str | bytes] = []

    def add(self, span: SpanNumbers) -> None:
        """Take a span that is done."""
        parent = parent_of(span.kind, self._service)
        made = Span(
            trace_id=span_id(self._seed, span.request, ENTRY),
            name=span_name(span.kind),
            parent_id=None if parent is None else span_id(self._seed, span.request, parent),
            span_id=span_id(self._seed, span.request, self._service),
            kind=Kind.SERVER,
            # The library takes seconds and cuts what is below a microsecond: half of one makes it exact.
            timestamp=(span.done_us - span.duration_us + 0.5) / 1e6,
            duration=(span.duration_us + 0.5) / 1e6,
            local_endpoint=self._endpoint,
            tags=dict(_ERROR_TAGS) if span.failed else None,
        )
        self._numbers.append(span)
        self._texts.append(self._encoder.encode_span(made))

    def take(self) -> tuple[list[SpanNumbers], list[str]]:
        """Return the spans since the last time: their numbers, and messages of at most `MOST_SPANS`."""
        numbers, texts = self._numbers, self._texts
        self._numbers, self._texts = [], []
        batches = [texts[first : first + MOST_SPANS] for first in range(0, len(texts), MOST_SPANS)]
        return numbers, [str(self._encoder.encode_queue(batch)) for batch in batches]
