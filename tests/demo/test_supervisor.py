"""The demo starts a killed worker again, and takes no other end for a kill."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pg_streaming_machine_learning.demo.supervisor import Supervisor
from pg_streaming_machine_learning.demo.worker import DemoWorker
from pg_streaming_machine_learning.errors import DemoError

DEADLINE_S = 60.0

# In the worker's place: it ends with the exit code that a file says, and waits while there is none.
STAND_IN = """
import pathlib, sys, threading
said = pathlib.Path("to-say")
print(said.read_text() if said.exists() else "here I am", flush=True)
code = pathlib.Path("exit-code")
if code.exists():
    sys.exit(int(code.read_text()))
threading.Event().wait()
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Return a supervisor of a process that does as it is told."""
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    with DemoWorker({}, tmp_path, tmp_path / "worker.log", module="stand_in") as worker:
        yield Supervisor(worker)


def look_until_started(supervisor: Supervisor) -> None:
    """Look until the process was started again."""
    end_s = time.monotonic() + DEADLINE_S
    while not supervisor.look():
        assert time.monotonic() < end_s, "waited in vain"


def test_while_it_runs_nothing_happens(supervisor: Supervisor) -> None:
    """Before the start there is nothing to look after either."""
    assert not supervisor.look()
    supervisor.start()
    pid = supervisor.pid
    assert not supervisor.look()
    assert (supervisor.pid, supervisor.killed, supervisor.restarted) == (pid, 0, 0)


@pytest.mark.parametrize(
    ("lines", "is_compiling"),
    [
        ("[INFO] compiling the forest, once, for some 20 s of processor time cache=here", True),
        ("[INFO] compiling the forest, once\n[INFO] forest compiled seconds=20.0", False),
        ("here I am", False),
    ],
)
def test_it_sees_that_the_worker_compiles(
    supervisor: Supervisor, tmp_path: Path, lines: str, is_compiling: bool
) -> None:
    """From when it says so until it says anything else."""
    assert not supervisor.is_compiling
    (tmp_path / "to-say").write_text(lines)
    supervisor.start()
    end_s = time.monotonic() + DEADLINE_S
    while not (tmp_path / "worker.log").read_text().endswith("\n"):
        assert time.monotonic() < end_s, "waited in vain"
    assert supervisor.is_compiling is is_compiling


def test_a_killed_worker_is_started_again_and_counted(supervisor: Supervisor) -> None:
    """It does not matter who did it."""
    supervisor.start()
    first = supervisor.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    look_until_started(supervisor)
    second = supervisor.pid
    supervisor.kill()
    assert supervisor.look()
    assert len({first, second, supervisor.pid}) == 3
    assert (supervisor.killed, supervisor.restarted) == (2, 0)


def test_a_worker_that_asks_for_it_is_started_again(supervisor: Supervisor, tmp_path: Path) -> None:
    """Exit code 75: its transaction failed, or it stood still."""
    (tmp_path / "exit-code").write_text("75")
    supervisor.start()
    look_until_started(supervisor)
    assert (supervisor.killed, supervisor.restarted) == (0, 1)


@pytest.mark.parametrize("code", [0, 1, 4, 70])
def test_any_other_end_is_an_error(supervisor: Supervisor, tmp_path: Path, code: int) -> None:
    """With what the worker said last."""
    (tmp_path / "exit-code").write_text(str(code))
    supervisor.start()
    with pytest.raises(DemoError, match=rf"^the worker left with exit code {code}\n  worker: here I am$"):
        look_until_started(supervisor)


def test_a_worker_that_was_terminated_is_not_started_again(supervisor: Supervisor) -> None:
    """SIGTERM is somebody's wish that it ends."""
    supervisor.start()
    assert supervisor.pid is not None
    os.kill(supervisor.pid, signal.SIGTERM)
    with pytest.raises(DemoError, match=r"^the worker left with exit code -15"):
        look_until_started(supervisor)
