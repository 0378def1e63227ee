"""Spans become durations."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord, SettingsError
from pg_streaming_machine_learning.records.update import Duration, DurationsUpdate, SourcePlace
from pg_streaming_machine_learning.sources.host_aliases import HostAliases
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import RefusedPart
from pg_streaming_machine_learning.sources.zipkin import ZipkinOptions, ZipkinSource
from tests.sources.parts import TIMESTAMP_MS, parts_of, record_of

SAMPLES = Path(__file__).parent / "samples" / "zipkin.jsonl"
LIMITS = Limits(size_ms=1_800_000, hop_ms=60_000, max_ahead_ms=3_600_000, max_record_bytes=50_000_000)
START_US = 1_795_224_856_153_715
SPAN: dict[str, Any] = {
    "id": "1",
    "kind": "SERVER",
    "timestamp": START_US,
    "duration": 69_852,
    "localEndpoint": {"serviceName": "Checkout", "ipv4": "10.1.0.12"},
    "remoteEndpoint": {"serviceName": "web", "ipv4": "192.0.2.7"},
}
EVERY_KIND = ("CLIENT", "SERVER", "PRODUCER", "CONSUMER", "")


def samples() -> list[bytes]:
    """Values that py_zipkin and the Java reporter sent."""
    return [json.loads(line)["value"].encode() for line in SAMPLES.read_text(encoding="utf-8").splitlines()]


def source_of(**options: Any) -> ZipkinSource:
    return ZipkinSource(LIMITS, ZipkinOptions(**options))


def span_of(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**SPAN, **changes}.items() if value is not ...}


def found(source: ZipkinSource, *spans: object) -> list[DurationsUpdate]:
    parts = parts_of(source, record_of(json.dumps(spans).encode()))
    assert all(isinstance(part, DurationsUpdate) for part in parts)
    return parts  # type: ignore[return-value]


def refused(source: ZipkinSource, *spans: object) -> list[tuple[Reason, str]]:
    parts = parts_of(source, record_of(json.dumps(spans).encode()))
    return [(part.refused.reason, part.refused.detail) for part in parts if isinstance(part, RefusedPart)]


def test_captured_messages_by_the_service_that_took_the_time() -> None:
    source = source_of(host_from="local.service", kinds=EVERY_KIND)
    by_python, client, server, empty = [parts_of(source, record_of(each)) for each in samples()]
    assert by_python == [
        DurationsUpdate(
            SourcePlace("topic", 2, 1_000, 0),
            "checkout",
            (
                Duration("checkout", 1_795_224_109_838, 12_125),
                Duration("checkout", 1_795_224_109_852, 30_122, is_error=True),
                Duration("checkout", 1_795_224_109_832, 49_708),
            ),
        )
    ]
    place = SourcePlace("topic", 2, 1_000, 0)
    assert client == [
        DurationsUpdate(place, "checkout", (Duration("checkout", 1_795_224_856_153, 17_591, is_error=True),))
    ]
    assert server == [DurationsUpdate(place, "checkout", (Duration("checkout", 1_795_224_856_153, 69_852),))]
    assert empty == []


def test_captured_messages_as_the_jvm_job_reads_them() -> None:
    """By the address of the caller, of SERVER spans; one of py_zipkin has none."""
    source = source_of()
    by_python, client, server, empty = [parts_of(source, record_of(each)) for each in samples()]
    (part,) = by_python
    assert isinstance(part, RefusedPart)
    assert part.refused.detail == "span 3: it has no remoteEndpoint.ipv4; ZIPKIN_HOST_FROM is remote.ipv4"
    assert json.loads(part.value)["name"] == "get /cart"
    assert part.value in samples()[0]
    assert (client, empty) == ([], [])
    assert [part.host for part in server if isinstance(part, DurationsUpdate)] == ["192.0.2.7"]
    assert source.skipped == {"kind": 3}


@pytest.mark.parametrize(
    ("host_from", "host"),
    [
        ("remote.ipv4", "192.0.2.7"),
        ("remote.service", "web"),
        ("local.ipv4", "10.1.0.12"),
        ("local.service", "checkout"),
        ("tag:host.name", "Node-7"),
    ],
)
def test_the_host_comes_from_where_it_is_asked(host_from: str, host: str) -> None:
    span = span_of(tags={"host.name": "Node-7"})
    assert [update.host for update in found(source_of(host_from=host_from), span)] == [host]


def test_a_single_span_needs_no_array() -> None:
    assert len(parts_of(source_of(), record_of(json.dumps(SPAN).encode()))) == 1


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("SERVER", ""), [True, False, True, True, True]),
        (("SERVER",), [True, False, False, False, False]),
        (("CLIENT",), [False, True, False, False, False]),
        (("",), [False, False, True, True, True]),
    ],
)
def test_only_spans_of_the_kinds_asked_for_count(kinds: tuple[str, ...], expected: list[bool]) -> None:
    """A kind that is absent, or not one of Zipkin's, is the empty one."""
    source = source_of(kinds=kinds)
    all_kinds = ["SERVER", "CLIENT", ..., "LOCAL", ["SERVER"]]
    assert [bool(found(source, span_of(kind=kind))) for kind in all_kinds] == expected
    assert source.skipped["kind"] == expected.count(False)


