"""What services reported and meters read during a run, put together as a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.readings import METRICS, Reading
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.testbed.shop import SERVICES

Reports = Mapping[str, Sequence[Mapping[str, Any]]]
"""By service, what it reported each second (`service.ShopService.report`)."""


def gather(
    plan: RunPlan, start_ms: int, reports: Reports, readings: Sequence[Reading], meta: dict[str, Any]
) -> Recording:
    """Put a run together as a recording.

    Parameters
    ----------
    plan : RunPlan
        What the run was to be.
    start_ms : int
        When it started, milliseconds since the epoch; requests before it, or after the end, are left out.
    reports : mapping of str to sequence of mapping
        What each service reported.
    readings : sequence of Reading
        Readings of the processes, in the order of the services.
    meta : dict
        Anything else worth keeping.
    """
    readings_ms = np.array([reading.at_ms for reading in readings], dtype=np.int64)
    services, done_ms, request_us = _requests(reports, start_ms, start_ms + plan.length_ms)
    return Recording(
        services=SERVICES,
        metrics=METRICS,
        readings_ms=readings_ms,
        readings=_values(reports, readings, readings_ms),
        other_load_percent=np.array([reading.other_load_percent for reading in readings], dtype=np.float64),
        request_services=services,
        request_done_ms=done_ms,
        request_us=request_us,
        faults=plan.faults,
        start_ms=start_ms,
        fault_free_until_ms=start_ms + plan.quiet_ms,
        seed=plan.seed,
        meta=meta,
    )


def _values(
    reports: Reports, readings: Sequence[Reading], readings_ms: NDArray[np.int64]
) -> NDArray[np.float64]:
    values = np.zeros((len(readings), len(SERVICES), len(METRICS)))
    for column, service in enumerate(SERVICES):
        for row, reading in enumerate(readings):
            values[row, column, :4] = reading.processes[column]
        values[:, column, 4] = _rates(reports[service], "in_bytes", readings_ms)
        values[:, column, 5] = _rates(reports[service], "out_bytes", readings_ms)
    return values


def _rates(
    reports: Sequence[Mapping[str, Any]], counter: str, readings_ms: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return a counter's bytes over the second before each reading, whole numbers.

    A busy service reports late, with the time at which it did: between two reports the counter is taken to
    grow evenly, so a late report moves no bytes from one second to another.
    """
    if not reports:
        return np.zeros(len(readings_ms))
    at_ms = np.array([report["at_ms"] for report in reports], dtype=np.float64)
    counts = np.array([report[counter] for report in reports], dtype=np.float64)
    ends_ms = readings_ms.astype(np.float64)
    moved = np.interp(ends_ms, at_ms, counts) - np.interp(ends_ms - 1000, at_ms, counts)
    return np.asarray(np.round(moved))


def _requests(
    reports: Reports, start_ms: int, end_ms: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Return service, time of answer and response time of all requests, by time of answer."""
    rows = np.array(
        [
            (column, done_ms, request_us)
            for column, service in enumerate(SERVICES)
            for report in reports[service]
            for done_ms, request_us in report["answered"]
            if start_ms <= done_ms < end_ms
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    rows = rows[np.argsort(rows[:, 1], kind="stable")]
    return rows[:, 0].astype(np.uint8), rows[:, 1].copy(), rows[:, 2].copy()
