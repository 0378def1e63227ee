from __future__ import annotations

from typing import Any

import numpy as np

from pg_streaming_machine_learning.testbed.gathering import gather
from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.readings import METRICS, Reading
from pg_streaming_machine_learning.testbed.shop import SERVICES

PLAN = RunPlan(minutes=0.1, quiet_minutes=0.05, seed=1, faults=())
START_MS = 100_000
IDLE = (0.0, 50.0, 0.0, 0.0)


def report(
    at_ms: int, answered: list[tuple[int, int]], in_bytes: int = 0, out_bytes: int = 0
) -> dict[str, Any]:
    return {"at_ms": at_ms, "answered": answered, "in_bytes": in_bytes, "out_bytes": out_bytes}


def reports_of(**reports: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {service: reports.get(service, []) for service in SERVICES}


def test_requests_of_all_services_are_sorted_by_time_of_answer() -> None:
    """Services report one by one, the recording is in the order of time."""
    reports = reports_of(
        gateway=[report(101_000, [(100_500, 9_000), (100_900, 8_000)])],
        cart=[report(101_000, [(100_700, 3_000)])],
    )
    recording = gather(PLAN, START_MS, reports, [], {})
    assert [recording.services[index] for index in recording.request_services] == [
        "gateway",
        "cart",
        "gateway",
    ]
    assert list(recording.request_done_ms) == [100_500, 100_700, 100_900]
    assert list(recording.request_us) == [9_000, 3_000, 8_000]


def test_requests_outside_of_the_recording_are_left_out() -> None:
    """A recording of 6 s from 100 s on holds what was answered in [100 s, 106 s).

    ::

        answered   99.999  100.000          105.999  106.000   s
                     no      yes              yes      no
    """
    answered = [(99_999, 1), (100_000, 2), (105_999, 3), (106_000, 4)]
    recording = gather(PLAN, START_MS, reports_of(cart=[report(107_000, answered)]), [], {})
    assert list(recording.request_us) == [2, 3]


def test_bytes_moved_are_rates_of_the_counters() -> None:
    """A late report moves no bytes from one second to another: between reports, counters grow evenly."""
    reports = reports_of(
        cart=[
            report(100_000, [], in_bytes=1_000, out_bytes=0),
            report(101_000, [], in_bytes=1_500, out_bytes=0),
            report(103_000, [], in_bytes=3_500, out_bytes=10),
        ]
    )
    readings = [Reading(at_ms, (IDLE,) * len(SERVICES), 0.0) for at_ms in (101_000, 102_000, 103_000)]
    recording = gather(PLAN, START_MS, reports, readings, {})
    cart = recording.readings[:, SERVICES.index("cart"), :]
    assert list(cart[:, METRICS.index("NETWORK_IN")]) == [500, 1_000, 1_000]
    assert list(cart[:, METRICS.index("NETWORK_OUT")]) == [0, 5, 5]
    assert np.all(cart[:, METRICS.index("MEMORY")] == 50)


def test_run_without_reports_is_an_empty_recording() -> None:
    """Nothing reported is nothing recorded, not an error."""
    readings = [Reading(101_000, (IDLE,) * len(SERVICES), 0.0)]
    recording = gather(PLAN, START_MS, reports_of(), readings, {"minutes": 0.1})
    assert len(recording.request_us) == 0
    assert recording.readings.shape == (1, len(SERVICES), len(METRICS))
    assert recording.fault_free_until_ms == START_MS + 3_000