def test_spans_in_flight_or_shared_are_skipped() -> None:
    source = source_of()
    unfinished = [
        span_of(duration=...),
        span_of(timestamp=...),
        span_of(duration=None),
        span_of(timestamp=None),
    ]
    assert found(source, *unfinished) == []
    assert source.skipped == {"unfinished": 4}


@pytest.mark.parametrize(
    ("tags", "is_error"),
    [
        ({"error": ""}, True),
        ({"error": "timeout"}, True),
        ({"error": True}, True),
        ({"error": "false"}, False),
        ({"error": "False"}, False),
        ({"error": False}, False),
        ({"err": "x"}, False),
        ({}, False),
        (None, False),
        ("error", False),
    ],
)
def test_a_span_failed_if_it_has_a_tag_error_that_is_not_false(tags: object, is_error: bool) -> None:
    (update,) = found(source_of(), span_of(tags=tags))
    assert [each.is_error for each in update.durations] == [is_error]


@pytest.mark.parametrize("endpoint", [..., None, 5, {}, {"serviceName": None}, {"serviceName": ["a"]}])
def test_a_span_without_a_service_has_an_empty_one(endpoint: object) -> None:
    (update,) = found(source_of(), span_of(localEndpoint=endpoint))
    assert [each.service for each in update.durations] == [""]


@pytest.mark.parametrize("duration_us", [0, 1, 86_400_000_000])
def test_durations_up_to_a_day_are_taken(duration_us: int) -> None:
    (update,) = found(source_of(), span_of(duration=duration_us))
    assert [each.duration_us for each in update.durations] == [duration_us]


@pytest.mark.parametrize(
    ("duration", "as_shown"),
    [
        (-1, "-1"),
        (86_400_000_001, "86400000001"),
        (1.5, "1.5"),
        ("7", "'7'"),
        (True, "true"),
        ([], "an array"),
    ],
)
def test_other_durations_are_refused(duration: object, as_shown: str) -> None:
    expected = f"span 1: duration is {as_shown}, expected whole microseconds from 0 to 86400000000, a day"
    assert refused(source_of(), span_of(duration=duration)) == [(Reason.BAD_VALUE, expected)]


