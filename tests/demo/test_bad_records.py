"""Every bad record of the demo is one that the worker refuses."""

from __future__ import annotations

import asyncio
from typing import Any

import fastavro
import pytest

from pg_streaming_machine_learning.demo.bad_records import BAD_RECORDS, bad_records
from pg_streaming_machine_learning.demo.encoding import WindowEncoder
from pg_streaming_machine_learning.demo.revisions import METRICS, Revision
from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import WindowUpdate
from pg_streaming_machine_learning.sources import SourceOptions, create_sources
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import Source, read_whole
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature

START_MS = 1_600_000_000_000
STATISTICS = (1.0, 2.0, 1.5, 0.5, 1.0, 1.5, 2.0, 0.0, -1.0, 0.1, 0.2)
GOOD = Revision("cart", METRICS["CPU"], START_MS, STATISTICS, 0, True)


class TwoSchemas:
    """The schemas of the demo under the ids 1 and 2."""

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        """Return the parsed schema of an id."""
        return fastavro.parse_schema(schema_of((FeatureKey, LabeledFeature)[schema_id - 1]))


@pytest.fixture
def source() -> Source:
    """Return the source that reads the demo's input."""
    sources = create_sources(
        {"labeled-data": "in"},
        SourceOptions(
            TwoSchemas(),
            Limits(hop_ms=5_000, size_ms=10_000, max_ahead_ms=3_600_000, max_record_bytes=1 << 20),
        ),
    )
    return sources["in"]


def record(key: bytes | None, value: bytes | None) -> InputRecord:
    """Return a record as the worker gets it."""
    return InputRecord("in", 0, 0, START_MS + 10_000, key, value)


def test_the_good_record_is_read(source: Source) -> None:
    """What is spoiled was sound."""
    good = WindowEncoder(1, 2, partitions=4).encode(GOOD)
    (update,) = asyncio.run(read_whole(source, record(good.key, good.value)))
    assert isinstance(update, WindowUpdate)
    assert (update.host, update.metric, update.window_start_ms) == ("cart", METRICS["CPU"], START_MS)
    assert (update.statistics, update.label) == (STATISTICS, 0)


def test_every_bad_record_is_refused(source: Source) -> None:
    """Each for a reason of its own kind."""
    good = WindowEncoder(1, 2, partitions=4).encode(GOOD)
    reasons = []
    for bad in bad_records(good.key, good.value):
        with pytest.raises(RefusedRecord) as refused:
            asyncio.run(read_whole(source, record(bad.key, bad.value)))
        reasons.append(refused.value.reason)
    assert len(reasons) == BAD_RECORDS
    assert reasons == [
        Reason.NULL_KEY,
        Reason.NULL_VALUE,
        Reason.BAD_FRAMING,
        Reason.BAD_FRAMING,
        Reason.BAD_AVRO,
        Reason.BAD_AVRO,
        Reason.BAD_WINDOW,
        Reason.BAD_KEY,
        Reason.BAD_LABEL,
        Reason.NOT_FINITE,
    ]


def test_the_partition_does_not_depend_on_the_window() -> None:
    """All windows of one metric of a host lie in one partition, different metrics in several."""
    encoder = WindowEncoder(1, 2, partitions=4)
    of_one = {
        encoder.encode(Revision("cart", METRICS["CPU"], START_MS + hop, STATISTICS, 0, True)).partition
        for hop in range(0, 50_000, 5_000)
    }
    of_all = {
        encoder.encode(Revision(host, metric, START_MS, STATISTICS, 0, True)).partition
        for host in ("gateway", "catalog", "cart")
        for metric in METRICS.values()
    }
    assert len(of_one) == 1
    assert of_all == {0, 1, 2, 3}


def test_the_bytes_are_those_of_the_contract() -> None:
    """The contract's golden key."""
    metric = METRICS["CPU"]
    window = WindowEncoder(1, 2, partitions=4).encode(
        Revision("192.168.0.101", metric, 1_600_000_000_000, STATISTICS, 1, True)
    )
    golden = "00 00 00 00 01 1a 31 39 32 2e 31 36 38 2e 30 2e 31 30 31 00 00 10 00 00 01 74 87 6e 80 00"
    assert window.key.hex(" ") == golden
    assert (len(window.value), window.value[-1]) == (94, 2)
