"""The worker as its users start it: the ``faust`` command, a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

__all__ = ["ROOT", "Worker"]

ROOT = Path(__file__).parents[2]

ENDS_WITHIN_S = 10.0
"""What the worker promises its users after SIGTERM."""


class Worker:
    """A worker process; use it as a context, which it does not outlive.

    Parameters
    ----------
    settings : mapping of str to str
        Settings, as environment variables.
    log : Path
        File for what it prints; a restart appends.
    """

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self._environment = os.environ | dict(settings)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process."""
        faust = Path(sys.executable).with_name("faust")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(faust), "-A", "pg_streaming_machine_learning.app", "worker", "-l", "INFO"],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it in order; return the seconds it took. Its exit code must be 0."""
        assert self._process is not None
        started_s = time.monotonic()
        self._process.send_signal(number)
        code = self._process.wait(3 * ENDS_WITHIN_S)
        assert code == 0, self.output()[-3000:]
        return time.monotonic() - started_s

    def interrupt(self) -> None:
        """Do as Ctrl-C does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)

    def wait(self, timeout_s: float) -> int:
        """Wait until it has ended by itself; return its exit code."""
        assert self._process is not None
        return self._process.wait(timeout_s)

    @property
    def is_running(self) -> bool:
        """Say whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def output(self) -> str:
        """Return all it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")