@pytest.mark.parametrize("start_us", [0, -1, START_US // 1_000, START_US // 1_000_000, 946_684_799_999_999])
def test_a_start_in_other_units_than_microseconds_is_refused(start_us: int) -> None:
    """Milliseconds read as microseconds lie in January 1970."""
    assert refused(source_of(), span_of(timestamp=start_us)) == [
        (
            Reason.BAD_TIME,
            f"span 1: timestamp is {start_us}, before the year 2000; expected microseconds since the epoch",
        )
    ]


@pytest.mark.parametrize("start_us", [START_US * 1_000, (TIMESTAMP_MS + 3_600_001) * 1_000, 10**19])
def test_a_start_too_far_ahead_is_refused(start_us: int) -> None:
    ((reason, detail),) = refused(source_of(), span_of(timestamp=start_us))
    assert reason is Reason.BAD_TIME
    assert detail.startswith(
        f"span 1: time is {start_us // 1000} ms, expected at most {TIMESTAMP_MS + 3_600_000} ms"
    )


@pytest.mark.parametrize("start", [1.5, "1795224856153715", True, {}])
def test_a_start_that_is_no_integer_is_refused(start: object) -> None:
    ((reason, detail),) = refused(source_of(), span_of(timestamp=start))
    assert reason is Reason.BAD_VALUE
    assert detail.endswith(", expected microseconds since the epoch")


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("", "it has no remoteEndpoint.ipv4; ZIPKIN_HOST_FROM is remote.ipv4"),
        (5, "it has no remoteEndpoint.ipv4; ZIPKIN_HOST_FROM is remote.ipv4"),
        ("x" * 1025, "host has 1025 characters, expected 1 to 1024"),
        ("\ud800", "host is '\\ud800', which has no form in UTF-8"),
    ],
)
def test_a_span_without_a_host_is_refused(host: object, message: str) -> None:
    assert refused(source_of(), span_of(remoteEndpoint={"ipv4": host})) == [
        (Reason.BAD_HOST, f"span 1: {message}")
    ]


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("x" * 1025, "service has 1025 characters, expected at most 1024"),
        ("\ud800", "service is '\\ud800', which has no form in UTF-8"),
    ],
)
def test_a_service_that_cannot_be_sent_on_is_refused(service: str, message: str) -> None:
    span = span_of(localEndpoint={"serviceName": service})
    assert refused(source_of(), span) == [(Reason.BAD_VALUE, f"span 1: {message}")]


@pytest.mark.parametrize(
    ("element", "as_shown"), [(5, "5"), (None, "null"), ([SPAN], "an array"), ("a", "'a'")]
)
def test_an_element_that_is_no_span_is_refused_and_the_others_are_kept(
    element: object, as_shown: str
) -> None:
    source = source_of()
    parts = parts_of(source, record_of(json.dumps([SPAN, element, SPAN]).encode()))
    assert [type(part) for part in parts] == [RefusedPart, DurationsUpdate]
    assert refused(source, SPAN, element) == [
        (Reason.BAD_VALUE, f"span 2: it is {as_shown}, expected an object")
    ]


def test_spans_that_follow_each_other_on_one_host_go_together() -> None:
    """At most 500; updates are numbered."""
    other = span_of(remoteEndpoint={"ipv4": "10.0.0.1"})
    updates = found(source_of(), *[SPAN] * 501, other, SPAN)
    assert [(each.place.index, each.host, len(each.durations)) for each in updates] == [
        (0, "192.0.2.7", 500),
        (1, "192.0.2.7", 1),
        (2, "10.0.0.1", 1),
        (3, "192.0.2.7", 1),
    ]


def test_of_many_refused_spans_all_but_a_hundred_go_together() -> None:
    spans = [span_of(id=str(number), duration=-1) for number in range(250)]
    parts = parts_of(source_of(), record_of(json.dumps([*spans, SPAN]).encode()))
    refused_parts = [part for part in parts if isinstance(part, RefusedPart)]
    assert len(refused_parts) == 101
    assert refused_parts[-1].refused.reason is Reason.BAD_VALUE
    assert refused_parts[-1].refused.detail.startswith("150 more spans, the first: span 101: duration is -1")
    assert [json.loads(part.value) for part in refused_parts[:100]] == spans[:100]
    assert json.loads(refused_parts[-1].value) == spans[100:]
    assert len(parts) == 102


@pytest.mark.parametrize("number", [0, 1, 300])
def test_damage_anywhere_refuses_the_whole_record(number: int) -> None:
    data = b"[" + b"".join(json.dumps(SPAN).encode() + b"," for _ in range(number)) + b"{]"
    with pytest.raises(RefusedRecord, match=r"byte \d+: ") as refused_record:
        parts_of(source_of(), record_of(data))
    assert refused_record.value.reason is Reason.BAD_JSON


def test_records_without_a_value_or_too_large_are_refused() -> None:
    with pytest.raises(RefusedRecord, match="the record has no value"):
        parts_of(source_of(), record_of(None))
    with pytest.raises(
        RefusedRecord, match="key and value have 50000001 bytes, MAX_RECORD_BYTES is 50000000"
    ):
        parts_of(source_of(), record_of(b" " * 50_000_000, key=b"k"))


