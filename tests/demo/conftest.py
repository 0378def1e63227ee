"""A small recording made of numbers that a reader can check."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pg_streaming_machine_learning.testbed.readings import METRICS
from pg_streaming_machine_learning.testbed.recording import Recording

START_MS = 1_600_000_000_000
SERVICES = ("gateway", "cart")

MakeRecording = Callable[..., Recording]


def _make_recording(seconds: int = 60, slow_from_s: int = 40, quiet_s: int = 20) -> Recording:
    """Return a reading just after each second (its number, plus 100 a metric) and a request every 100 ms.

    A request takes 10 ms, but 100 ms at `cart` once `slow_from_s` have passed.
    """
    at_s = np.arange(1, seconds + 1)
    readings = np.zeros((seconds, len(SERVICES), len(METRICS)))
    readings += at_s[:, None, None] + 100 * np.arange(len(METRICS))[None, None, :]
    request_s = np.repeat(np.arange(0, seconds, 0.1), 2)
    services = np.tile([0, 1], len(request_s) // 2).astype(np.uint8)
    slow = (services == 1) & (request_s >= slow_from_s)
    return Recording(
        services=SERVICES,
        metrics=METRICS,
        readings_ms=(START_MS + 1000 * at_s + 3).astype(np.int64),
        readings=readings,
        other_load_percent=np.zeros(seconds),
        request_services=services,
        request_done_ms=(START_MS + np.round(1000 * request_s)).astype(np.int64),
        request_us=np.where(slow, 100_000, 10_000).astype(np.int64),
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
