"""Where worker processes come from: `launch.py --serve`, asked over pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["Ending", "Nursery"]

ROOT = Path(__file__).parents[2]
LAUNCH = Path(__file__).with_name("launch.py")
ARGUMENTS = ["worker", "-l", "INFO"]


@dataclass(frozen=True)
class Ending:
    """How a process ended.

    Parameters
    ----------
    pid : int
        Which.
    code : int
        Its exit code, or minus the signal that ended it.
    peak_kb : int
        The most memory it held, KiB.
    cpu_s : float
        What it used of the processors, seconds.
    """

    pid: int
    code: int
    peak_kb: int
    cpu_s: float


class Nursery:
    """Starts workers, and tells who asked for them when they end; use it as a context.

    Parameters
    ----------
    fresh : bool
        Give each worker a fresh interpreter, as users do. If not, they are forked from a process that has
        everything imported already, which saves two seconds of processor time for each start.
    """

    def __init__(self, *, fresh: bool) -> None:
        self._fresh = fresh
        self._lock = threading.Lock()
        self._started: list[int] = []
        self._has_started = threading.Condition()
        self._on_end: dict[int, Callable[[Ending], None]] = {}
        self._ended: dict[int, Ending] = {}
        # Not the listening thread: who is told of an end may be waiting for a start.
        self._calls = ThreadPoolExecutor(1, "nursery-calls")

    def __enter__(self) -> Nursery:
        self._process = subprocess.Popen(
            [sys.executable, str(LAUNCH), "--serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._listener = threading.Thread(target=self._listen, name="nursery", daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._process.stdout.close()
        self._calls.shutdown()

    def start(self, environment: Mapping[str, str], log: Path, on_end: Callable[[Ending], None]) -> int:
        """Start a worker; return its process id. `on_end` is called once, from another thread."""
        order = {
            "environment": os.environ | dict(environment),
            "log": str(log),
            "arguments": ARGUMENTS,
            "fresh": self._fresh,
        }
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
            with self._has_started:
                if not self._has_started.wait_for(lambda: self._started, 60):
                    raise RuntimeError("the nursery did not start a worker within 60 s")
                pid = self._started.pop()
                ended = self._ended.pop(pid, None)
                if ended is None:
                    self._on_end[pid] = on_end
        if ended is not None:
            self._calls.submit(on_end, ended)
        return pid

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard(json.loads(line))

    def _heard(self, said: dict[str, Any]) -> None:
        if "started" in said:
            with self._has_started:
                self._started.append(said["started"])
                self._has_started.notify_all()
            return
        ending = Ending(said["ended"], said["code"], said["peak_kb"], said["cpu_s"])
        with self._has_started:
            on_end = self._on_end.pop(ending.pid, None)
            if on_end is None:
                self._ended[ending.pid] = ending
        if on_end is not None:
            self._calls.submit(on_end, ending)
