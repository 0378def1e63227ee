"""The testbed can be watched while it runs."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.live import LiveRun
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC
from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.shop import SERVICES

PLAN = RunPlan(minutes=0.05, quiet_minutes=0.02, seed=1, faults=())


def services_of_this_process() -> list[psutil.Process]:
    """Return the services that run."""
    return [
        each
        for each in psutil.Process().children()
        if any("testbed.service" in word for word in each.cmdline())
    ]


def test_its_messages_come_as_it_runs(tmp_path: Path) -> None:
    """Lines of every host for each second, spans beside them, in order; and at the end nothing is left."""
    run = LiveRun(PLAN, tmp_path, warm_up_s=0)
    run.start()
    seconds = list(run.seconds())
    run.join()
    messages = [message for second in seconds for message in second]
    lines = [message for message in messages if message.topic == LINES_TOPIC]
    assert {message.key for message in lines} == {service.encode() for service in SERVICES}
    assert len({message.timestamp_ms for message in lines}) >= 3
    assert all(value.count(b"\n") == 1 for _, _, value, _, _ in lines)
    assert any(message.topic == SPANS_TOPIC for message in messages)
    for second in seconds:
        times_ms = [message.timestamp_ms for message in second]
        assert times_ms == sorted(times_ms)
    assert run.is_measured
    assert run.usual_ms["gateway"]
    assert services_of_this_process() == []
    assert list(tmp_path.iterdir()) == []


def test_it_can_be_stopped(tmp_path: Path) -> None:
    """In the middle of an hour; every service has ended then."""
    run = LiveRun(RunPlan(60, 5, 1, ()), tmp_path, warm_up_s=0)
    run.start()
    next(run.seconds())
    assert len(services_of_this_process()) == len(SERVICES)
    run.stop()
    assert not run.is_alive()
    assert services_of_this_process() == []


def test_a_service_that_ends_is_an_error(tmp_path: Path) -> None:
    """Whoever waits for messages hears of it."""
    run = LiveRun(RunPlan(60, 5, 1, ()), tmp_path, warm_up_s=0)
    run.start()
    next(run.seconds())
    services_of_this_process()[0].kill()
    with pytest.raises(RecordingError, match=r"services ended early: gateway|a service cannot be read"):
        for _ in run.seconds():
            pass
    run.join()
    with pytest.raises(RecordingError):
        assert run.is_measured
    assert services_of_this_process() == []
