"""What services reported and meters read during a run, put together as a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.lines import FIELDS
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, checksum, digest
from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.readings import Reading
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.testbed.reports import MOVED, Report
from pg_streaming_machine_learning.testbed.shop import SERVICES
from pg_streaming_machine_learning.testbed.span_columns import SPAN_COLUMNS, SpanColumns
from pg_streaming_machine_learning.testbed.span_text import MOST_SPANS

__all__ = ["Reports", "gather", "host_rows"]

Reports = Mapping[str, Sequence[Report]]
"""By service, what it reported each second."""

_TOLERANCE_MS = 500


def gather(
    plan: RunPlan, start_ms: int, reports: Reports, readings: Sequence[Reading], meta: dict[str, Any]
) -> Recording:
    """Put a run together as a recording.

    Parameters
    ----------
    plan : RunPlan
        What the run was to be.
    start_ms : int
        When it started, milliseconds since the epoch; reports before it, or after the end, are left out.
    reports : mapping of str to sequence of Report
        What each service reported.
    readings : sequence of Reading
        Readings of the processes, in the order of the services.
    meta : dict
        Anything else worth keeping.

    Raises
    ------
    RecordingError
        If the messages that the recording gives back are not those the services sent.
    """
    spans, digests = _spans(reports, start_ms, start_ms + plan.length_ms)
    recording = Recording(
        services=SERVICES,
        rows_ms=np.array([reading.at_ms for reading in readings], dtype=np.int64),
        rows=host_rows(reports, readings),
        other_load_percent=np.array([reading.other_load_percent for reading in readings], dtype=np.float64),
        spans=spans,
        faults=plan.faults,
        start_ms=start_ms,
        fault_free_until_ms=start_ms + plan.quiet_ms,
        seed=plan.seed,
        meta=meta,
    )
    return replace(recording, checksum=_checked(recording, digests))


def host_rows(reports: Reports, readings: Sequence[Reading]) -> NDArray[np.float64]:
    """Return what each agent writes at each reading, shape (n_readings, n_services, n_fields).

    Parameters
    ----------
    reports : mapping of str to sequence of Report
        What each service reported, at least from before the first reading to after the last.
    readings : sequence of Reading
        Readings of the processes.

    Notes
    -----
    A busy service reports late, with the time at which it did: between two reports a counter is taken to grow
    evenly, so a late report moves no bytes from one second to another.
    """
    rows = np.zeros((len(readings), len(SERVICES), len(FIELDS)))
    read_ms = np.array([reading.at_ms for reading in readings], dtype=np.float64)
    for column, service in enumerate(SERVICES):
        for row, reading in enumerate(readings):
            cpu_percent, *held = reading.processes[column]
            rows[row, column, :4] = (round(100 - cpu_percent, 1), *held)
        reported = reports[service]
        if reported:
            at_ms = np.array([report.at_ms for report in reported], dtype=np.float64)
            moved = np.array([report.moved for report in reported], dtype=np.float64)
            for number in range(len(MOVED)):
                rows[:, column, 4 + number] = np.floor(np.interp(read_ms, at_ms, moved[:, number]))
    # The host has one core; a process with threads in the kernel can use a little more.
    rows[:, :, 0] = np.maximum(0.0, rows[:, :, 0])
    return rows


def _spans(reports: Reports, start_ms: int, end_ms: int) -> tuple[SpanColumns, list[bytes]]:
    """Return the spans in the messages they were sent in, by time of sending, and the digest of each."""
    chosen = sorted(
        (
            (report.at_ms, column, report)
            for column, service in enumerate(SERVICES)
            for report in reports[service]
            if start_ms + _TOLERANCE_MS < report.at_ms < end_ms + _TOLERANCE_MS
        ),
        key=lambda each: each[:2],
    )
    messages: list[tuple[int, int, int]] = []
    for at_ms, column, report in chosen:
        left = len(report.spans)
        for _ in report.digests:
            messages.append((column, at_ms, min(left, MOST_SPANS)))
            left -= MOST_SPANS
    table = np.array(messages, dtype=np.int64).reshape(-1, 3)
    spans = [report.spans for _, _, report in chosen]
    columns = SpanColumns(
        services=table[:, 0].astype(np.uint8),
        sent_ms=table[:, 1].copy(),
        counts=table[:, 2].copy(),
        spans=np.concatenate([np.empty((0, SPAN_COLUMNS), dtype=np.int64), *spans]),
    )
    return columns, [each for _, _, report in chosen for each in report.digests]


def _checked(recording: Recording, digests: Sequence[bytes]) -> str:
    """Return the checksum of the messages as they were sent, which those made of the columns must have."""
    sent = iter(digests)
    expected = checksum(
        (
            each.topic,
            each.key,
            each.timestamp_ms,
            digest(each.value) if each.topic == LINES_TOPIC else next(sent),
        )
        for each in recording.messages()
    )
    if expected != recording.checksum_of_messages():
        raise RecordingError("spans of the recording are not those that the services sent, byte for byte")
    return expected
