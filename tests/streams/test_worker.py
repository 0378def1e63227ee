"""Faust's worker: told to end, it ends in time, and commits nothing any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from faust.types.settings import Settings as FaustSettings

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.worker import Worker

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """
import asyncio, signal, time
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams import worker
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.positions import Positions

async def work(app):
    worker.Worker(app, loop=asyncio.get_running_loop())._schedule_shutdown(signal.SIGTERM)
    print("gate open" if app.gate.is_open else "gate shut", app.gate.is_over, flush=True)
    time.sleep(60)  # nothing goes on any more
    print("went on")

worker.STOP_WITHIN_S = 0.2
asyncio.run(work(Application(Settings(), Positions())))
"""


def test_told_to_end_it_commits_nothing_more_and_ends_though_nothing_goes_on() -> None:
    """With code 0: it is as safe as a crash, and was asked for."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "gate shut True\n", done.stderr
    assert done.returncode == 0


GOES_AWAY = """
import asyncio
from aiokafka.errors import KafkaConnectionError
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams import worker
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.positions import Positions

async def go_away():
    raise KafkaConnectionError("Unable to bootstrap")

async def work(app):
    app.on_first_start = go_away
    await worker.Worker(app, loop=asyncio.get_running_loop(), loglevel="INFO").start()

asyncio.run(work(Application(Settings(), Positions())))
"""


def test_a_broker_that_goes_away_during_the_start_ends_it_like_one_that_was_never_there() -> None:
    """One line and exit code 3, whatever Faust was doing."""
    done = subprocess.run(
        [sys.executable, "-c", GOES_AWAY], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "exit code" in line]
    assert "the Kafka broker at localhost:9092 went away while the worker started" in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("is_enabled", [False, True])
def test_there_is_a_web_server_if_the_settings_say_so(is_enabled: bool) -> None:
    """Faust's command line would switch it on, and a second worker on the machine finds its port taken."""
    app = Application(Settings(web_enabled=is_enabled), Positions())
    conf: FaustSettings = app.conf
    conf.web_enabled = True
    Worker(app)
    assert conf.web_enabled is is_enabled
