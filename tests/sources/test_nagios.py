"""States of Nagios services become readings."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord, SettingsError
from pg_streaming_machine_learning.records.update import Metric, Reading, ReadingsUpdate, SourcePlace
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.nagios import NagiosSource
from pg_streaming_machine_learning.sources.nagios_rule import NAGIOS_SERVICES, NagiosRule, nagios_rules
from pg_streaming_machine_learning.sources.source import RefusedPart
from tests.sources.parts import parts_of, record_of

LIMITS = Limits(size_ms=1_800_000, hop_ms=60_000, max_ahead_ms=3_600_000, max_record_bytes=50_000_000)
STATE: dict[str, Any] = {
    "host_name": "web-1",
    "display_name": "Memory Usage",
    "status_update_time": "2026-11-21 00:00:00",
    "performance_data": "'percent'=28.10%;;; 'total'=15.60GiB;;;",
}
AT_MS = 1_795_219_200_000
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
CPU = Metric("CPU", "UTILIZATION", "PERCENT")
NETWORK_IN = Metric("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND")
PLACE = SourcePlace("topic", 2, 1_000, 0)


def source_of(**rules: NagiosRule) -> NagiosSource:
    return NagiosSource(LIMITS, rules or nagios_rules(NAGIOS_SERVICES))


def state_of(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**STATE, **changes}.items() if value is not ...}


def found(source: NagiosSource, *states: object) -> list[ReadingsUpdate | RefusedPart]:
    return parts_of(source, record_of(json.dumps(states).encode()))  # type: ignore[return-value]


def readings(source: NagiosSource, *states: object) -> list[Reading]:
    return [reading for part in found(source, *states) for reading in part.readings]  # type: ignore[union-attr]


def refused(source: NagiosSource, *states: object) -> list[tuple[Reason, str]]:
    parts = found(source, *states)
    return [(part.refused.reason, part.refused.detail) for part in parts if isinstance(part, RefusedPart)]


def test_the_example_of_the_contract() -> None:
    state = state_of(performance_data="'percent'=28.10%;;;")
    expected = [ReadingsUpdate(PLACE, "web-1", (Reading(MEMORY, AT_MS, 28.1),))]
    assert found(source_of(), state) == expected
    assert parts_of(source_of(), record_of(json.dumps(state).encode())) == expected


@pytest.mark.parametrize("apostrophe", ["&apos;", "&#39;", "&#x27;"])
def test_text_may_be_html_escaped(apostrophe: str) -> None:
    rule = NagiosRule("CPU & Memory", "<percent>", MEMORY)
    state = state_of(
        display_name="CPU &amp; Memory", performance_data=f"{apostrophe}&lt;percent&gt;{apostrophe}=28.10%;;;"
    )
    assert readings(source_of(a=rule), state) == [Reading(MEMORY, AT_MS, 28.1)]


@pytest.mark.parametrize(
    ("service", "performance_data", "metric", "value"),
    [
        ("Memory Usage", "'available'=11.2GiB 'percent'=28.1%", "MEMORY.UTILIZATION.PERCENT", 28.1),
        ("CPU Usage", "'percent'=3.5%;60;80;", "CPU.UTILIZATION.PERCENT", 3.5),
        ("CPU Load", "'5 min avg Load'=12%;80;90;0;100", "CPU.UTILIZATION.PERCENT", 12.0),
        ("Port 3 Bandwidth", "in=0.5Mb/s;50;80", "NETWORK_IN.THROUGHPUT.BYTES_PER_SECOND", 62_500.0),
        ("Port 3 Bandwidth", "out=2Mb/s;50;80", "NETWORK_OUT.THROUGHPUT.BYTES_PER_SECOND", 250_000.0),
        ("eth0 Bandwidth - Inbound", "'bytes_recv'=1.5MB/s", "NETWORK_IN.THROUGHPUT.BYTES_PER_SECOND", 1.5e6),
        (
            "eth0 Bandwidth - Outbound",
            "'bytes_sent'=1KiB/s",
            "NETWORK_OUT.THROUGHPUT.BYTES_PER_SECOND",
            1024.0,
        ),
        ("Disk Read sda", "'read_bytes'=4MB/s", "DISK_READ.THROUGHPUT.BYTES_PER_SECOND", 4e6),
        ("Disk Writes", "'write_bytes'=4kB/s", "DISK_WRITE.THROUGHPUT.BYTES_PER_SECOND", 4e3),
    ],
)
def test_services_that_are_taken_by_default(
    service: str, performance_data: str, metric: str, value: float
) -> None:
    (reading,) = readings(source_of(), state_of(display_name=service, performance_data=performance_data))
    assert (str(reading.metric), reading.counter) == (metric, "")
    assert reading.value == pytest.approx(value)


def test_of_the_rules_that_fit_a_value_the_first_counts() -> None:
    source = source_of(a=NagiosRule("CPU*", "cpu1", MEMORY), b=NagiosRule("CPU*", "cpu?", CPU))
    state = state_of(display_name="CPU Usage", performance_data="cpu0=1% cpu1=2% cpu22=3%")
    assert readings(source, state) == [Reading(CPU, AT_MS, 1.0), Reading(MEMORY, AT_MS, 2.0)]


def test_counters_have_a_name_of_their_own() -> None:
    """By their unit, c, or by their rule; the count comes in the metric's unit times seconds."""
    source = source_of(
        a=NagiosRule("eth0", "octets", NETWORK_IN),
        b=NagiosRule(
            "eth0", "traffic", Metric("NETWORK_IN", "THROUGHPUT", "KILOBYTES_PER_SECOND"), counter=True
        ),
    )
    first, second = readings(source, state_of(display_name="eth0", performance_data="octets=7c traffic=3MB"))
    assert (first.value, first.counter) == (7.0, "nagios/eth0/octets")
    assert (second.value, second.counter) == (3_000.0, "nagios/eth0/traffic")


