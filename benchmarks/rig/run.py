"""A worker process for the time of a context."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rig.scene import Scene
from pg_streaming_machine_learning.demo.worker import CHILD_MODULE, DemoWorker

__all__ = ["Running", "started", "wait_until_restored"]

RESTORED_WITHIN_S = 300.0


@dataclass(frozen=True)
class Running:
    """A worker that was started, and the file that takes what it prints."""

    worker: DemoWorker
    log: Path


@contextmanager
def started(scene: Scene, module: str = CHILD_MODULE) -> Iterator[Running]:
    """Run a worker in a directory of its own."""
    with tempfile.TemporaryDirectory(prefix="pg-streaming-bench-") as name:
        directory = Path(name)
        with scene.worker(directory, module) as worker:
            worker.start()
            yield Running(worker, directory / "worker.log")


def wait_until_restored(running: Running) -> str:
    """Return the line that says that the worker has its state."""
    end_s = time.monotonic() + RESTORED_WITHIN_S
    while time.monotonic() < end_s:
        if running.worker.exit_code is not None:
            break
        for line in running.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if "state restored" in line:
                return line
        time.sleep(0.01)
    raise RuntimeError("the worker has no state:\n" + "\n".join(running.worker.last_lines(20)))
