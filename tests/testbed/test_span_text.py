from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.testbed.shop import MIX, SERVICES
from pg_streaming_machine_learning.testbed.span_reporter import SpanReporter
from pg_streaming_machine_learning.testbed.span_text import (
    MOST_SPANS,
    UNKNOWN_KIND,
    SpanNumbers,
    parent_of,
    span_id,
    spans_text,
)

KINDS = {kind: number for number, (kind, _) in enumerate(MIX)}
DONE_US = 1_700_000_000_123_456

numbers = st.builds(
    SpanNumbers,
    request=st.integers(0, 2**31),
    kind=st.sampled_from(sorted(KINDS.values())),
    done_us=st.integers(1_600_000_000_000_000, 4_000_000_000_000_000),
    duration_us=st.integers(0, 3_600_000_000),
    failed=st.integers(0, 1),
)


@given(
    service=st.sampled_from(SERVICES),
    seed=st.integers(0, 2**31),
    spans=st.lists(numbers, min_size=1, max_size=MOST_SPANS),
)
def test_it_is_what_the_client_library_writes(service: str, seed: int, spans: list[SpanNumbers]) -> None:
    """Byte for byte, so that a recording need not keep the text."""
    reporter = SpanReporter(service, seed)
    for span in spans:
        reporter.add(span)
    assert reporter.take() == (spans, [spans_text(seed, service, spans)])


def test_a_span_of_a_call_is_exactly_this() -> None:
    """Golden text: the first span's id is that of the trace, the caller's span the parent."""
    span = SpanNumbers(7, KINDS["order"], DONE_US, 23_456, 0)
    first, own, caller = (span_id(1, 7, name) for name in ("gateway", "cart", "checkout"))
    assert spans_text(1, "cart", [span]) == (
        f'[{{"traceId": "{first}", "id": "{own}", "name": "get /order", "parentId": "{caller}", '
        '"timestamp": 1700000000100000, "duration": 23456, "kind": "SERVER", '
        '"localEndpoint": {"serviceName": "cart", "ipv4": "10.0.0.4"}}]'
    )


def test_ids_of_a_request_form_one_tree() -> None:
    """Every span of an order has the id of another as its parent, but for the first."""
    services = [name for name in SERVICES if name != "recommend"]
    span = SpanNumbers(7, KINDS["order"], DONE_US, 23_456, 0)
    found = [json.loads(spans_text(1, name, [span]))[0] for name in services]
    ids = {each["id"] for each in found}
    assert len(ids) == len(services)
    assert {each["traceId"] for each in found} == {span_id(1, 7, "gateway")}
    assert [each["localEndpoint"]["serviceName"] for each in found if "parentId" not in each] == ["gateway"]
    assert {each["parentId"] for each in found if "parentId" in each} <= ids


def test_a_failed_request_says_so() -> None:
    """By the tag that Zipkin reserves for it."""
    (span,) = json.loads(spans_text(1, "cart", [SpanNumbers(7, KINDS["cart"], DONE_US, 1, 1)]))
    assert span["tags"] == {"http.status_code": "503", "error": "503"}


def test_a_span_of_an_unknown_request_is_a_trace_of_its_own() -> None:
    """Nothing is made up of what an earlier format did not record."""
    (span,) = json.loads(spans_text(1, "cart", [SpanNumbers(7, UNKNOWN_KIND, DONE_US, 1, 0)]))
    assert span["traceId"] == span["id"]
    assert "parentId" not in span
    assert span["name"] == "get"
    assert parent_of(UNKNOWN_KIND, "cart") is None


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (100, [100]), (201, [100, 100, 1])])
def test_spans_are_reported_in_batches(count: int, sizes: list[int]) -> None:
    """Of at most a hundred, as the library does; what was taken does not come again."""
    reporter = SpanReporter("cart", 1)
    for number in range(count):
        reporter.add(SpanNumbers(number, 0, DONE_US, 1, 0))
    taken, texts = reporter.take()
    assert len(taken) == count
    assert [len(json.loads(text)) for text in texts] == sizes
    assert reporter.take() == ([], [])
