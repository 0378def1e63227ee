"""Messages of Telegraf become readings, line by line."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import Reason, RefusedRecord, SettingsError
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Metric, Reading, ReadingsUpdate, SourcePlace
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Part, RefusedPart
from pg_streaming_machine_learning.sources.telegraf import TelegrafSource
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
from pg_streaming_machine_learning.sources.telegraf_mapping import TelegrafMapping

SAMPLES = Path(__file__).parent / "samples"
LIMITS = Limits(size_ms=1_800_000, hop_ms=60_000, max_ahead_ms=3_600_000, max_record_bytes=10_000_000)
MAPPING = TelegrafMapping.from_json(BUILT_IN_MAPPING)
SOURCE = TelegrafSource(LIMITS, MAPPING)

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
MEMORY = Metric("MEMORY", "UTILIZATION", "PERCENT")
READ = Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
WRITTEN = Metric("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND")
READING = Metric("DISK_READ", "UTILIZATION", "PERCENT")
WRITING = Metric("DISK_WRITE", "UTILIZATION", "PERCENT")
RECEIVED = Metric("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND")
SENT = Metric("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND")

AT_MS = 1_795_223_748_000
RECORD = InputRecord("telegraf", 3, 70, AT_MS, key=None, value=None)
PLACE = SourcePlace("telegraf", 3, 70)


def samples(name: str) -> list[InputRecord]:
    messages = [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]
    return [
        replace(RECORD, timestamp_ms=message["timestamp_ms"], value=message["value"].encode())
        for message in messages
    ]


def test_what_telegraf_sent_becomes_these_readings() -> None:
    """Memory, processor, loopback and disk of one machine; the loopback interface is left out."""
    assert [parts(record) for record in samples("telegraf.jsonl")] == [
        [update(Reading(MEMORY, 1795223747000, 10.064018548623373))],
        [update(Reading(CPU, AT_MS, 100.0))],
        [],
        [
            update(
                Reading(READ, AT_MS, 2341635072.0, "diskio/vda"),
                Reading(WRITTEN, AT_MS, 3735453696.0, "diskio/vda"),
                Reading(READING, AT_MS, 42162 * 0.1, "diskio/vda"),
                Reading(WRITING, AT_MS, 40476 * 0.1, "diskio/vda"),
            )
        ],
    ]


def test_a_message_that_telegraf_split_in_three_lines_becomes_its_reading() -> None:
    """The record's timestamp is 1.723 s after the line's."""
    (record,) = samples("telegraf-multiline.jsonl")

    assert parts(record) == [update(Reading(MEMORY, 1795225284000, 18.455300125230433))]


@pytest.mark.parametrize(
    ("line", "reading"),
    [
        (
            "net,host=probe-01,interface=eth0 bytes_recv=7i,bytes_sent=5i,speed=-1i",
            [Reading(RECEIVED, AT_MS, 7.0, "net/eth0"), Reading(SENT, AT_MS, 5.0, "net/eth0")],
        ),
        (
            "prometheus,cpu=cpu-total,host=probe-01,url=http://a:9273/metrics cpu_usage_idle=97.5",
            [Reading(CPU, AT_MS, 2.5)],
        ),
        ("prometheus,host=probe-01 mem_used_percent=40", [Reading(MEMORY, AT_MS, 40.0)]),
        (
            "prometheus,host=probe-01,name=sda diskio_read_bytes=4096",
            [Reading(READ, AT_MS, 4096.0, "prometheus/sda")],
        ),
        (
            "prometheus,host=probe-01,name=sda diskio_write_time=20",
            [Reading(WRITING, AT_MS, 2.0, "prometheus/sda")],
        ),
        (
            "prometheus,host=probe-01,interface=eth0 net_bytes_recv=7",
            [Reading(RECEIVED, AT_MS, 7.0, "prometheus/eth0")],
        ),
        (
            "net,host=probe-01,interface=eth0 bytes_recv=18446744073709551615u",
            [Reading(RECEIVED, AT_MS, 1.8446744073709552e19, "net/eth0")],
        ),
    ],
)
def test_the_built_in_mapping_reads_both_kinds_of_names(line: str, reading: list[Reading]) -> None:
    assert parts(message(line)) == [update(*reading)]


@pytest.mark.parametrize(
    "line",
    [
        "cpu,cpu=cpu0,host=probe-01 usage_idle=5",
        "cpu,host=probe-01 usage_idle=5",
        "cpu,cpu=cpu-total,host=probe-01 usage_user=5",
        "swap,host=probe-01 used_percent=5",
        'mem,host=probe-01 note="x"',
        "mem used=5i",
        "diskio,host=probe-01,name=vda1 read_bytes=5i",
        "net,host=probe-01,interface=all icmp_inmsgs=5i",
        "prometheus,host=probe-01 go_goroutines=5",
        # Neither read nor wrong: nobody asks for them.
        "swap used_percent=NaN -5",
    ],
)
def test_what_is_not_mapped_is_passed_over(line: str) -> None:
    assert parts(message(line)) == []


def test_counters_of_several_devices_are_told_apart() -> None:
    lines = [f"net,host=probe-01,interface={name} bytes_recv=7i" for name in ("eth0", "lo", "eth1", "veth9")]

    assert parts(message(*lines)) == [
        update(Reading(RECEIVED, AT_MS, 7.0, "net/eth0"), Reading(RECEIVED, AT_MS, 7.0, "net/eth1"))
    ]


def test_a_counter_without_devices_has_the_name_of_its_measurement() -> None:
    entry = {"measurement": "kernel", "field": "io", "metric": "DISK_READ", "measure": "THROUGHPUT"}
    mapping = TelegrafMapping.from_json([entry | {"unit": "BYTES_PER_SECOND", "kind": "counter"}])

    assert parts(message("kernel,host=probe-01 io=3i"), TelegrafSource(LIMITS, mapping)) == [
        update(Reading(READ, AT_MS, 3.0, "kernel"))
    ]


def test_lines_of_one_host_that_follow_each_other_make_one_update() -> None:
    hosts = ["a", "a", "b", "a"]
    lines = [f"mem,host={host} used_percent={number}" for number, host in enumerate(hosts)]

    found = parts(message(lines[0], "# comment", "swap used=1i", *lines[1:]))

    assert [
        (part.place.index, part.host, values(part)) for part in found if isinstance(part, ReadingsUpdate)
    ] == [
        (0, "a", [0.0, 1.0]),
        (1, "b", [2.0]),
        (2, "a", [3.0]),
    ]


def test_an_update_has_at_most_500_readings() -> None:
    found = parts(message(*(f"mem,host=a used_percent={number}" for number in range(1_200))))

    assert [len(values(part)) for part in found] == [500, 500, 200]
    assert [number for part in found for number in values(part)] == list(range(1_200))


@pytest.mark.parametrize(
    ("precision", "timestamp", "at_ms"),
    [
        ("ns", "1600000000123999999", 1_600_000_000_123),
        ("us", "1600000000123999", 1_600_000_000_123),
        ("ms", "1600000000123", 1_600_000_000_123),
        ("s", "1600000000", 1_600_000_000_000),
    ],
)
def test_timestamps_are_of_the_precision_that_is_set(precision: str, timestamp: str, at_ms: int) -> None:
    source = TelegrafSource(LIMITS, MAPPING, precision)

    assert parts(message("mem,host=probe-01 used_percent=5 " + timestamp), source) == [
        update(Reading(MEMORY, at_ms, 5.0))
    ]


def test_a_precision_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"^TELEGRAF_PRECISION is 'h', expected ns, us, ms, s$"):
        TelegrafSource(LIMITS, MAPPING, "h")


def test_a_line_without_timestamp_is_of_its_records_time() -> None:
    assert parts(message("mem,host=probe-01 used_percent=5")) == [update(Reading(MEMORY, AT_MS, 5.0))]


NO_NUMBER = "expected a finite number for MEMORY.UTILIZATION.PERCENT"
LAST_MS = AT_MS + 3_600_000
NO_TIME = "before the year 2000; expected ns since the epoch (TELEGRAF_PRECISION)"


@pytest.mark.parametrize(
    ("line", "reason", "detail"),
    [
        ("mem,host= used=5i", Reason.BAD_LINE, "tag 'host' has no value"),
        ("nonsense", Reason.BAD_LINE, "fields are missing"),
        ("mem used_percent=5", Reason.BAD_LINE, "it has no tag 'host'"),
        (
            "net,host=a bytes_sent=5i",
            Reason.BAD_LINE,
            "it has no tag 'interface', in TELEGRAF_MAPPING the device of net.bytes_sent",
        ),
        (
            f"mem,host={'h' * 1025} used_percent=5",
            Reason.BAD_HOST,
            "host has 1025 characters, expected 1 to 1024",
        ),
        ("mem,host=a used_percent=NaN", Reason.BAD_VALUE, f"field 'used_percent' is nan, {NO_NUMBER}"),
        ("mem,host=a used_percent=-Inf", Reason.BAD_VALUE, f"field 'used_percent' is -inf, {NO_NUMBER}"),
        ("mem,host=a used_percent=1e999", Reason.BAD_VALUE, f"field 'used_percent' is inf, {NO_NUMBER}"),
        ('mem,host=a used_percent="5"', Reason.BAD_VALUE, f"field 'used_percent' is '5', {NO_NUMBER}"),
        ("mem,host=a used_percent=true", Reason.BAD_VALUE, f"field 'used_percent' is true, {NO_NUMBER}"),
        ("mem,host=a used_percent=5 -1", Reason.BAD_TIME, f"timestamp is -1, {NO_TIME}"),
        ("mem,host=a used_percent=5 1795223748", Reason.BAD_TIME, f"timestamp is 1795223748, {NO_TIME}"),
        (
            "mem,host=a used_percent=5 1795223748000000",
            Reason.BAD_TIME,
            f"timestamp is 1795223748000000, {NO_TIME}",
        ),
        (
            f"mem,host=a used_percent=5 {LAST_MS + 1}000000",
            Reason.BAD_TIME,
            f"time is {LAST_MS + 1} ms, expected at most {LAST_MS} ms: MAX_AHEAD_S, 3600000 ms, "
            "after the record's timestamp",
        ),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_the_others_are_kept(
    line: str, reason: Reason, detail: str
) -> None:
    good = "mem,host=probe-01 used_percent=5"

    found = parts(message(good, line, good))

    refused = [part for part in found if isinstance(part, RefusedPart)]
    assert [part for part in found if not isinstance(part, RefusedPart)] == [
        update(Reading(MEMORY, AT_MS, 5.0), Reading(MEMORY, AT_MS, 5.0))
    ]
    assert [(part.refused.reason, part.refused.detail, part.value) for part in refused] == [
        (reason, f"line 2: {detail}", line.encode())
    ]


def test_a_value_that_is_too_large_in_the_metrics_unit_is_refused() -> None:
    mapping = TelegrafMapping.from_json([BUILT_IN_MAPPING[1] | {"factor": 10}])
    source = TelegrafSource(LIMITS, mapping)

    (part,) = parts(message("mem,host=a used_percent=1e308"), source)

    assert isinstance(part, RefusedPart)
    assert part.refused.detail == f"line 1: field 'used_percent' is 1e+308, {NO_NUMBER}"


def test_a_timestamp_may_be_as_far_ahead_as_is_allowed() -> None:
    line = f"mem,host=probe-01 used_percent=5 {LAST_MS}999999"

    assert parts(message(line)) == [update(Reading(MEMORY, LAST_MS, 5.0))]


@pytest.mark.parametrize("timestamp_ms", [0, -1])
def test_a_line_and_a_record_without_timestamp_have_none(timestamp_ms: int) -> None:
    record = replace(message("mem,host=a used_percent=5"), timestamp_ms=timestamp_ms)

    (part,) = parts(record)

    assert isinstance(part, RefusedPart)
    assert str(part.refused) == "bad-line: line 1: it has no timestamp, and neither has its record"


def test_after_a_hundred_bad_lines_the_rest_is_one() -> None:
    found = parts(message(*(f"bad{number}" for number in range(103))))

    assert all(isinstance(part, RefusedPart) for part in found)
    assert len(found) == 101
    rest = found[-1]
    assert isinstance(rest, RefusedPart)
    assert rest.refused.detail == "3 more lines, the first: line 101: fields are missing"
    assert rest.value == b"bad100\nbad101\nbad102"


def test_a_record_without_value_is_refused() -> None:
    with pytest.raises(RefusedRecord, match="null-value: the record has no value"):
        parts(RECORD)


def test_a_record_that_is_too_large_is_refused() -> None:
    source = TelegrafSource(replace(LIMITS, max_record_bytes=10), MAPPING)

    with pytest.raises(RefusedRecord, match="too-large: key and value have 11 bytes, MAX_RECORD_BYTES is 10"):
        parts(replace(RECORD, value=b"mem used=5i"), source)


@pytest.mark.parametrize(
    ("megabytes", "line"),
    [
        (5, b"mem,host=a used_percent=5,used=7i,free=9i 1795223748000000000\n"),
        (5, b"mem,host=a\\ b used_percent=5 1795223748000000000\n"),
        (5, b"swap,host=a used=5i\n"),
        (5, b"#" + b"x" * 100 + b"\n"),
        (5, b"\n"),
        # Of these a message has so many that they take long.
        (1, b"m a=1\n"),
        (1, b"bad\n"),
        (1, b'm a="x\n'),
    ],
)
def test_a_message_of_many_megabytes_lets_others_run_all_the_time(megabytes: int, line: bytes) -> None:
    """Between two parts lie at most 16 KiB of lines, or 500 lines that say nothing."""
    size = megabytes * 1_000_000
    record = replace(RECORD, value=line * (size // len(line)))

    assert len(all_parts(record)) >= size // max(16_384 + len(line), 500 * len(line))


lines = st.sampled_from(
    [
        b"mem,host=a used_percent=5 1795223748000000000",
        b"net,host=b,interface=eth0 bytes_recv=7i",
        b'mem,host=a used_percent="5"',
        b"mem used_percent=5",
        b'm a="x',
    ]
)
message_texts = st.text('cpumem,host=ud_rn5i"\\ \n').map(str.encode)


@given(
    value=st.none() | st.binary() | message_texts | st.lists(lines | st.binary()).map(b"\n".join),
    timestamp_ms=st.integers(-1, 2**62),
    precision=st.sampled_from(["ns", "us", "ms", "s"]),
)
def test_any_bytes_are_readings_or_refused(value: bytes | None, timestamp_ms: int, precision: str) -> None:
    """Nothing else comes out, whatever goes in."""
    record = replace(RECORD, value=value, timestamp_ms=timestamp_ms)
    try:
        found = parts(record, TelegrafSource(LIMITS, MAPPING, precision))
    except RefusedRecord:
        assert value is None
        return
    updates = [part for part in found if isinstance(part, ReadingsUpdate)]
    assert [each.place.index for each in updates] == list(range(len(updates)))
    for part in found:
        assert isinstance(part, ReadingsUpdate | RefusedPart)
        if isinstance(part, RefusedPart):
            assert value is not None
            assert part.value in value


def message(*lines: str) -> InputRecord:
    return replace(RECORD, value="\n".join(lines).encode())


def update(*readings: Reading) -> ReadingsUpdate:
    return ReadingsUpdate(PLACE, "probe-01", readings)


def values(part: Part) -> list[float]:
    assert isinstance(part, ReadingsUpdate)
    return [reading.value for reading in part.readings]


def parts(record: InputRecord, source: TelegrafSource = SOURCE) -> list[Part]:
    return [part for part in all_parts(record, source) if part is not None]


def all_parts(record: InputRecord, source: TelegrafSource = SOURCE) -> list[Part]:
    async def gather() -> list[Part]:
        return [part async for part in source.parts(record)]

    return asyncio.run(gather())
