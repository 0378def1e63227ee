"""Every bad record of the demo is one that the worker refuses."""

from __future__ import annotations

import asyncio
import json

from pg_streaming_machine_learning.demo.bad_records import BAD_RECORDS, BadRecord, bad_records
from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import DurationsUpdate
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import RefusedPart, Source, read_whole
from pg_streaming_machine_learning.sources.telegraf import TelegrafSource
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
from pg_streaming_machine_learning.sources.telegraf_mapping import TelegrafMapping
from pg_streaming_machine_learning.sources.zipkin import ZipkinOptions, ZipkinSource
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC

AT_MS = 1_600_000_000_000
LIMITS = Limits(size_ms=10_000, hop_ms=5_000, max_ahead_ms=3_600_000, max_record_bytes=1 << 20)
SOURCES: dict[str, Source] = {
    LINES_TOPIC: TelegrafSource(LIMITS, TelegrafMapping.from_json(BUILT_IN_MAPPING)),
    SPANS_TOPIC: ZipkinSource(LIMITS, ZipkinOptions(host_from="local.service")),
}


def reason_of(bad: BadRecord) -> Reason:
    """Return why the only part of a record is refused."""
    record = InputRecord(bad.topic, 0, 0, AT_MS, None, bad.value)
    try:
        (part,) = asyncio.run(read_whole(SOURCES[bad.topic], record))
    except RefusedRecord as refused:
        return refused.reason
    assert isinstance(part, RefusedPart)
    return part.refused.reason


def test_every_bad_record_is_refused() -> None:
    """Each once, and with nothing in it that is taken."""
    bad = bad_records("cart", AT_MS)
    assert len(bad) == BAD_RECORDS == len({each.what for each in bad})
    assert [reason_of(each) for each in bad] == [
        Reason.NULL_VALUE,
        Reason.BAD_LINE,
        Reason.BAD_LINE,
        Reason.BAD_LINE,
        Reason.BAD_VALUE,
        Reason.BAD_TIME,
        Reason.BAD_JSON,
        Reason.BAD_VALUE,
        Reason.BAD_HOST,
        Reason.BAD_TIME,
    ]


def test_what_is_spoiled_was_sound() -> None:
    """The span without a host is read once it has one."""
    nobody = next(each for each in bad_records("cart", AT_MS) if each.what == "a span of nobody")
    (span,) = json.loads(nobody.value or b"")
    value = json.dumps([span | {"localEndpoint": {"serviceName": "cart"}}]).encode()
    record = InputRecord(SPANS_TOPIC, 0, 0, AT_MS, None, value)
    (update,) = asyncio.run(read_whole(SOURCES[SPANS_TOPIC], record))
    assert isinstance(update, DurationsUpdate)
    assert (update.host, update.durations[0].duration_us) == ("cart", 10_000)
