"""The demo's worker process never outlives the demo."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from pg_streaming_machine_learning.demo.worker import DemoWorker

DEADLINE_S = 60.0

# A broker that is not there: the worker waits for it, and so runs for as long as the test needs.
ENVIRONMENT = {
    "SIMPLE_SETTINGS": "settings",
    "KAFKA_BOOTSTRAP_SERVER": "kafka://127.0.0.1:1",
    "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
    "START_TIMEOUT_S": "120",
}


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once something is true."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def worker(tmp_path: Path) -> DemoWorker:
    """Return a worker that was not started."""
    return DemoWorker(ENVIRONMENT, tmp_path, tmp_path / "worker.log")


@pytest.mark.slow
def test_it_runs_the_program_and_ends_with_the_context(worker: DemoWorker) -> None:
    """What it prints is kept; after the context there is no process."""
    with worker:
        assert worker.pid is None
        worker.start()
        pid = worker.pid
        wait_until(lambda: worker.last_lines(1) != [])
        assert worker.exit_code is None
    assert worker.exit_code is not None
    assert pid is not None
    assert not psutil.pid_exists(pid)


@pytest.mark.slow
def test_a_restart_is_another_process(worker: DemoWorker) -> None:
    """The first one was killed."""
    with worker:
        worker.start()
        first = worker.pid
        worker.start()
        assert first is not None
        assert worker.pid != first
        assert not psutil.pid_exists(first)


def _has_said(worker: DemoWorker, lines: int) -> bool:
    return len(worker.last_lines(lines)) == lines


def test_all_its_starts_share_a_key_for_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made for it, so that the user's own is neither used nor made; another run has another one."""
    monkeypatch.setenv("SNAPSHOT_KEY", "the user's")
    (tmp_path / "says_its_key.py").write_text("import os\nprint(os.environ['SNAPSHOT_KEY'], flush=True)\n")
    for run in range(2):
        with DemoWorker({}, tmp_path, tmp_path / f"log-{run}", module="says_its_key") as worker:
            for start in range(2):
                worker.start()
                wait_until(partial(_has_said, worker, start + 1))
    first, second = ((tmp_path / f"log-{run}").read_text().split() for run in range(2))
    assert first[0] == first[1] != second[0] == second[1]
    assert "the user's" not in (*first, *second)
    assert len(first[0]) == 64


@pytest.mark.slow
def test_it_leaves_when_the_demo_is_killed(tmp_path: Path) -> None:
    """Even `kill -9` of the demo, which runs no clean-up, leaves no worker behind."""
    script = f"""
import time
from pathlib import Path
from pg_streaming_machine_learning.demo.worker import DemoWorker
worker = DemoWorker({ENVIRONMENT!r}, Path({str(tmp_path)!r}), Path({str(tmp_path / "log")!r}))
worker.start()
print(worker.pid, flush=True)
time.sleep(600)
"""
    demo = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        pid = int(demo.stdout.readline())
        # Its thread is there once it has printed something.
        wait_until(lambda: (tmp_path / "log").stat().st_size > 0)
        os.kill(demo.pid, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(pid))
    finally:
        demo.kill()
        demo.communicate()


def test_a_worker_that_was_never_started_can_be_stopped(worker: DemoWorker) -> None:
    """Nothing to do is no error."""
    worker.kill()
    worker.stop()
    assert worker.exit_code is None
    assert worker.last_lines(5) == []
