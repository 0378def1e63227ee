from __future__ import annotations

import math

import numpy as np
import pytest

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.gathering import gather
from pg_streaming_machine_learning.testbed.lines import FIELDS
from pg_streaming_machine_learning.testbed.messages import SPANS_TOPIC, digest
from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.readings import Reading
from pg_streaming_machine_learning.testbed.reports import Report
from pg_streaming_machine_learning.testbed.shop import SERVICES
from pg_streaming_machine_learning.testbed.span_columns import SPAN_COLUMNS
from pg_streaming_machine_learning.testbed.span_text import MOST_SPANS, spans_text

PLAN = RunPlan(minutes=0.1, quiet_minutes=0.05, seed=1, faults=())
START_MS = 100_000
IDLE = (0.0, 50_000_000, 0, 0)


def report(
    at_ms: int, spans: list[tuple[int, int]] | None = None, moved: tuple[int, ...] = (0, 0, 0, 0)
) -> Report:
    """Return a report of spans (done at, duration, both µs) of a cart as it would have sent them."""
    table = np.array([(number, 0, *span, 0) for number, span in enumerate(spans or [])], dtype=np.int64)
    table = table.reshape(-1, SPAN_COLUMNS)
    batches = [table[first : first + MOST_SPANS] for first in range(0, len(table), MOST_SPANS)]
    texts = [spans_text(PLAN.seed, "cart", batch.tolist()).encode() for batch in batches]
    return Report(at_ms, table, (), tuple(map(digest, texts)), moved)


def reports_of(**reports: list[Report]) -> dict[str, list[Report]]:
    """Return the reports of all services, none of those not named."""
    return {service: reports.get(service, []) for service in SERVICES}


def test_messages_of_all_services_are_sorted_by_time_of_sending() -> None:
    """Services report one by one, the recording is in the order of time."""
    first = [(100_500_000, 9_000), (100_900_000, 8_000)]
    reports = reports_of(cart=[report(101_002, first), report(102_000, [(101_500_000, 7_000)])])
    recording = gather(PLAN, START_MS, reports, [], {})
    assert recording.spans.sent_ms.tolist() == [101_002, 102_000]
    assert recording.spans.counts.tolist() == [2, 1]
    assert recording.request_us.tolist() == [9_000, 8_000, 7_000]
    assert recording.checksum == recording.checksum_of_messages()


def test_many_spans_are_several_messages() -> None:
    """As the client library has batched them."""
    reports = reports_of(cart=[report(101_000, [(100_000_000 + at_us, 1) for at_us in range(250)])])
    recording = gather(PLAN, START_MS, reports, [], {})
    assert recording.spans.counts.tolist() == [100, 100, 50]
    assert [message.topic for message in recording.messages()] == [SPANS_TOPIC] * 3


def test_messages_outside_of_the_recording_are_left_out() -> None:
    """A recording of 6 s from 100 s on holds the six reports of its seconds.

    ::

        sent   100.4  100.9           106.2  106.6   s
                 no    yes              yes    no
    """
    spans = [(99_000_000, 1)]
    sent = [report(at_ms, spans) for at_ms in (100_400, 100_900, 106_200, 106_600)]
    recording = gather(PLAN, START_MS, reports_of(cart=sent), [], {})
    assert recording.spans.sent_ms.tolist() == [100_900, 106_200]


def test_counters_are_those_at_the_reading() -> None:
    """A late report moves no bytes from one second to another: between reports, counters grow evenly."""
    reports = reports_of(
        cart=[
            report(100_000, moved=(0, 0, 1_000, 0)),
            report(101_000, moved=(0, 4, 1_500, 0)),
            report(103_000, moved=(0, 8, 3_500, 10)),
        ]
    )
    readings = [Reading(at_ms, (IDLE,) * len(SERVICES), 0.0) for at_ms in (101_000, 102_000, 103_000)]
    cart = gather(PLAN, START_MS, reports, readings, {}).rows[:, SERVICES.index("cart"), :]
    assert cart[:, FIELDS.index("bytes_recv")].tolist() == [1_500, 2_500, 3_500]
    assert cart[:, FIELDS.index("bytes_sent")].tolist() == [0, 5, 10]
    assert cart[:, FIELDS.index("write_time")].tolist() == [4, 6, 8]
    assert np.all(cart[:, FIELDS.index("used")] == 50_000_000)


@pytest.mark.parametrize(("used", "idle"), [(0.0, 100.0), (12.3, 87.7), (101.5, 0.0), (math.nan, math.nan)])
def test_a_host_has_one_core(used: float, idle: float) -> None:
    """What a process uses of it is not idle; a little more than all is all; unknown stays unknown."""
    readings = [Reading(101_000, ((used, *IDLE[1:]),) * len(SERVICES), 0.0)]
    rows = gather(PLAN, START_MS, reports_of(), readings, {}).rows
    assert rows[0, 0, 0] == pytest.approx(idle, nan_ok=True)


def test_run_without_reports_is_an_empty_recording() -> None:
    """Nothing reported is nothing recorded, not an error."""
    readings = [Reading(101_000, (IDLE,) * len(SERVICES), 0.0)]
    recording = gather(PLAN, START_MS, reports_of(), readings, {"minutes": 0.1})
    assert len(recording.request_us) == 0
    assert recording.rows.shape == (1, len(SERVICES), len(FIELDS))
    assert recording.fault_free_until_ms == START_MS + 3_000


def test_other_bytes_than_the_recording_gives_back_are_an_error() -> None:
    """What the client library has written must come back byte for byte."""
    good = report(101_000, [(100_500_000, 9_000)])
    other = Report(good.at_ms, good.spans, (), (digest(b"[]"),), good.moved)
    with pytest.raises(RecordingError, match="spans of the recording are not those that the services sent"):
        gather(PLAN, START_MS, reports_of(cart=[other]), [], {})