def test_what_no_rule_names_is_skipped() -> None:
    source = source_of()
    assert found(source, state_of(display_name="Ping"), state_of(performance_data="used=1GB")) == []
    assert found(source, state_of(performance_data=""), state_of(performance_data=None)) == []
    assert found(source, state_of(performance_data="percent=U")) == []
    assert source.skipped == {"service": 1, "label": 1, "empty": 2, "unknown": 1}


def test_states_of_one_host_that_follow_each_other_go_together() -> None:
    other = state_of(host_name="web-2")
    updates = found(source_of(), STATE, STATE, other)
    assert [
        (each.host, each.place.index, len(each.readings))
        for each in updates
        if isinstance(each, ReadingsUpdate)
    ] == [("web-1", 0, 2), ("web-2", 1, 1)]


@pytest.mark.parametrize(
    "found_time",
    ["", "2026-11-21", "2026-11-21T00:00:00", "2026-02-30 00:00:00", "0000-00-00 00:00:00",
     "2026-11-21 24:00:00", "2026-11-21 00:00:00 ", "٢٠٢٦-11-21 00:00:00", 1_795_219_200, None, []],
)  # fmt: skip
def test_a_wrong_time_is_refused(found_time: object) -> None:
    ((reason, detail),) = refused(source_of(), state_of(status_update_time=found_time))
    assert reason is Reason.BAD_TIME
    assert re.match(
        r"service 1: status_update_time is .*, expected YYYY-MM-DD hh:mm:ss, UTC$", detail, re.DOTALL
    )


@pytest.mark.parametrize("found_time", ["1969-12-31 23:59:59", "2026-11-22 00:00:00", "9999-12-31 23:59:59"])
def test_a_time_that_cannot_be_is_refused(found_time: str) -> None:
    """Before the epoch, or far ahead of the record."""
    ((reason, detail),) = refused(source_of(), state_of(status_update_time=found_time))
    assert reason is Reason.BAD_TIME
    assert detail.startswith("service 1: time is ")


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"host_name": ...}, Reason.BAD_VALUE, "it has no host_name"),
        ({"display_name": ...}, Reason.BAD_VALUE, "it has no display_name"),
        ({"status_update_time": ...}, Reason.BAD_VALUE, "it has no status_update_time"),
        ({"performance_data": ...}, Reason.BAD_VALUE, "it has no performance_data"),
        ({"host_name": ""}, Reason.BAD_HOST, "host has 0 characters, expected 1 to 1024"),
        ({"host_name": 5}, Reason.BAD_HOST, "host is 5, expected text"),
        ({"display_name": ""}, Reason.BAD_VALUE, "display_name is '', expected text of 1 to 1024 characters"),
        (
            {"display_name": None},
            Reason.BAD_VALUE,
            "display_name is null, expected text of 1 to 1024 characters",
        ),
        ({"performance_data": 5}, Reason.BAD_VALUE, "performance_data is 5, expected text"),
        ({"performance_data": "percent"}, Reason.BAD_VALUE, "performance data at character 0 is 'percent'"),
        (
            {"performance_data": "percent=5s"},
            Reason.BAD_VALUE,
            "'percent' has the unit 's', expected one that becomes PERCENT",
        ),
        (
            {"performance_data": "percent=5c"},
            Reason.BAD_VALUE,
            "'percent' is a counter, expected a value that becomes PERCENT",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any], reason: Reason, message: str) -> None:
    parts = found(source_of(), STATE, state_of(**changes))
    (part,) = [each for each in parts if isinstance(each, RefusedPart)]
    assert part.refused.reason is reason
    assert part.refused.detail.startswith(f"service 2: {message}")
    assert json.loads(part.value) == state_of(**changes)
    assert len(parts) == 2


