"""A small recording made of numbers that a reader can check."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pg_streaming_machine_learning.testbed.lines import FIELDS
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.testbed.span_columns import SPAN_COLUMNS, SpanColumns

START_MS = 1_600_000_000_000
SERVICES = ("gateway", "cart")

MakeRecording = Callable[..., Recording]


def _make_recording(seconds: int = 60, slow_from_s: int = 40, quiet_s: int = 20) -> Recording:
    """Return a row just after each second, from the start on, and a request every 100 ms.

    After so many seconds a host uses as many percent, holds as many megabytes, and each of its counters has
    grown by ten times that. A request takes 10 ms, but 100 ms at `cart` once `slow_from_s` have passed. Each
    host sends its spans of a second at the end of it.
    """
    at_s = np.arange(seconds + 1)
    rows = np.zeros((seconds + 1, len(SERVICES), len(FIELDS)))
    rows += 10 * np.cumsum(at_s)[:, None, None]
    rows[:, :, 0], rows[:, :, 1] = (100 - at_s)[:, None], (1_000_000 * at_s)[:, None]
    request_s = np.tile(np.arange(0, seconds, 0.1), len(SERVICES)).reshape(len(SERVICES), seconds, 10)
    spans = np.zeros((seconds, len(SERVICES), 10, SPAN_COLUMNS), dtype=np.int64)
    spans[:, :, :, 2] = 1000 * (START_MS + np.round(1000 * request_s)).transpose(1, 0, 2)
    spans[:, :, :, 3] = 10_000
    spans[slow_from_s:, 1, :, 3] = 100_000
    spans[:, :, :, 0] = np.arange(10 * seconds * len(SERVICES)).reshape(seconds, len(SERVICES), 10)
    messages = seconds * len(SERVICES)
    return Recording(
        services=SERVICES,
        rows_ms=(START_MS + 1000 * at_s + 3).astype(np.int64),
        rows=rows,
        other_load_percent=np.zeros(seconds + 1),
        spans=SpanColumns(
            services=np.tile([0, 1], seconds).astype(np.uint8),
            sent_ms=START_MS + 1000 * np.repeat(np.arange(1, seconds + 1), len(SERVICES)),
            counts=np.full(messages, 10),
            spans=spans.reshape(-1, SPAN_COLUMNS),
        ),
        faults=(),
        start_ms=START_MS,
        fault_free_until_ms=START_MS + 1000 * quiet_s,
        seed=1,
    )


@pytest.fixture
def make_recording() -> MakeRecording:
    """Return the function that makes the recording, to vary it."""
    return _make_recording


@pytest.fixture
def recording() -> Recording:
    """Return a minute of two services; `cart` is slow in the last twenty seconds."""
    return _make_recording()
