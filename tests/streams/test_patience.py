"""Waiting with a line for each attempt."""

from __future__ import annotations

import asyncio
import logging

import pytest

from pg_streaming_machine_learning.errors import TopicError
from pg_streaming_machine_learning.streams.patience import NotYet, patiently
from tests.streams.stand_ins import Clock


def patient(failures: int, timeout_s: float) -> tuple[str, list[float]]:
    """Try something that fails so often; return what came of it and the pauses."""
    clock, pauses, attempts = Clock(), list[float](), 0

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        clock.now_s += seconds

    async def attempt() -> str:
        nonlocal attempts
        attempts += 1
        if attempts <= failures:
            raise NotYet(TopicError(f"attempt {attempts}"))
        return "there"

    return asyncio.run(patiently(attempt, timeout_s, monotonic=clock, pause=pause)), pauses


def test_what_is_there_is_not_waited_for() -> None:
    """No pause."""
    assert patient(0, 60) == ("there", [])


def test_pauses_grow_and_each_attempt_is_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """Up to five seconds."""
    with caplog.at_level(logging.WARNING):
        assert patient(6, 60) == ("there", [0.5, 1.0, 2.0, 4.0, 5.0, 5.0])
    assert [record.getMessage() for record in caplog.records][:2] == [
        "waiting, 60 s left: attempt 1",
        "waiting, 60 s left: attempt 2",
    ]


def test_the_last_error_is_raised_when_time_is_over() -> None:
    """The last pause ends at the deadline, and one more attempt is made."""
    with pytest.raises(TopicError, match=r"^attempt 4$"):
        patient(100, 3)