def test_a_value_too_great_for_its_unit_is_refused() -> None:
    source = source_of(a=NagiosRule("*", "x", Metric("CPU", "RESPONSE_TIME", "MILLISECONDS")))
    assert refused(source, state_of(performance_data="x=1e306s")) == [
        (Reason.BAD_VALUE, "service 1: 'x' is too great for MILLISECONDS")
    ]


@pytest.mark.parametrize(("service", "label"), [("eth", "\ud800"), ("\ud800", "in"), ("eth", "x" * 1025)])
def test_a_counter_whose_name_cannot_be_sent_on_is_refused(service: str, label: str) -> None:
    source = source_of(a=NagiosRule("*", "*", NETWORK_IN))
    state = state_of(display_name=service, performance_data=f"a=1c '{label}'=5c")
    ((reason, detail),) = refused(source, state)
    assert reason is Reason.BAD_VALUE
    assert detail.startswith("service 1: counter is ")
    assert detail.endswith(", expected names of at most 1024 characters that have a form in UTF-8")


def test_damage_and_empty_records_are_refused() -> None:
    with pytest.raises(RefusedRecord, match="byte 13: ") as bad:
        parts_of(source_of(), record_of(b'{"host_name":'))
    assert bad.value.reason is Reason.BAD_JSON
    with pytest.raises(RefusedRecord, match="the record has no value"):
        parts_of(source_of(), record_of(None))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"service": ...}, "service is null, expected text"),
        ({"label": 5}, "label is 5, expected text"),
        ({"label": ""}, "label is '', expected text"),
        ({"metric": "RAM"}, "metric is 'RAM', expected CPU, DISK_READ, DISK_WRITE, MEMORY, "),
        ({"measure": "LOAD"}, "measure is 'LOAD', expected UTILIZATION, THROUGHPUT, RESPONSE_TIME, UNKNOWN"),
        ({"unit": "percent"}, "unit is 'percent', expected COUNT, "),
        ({"counter": 1}, "counter is 1, expected true or false"),
        ({"counter": True}, "unit is 'PERCENT', expected one per second for a counter"),
        ({"factor": 2}, "'factor' is unknown, expected service, label, metric, measure, unit or counter"),
    ],
)
def test_a_wrong_rule_is_told_with_its_name(changes: dict[str, Any], message: str) -> None:
    entry = {
        key: value for key, value in {**NAGIOS_SERVICES["memory"], **changes}.items() if value is not ...
    }
    with pytest.raises(SettingsError, match="^" + re.escape(f"NAGIOS_SERVICES, 'ram': {message}")):
        nagios_rules({"ram": entry})


def test_a_rule_that_is_no_object_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^NAGIOS_SERVICES, 'ram': is an array, expected an object$"):
        nagios_rules({"ram": []})


def test_a_rule_may_be_of_a_counter() -> None:
    entry = {**NAGIOS_SERVICES["network-in"], "counter": True}
    assert nagios_rules({"a": entry}) == {"a": NagiosRule("* Bandwidth", "in", NETWORK_IN, counter=True)}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_STATES = st.fixed_dictionaries(
    {},
    optional={
        "host_name": st.just("web") | st.text() | _JSON,
        "display_name": st.sampled_from(["Memory Usage", "x Bandwidth"]) | _JSON,
        "status_update_time": st.just("2026-11-21 00:00:00") | st.datetimes().map(str) | _JSON,
        "performance_data": st.text("percentinout'=1.5%;UMbc/s ").map(html.escape)
        | st.from_regex(r"('percent'|in|out)=-?[0-9]{1,3}(%|c|Mb/s|U)?;?", fullmatch=True)
        | _JSON,
    },
)


@given(
    value=st.one_of(
        st.binary(), st.builds(lambda found: json.dumps(found).encode(), _STATES | st.lists(_STATES | _JSON))
    ),
    timestamp_ms=st.integers(-1, 2**62),
)
def test_any_value_is_readings_or_refused(value: bytes, timestamp_ms: int) -> None:
    """Nothing else comes out, whatever goes in."""
    source = source_of(**nagios_rules(NAGIOS_SERVICES), every=NagiosRule("*", "*", NETWORK_IN))
    try:
        parts = parts_of(source, record_of(value, timestamp_ms=timestamp_ms))
    except RefusedRecord:
        return
    for part in parts:
        if isinstance(part, ReadingsUpdate):
            assert part.host.encode()
            assert part.readings
            assert all(abs(reading.value) < float("inf") for reading in part.readings)
            assert all(reading.counter.encode() is not None for reading in part.readings)
            assert all(0 <= reading.timestamp_ms < 253_402_300_800_000 for reading in part.readings)
