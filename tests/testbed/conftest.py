"""A small recording that is made up, so that every figure of it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from pg_streaming_machine_learning.testbed.faults import Fault
from pg_streaming_machine_learning.testbed.lines import COUNTERS, FIELDS
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.testbed.span_columns import SPAN_COLUMNS, SpanColumns

START_MS = 1_700_000_000_000


def recording_of(
    requests: Sequence[tuple[int, int, int]],
    *,
    services: tuple[str, ...] = ("cart", "payment"),
    faults: tuple[Fault, ...] = (),
    minutes: float = 1.0,
    quiet_minutes: float = 0.5,
    rows: int = 3,
) -> Recording:
    """Return a recording of requests (service, ms since the start, µs), each of which is a message."""
    columns = np.array(sorted(requests, key=lambda request: request[1]), dtype=np.int64).reshape(-1, 3)
    done_ms = START_MS + columns[:, 1]
    spans = np.zeros((len(columns), SPAN_COLUMNS), dtype=np.int64)
    spans[:, 0] = np.arange(len(columns))
    spans[:, 2], spans[:, 3] = 1000 * done_ms, columns[:, 2]
    meta: dict[str, Any] = {
        "minutes": minutes,
        "quiet_minutes": quiet_minutes,
        "customer_requests": len(columns),
        "customer_requests_failed": 0,
        "customer_requests_dropped": 0,
    }
    shape = (rows, len(services), len(FIELDS))
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    values[:, :, :COUNTERS] /= 8
    return Recording(
        services=services,
        rows_ms=START_MS + 1000 * np.arange(rows, dtype=np.int64),
        rows=values,
        other_load_percent=np.linspace(0.0, 2.0, rows),
        spans=SpanColumns(columns[:, 0].astype(np.uint8), done_ms, np.ones(len(columns), np.int64), spans),
        faults=faults,
        start_ms=START_MS,
        fault_free_until_ms=START_MS + round(quiet_minutes * 60_000),
        seed=7,
        meta=meta,
    )


@pytest.fixture(name="recording_of")
def recording_of_fixture() -> Callable[..., Recording]:
    """Return the function that makes up recordings."""
    return recording_of