def test_aliases_name_the_host_by_exact_name_then_by_pattern() -> None:
    aliases = HostAliases({"192.0.2.*": "rack", "192.0.2.7": "web", "192.*": "never"})
    hosts = [
        update.host
        for address in ("192.0.2.7", "192.0.2.8", "10.0.0.1")
        for update in found(source_of(aliases=aliases), span_of(remoteEndpoint={"ipv4": address}))
    ]
    assert hosts == ["web", "rack", "10.0.0.1"]


def test_aliases_mind_case_and_remember_what_they_found() -> None:
    aliases = HostAliases({"Web-?": "a", "[ab]": "b"})
    assert [aliases.host(name) for name in ("Web-1", "web-1", "a", "[ab]") * 2] == [
        "a",
        "web-1",
        "b",
        "b",
    ] * 2
    assert [aliases.host(str(number)) for number in range(20_001)][-1] == "20000"


@pytest.mark.parametrize("host", ["", 5, "x" * 1025])
def test_an_alias_to_no_host_is_refused(host: Any) -> None:
    with pytest.raises(SettingsError, match=r"^HOST_ALIASES, '10\.\*': host "):
        HostAliases({"10.*": host})


@pytest.mark.parametrize("host_from", ["", "remote", "tag:", "remote.ipv6", "TAG:a"])
def test_a_side_that_is_none_is_refused(host_from: str) -> None:
    message = (
        rf"^ZIPKIN_HOST_FROM is '{host_from}', expected remote\.ipv4, remote\.service, local\.ipv4, "
        r"local\.service, or tag: and the name of a tag$"
    )
    with pytest.raises(SettingsError, match=message):
        ZipkinOptions(host_from=host_from)


def test_kinds_that_are_none_are_refused() -> None:
    with pytest.raises(
        SettingsError,
        match=r"^ZIPKIN_KINDS has 'server', expected CLIENT, SERVER, PRODUCER, CONSUMER, or an empty",
    ):
        ZipkinOptions(kinds=("server",))
    with pytest.raises(SettingsError, match=r"^ZIPKIN_KINDS is empty, expected at least one kind$"):
        ZipkinOptions(kinds=())


def test_a_hundred_thousand_spans_are_read_with_pauses() -> None:
    """What comes between two pauses is 64 spans at most, and not one of 100,000 is lost."""

    async def whole() -> tuple[int, int]:
        pauses = durations = 0
        async for part in source.parts(record_of(data)):
            pauses += 1
            durations += len(part.durations) if isinstance(part, DurationsUpdate) else 0
        return pauses, durations

    source = source_of()
    data = b"[" + b",".join([json.dumps(SPAN).encode()] * 100_000) + b"]"
    pauses, durations = asyncio.run(whole())
    assert durations == 100_000
    assert pauses >= 100_000 // 64


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.integers(START_US, START_US + 10**6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_SPANS = st.dictionaries(st.sampled_from([*SPAN, "tags", "shared"]), _JSON).map(
    lambda changes: {**SPAN, **changes}
)


@given(
    value=st.one_of(
        st.binary(),
        st.builds(lambda found: json.dumps(found).encode(), _JSON | st.lists(_SPANS | _JSON)),
        st.builds(
            lambda data, place, byte: data[:place] + bytes([byte]) + data[place + 1 :],
            st.just(samples()[0]),
            st.integers(0, 1_000),
            st.integers(0, 255),
        ),
    ),
    timestamp_ms=st.integers(-1, 2**62),
    host_from=st.sampled_from(["remote.ipv4", "local.service", "tag:a"]),
)
def test_any_value_is_durations_or_refused(value: bytes, timestamp_ms: int, host_from: str) -> None:
    """Nothing else comes out, whatever goes in."""
    try:
        parts = parts_of(source_of(host_from=host_from), record_of(value, timestamp_ms=timestamp_ms))
    except RefusedRecord:
        return
    updates = [part for part in parts if isinstance(part, DurationsUpdate)]
    assert [update.place.index for update in updates] == list(range(len(updates)))
    for update in updates:
        assert len(update.host.encode()) >= 1
        for duration in update.durations:
            assert duration.service.encode() is not None
            assert 946_684_800_000 <= duration.start_ms < 253_402_300_800_000
            assert 0 <= duration.duration_us <= 86_400_000_000
