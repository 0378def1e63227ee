"""The worker of the demo: a process of its own, which never outlives the demo."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import pg_streaming_machine_learning

__all__ = ["DemoWorker"]

STOP_TIMEOUT_S = 12.0
"""Patience after SIGTERM, seconds; the worker itself promises 10."""

CHILD_MODULE = "pg_streaming_machine_learning.demo.child"
"""The program, which ends when standard input does."""


class DemoWorker:
    """Run ``worker -l INFO`` with given settings; use it as a context.

    Parameters
    ----------
    environment : mapping of str to str
        Settings that rank before those of the caller's environment.
    directory : Path
        Where it runs.
    log : Path
        File that takes what it prints; a restart appends.
    module : str
        What is run: the program, or one that changes something of it first, for tests and benchmarks.

    Notes
    -----
    It is in a session of its own, so that Ctrl-C reaches the demo alone, which then ends it in order. Should
    the demo be killed, it sees its standard input end, and leaves. Its snapshots are signed with a key of
    this object, known to all its starts, so that no key of the user's is used or made.
    """

    def __init__(
        self, environment: Mapping[str, str], directory: Path, log: Path, module: str = CHILD_MODULE
    ) -> None:
        own = {"SNAPSHOT_KEY": secrets.token_hex(32), "PYTHONPATH": _import_path()}
        self._environment = {**os.environ, **own, **environment}
        self._directory = directory
        self._log = log
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> DemoWorker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Return the process id, None before the first start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, None while it runs or before the first start."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the process; one that still runs is killed first."""
        self.kill()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, "worker", "-l", "INFO"],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End the process at once, as ``kill -9`` does."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._close_stdin()

    def stop(self) -> None:
        """End the process in order, and by force if it takes too long or the caller is interrupted."""
        if self._process is None or self._process.poll() is not None:
            self.kill()
            return
        try:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def last_lines(self, count: int) -> list[str]:
        """Return the last lines it printed, oldest first."""
        if not self._log.exists():
            return []
        return self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]

    def _close_stdin(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()


def _import_path() -> str:
    """Return PYTHONPATH that finds the package and `settings.py` from any directory."""
    root = str(Path(pg_streaming_machine_learning.__file__).resolve().parent.parent)
    known = os.environ.get("PYTHONPATH")
    return root if not known else os.pathsep.join((root, known))
