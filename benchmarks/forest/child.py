"""A piece of measuring in a process of its own, on processors of its own.

Nothing that ran before, no heap and no compiled code of another forest, is then part of what is measured.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.forest.places import ROOT

__all__ = ["ChildError", "how_pinned", "processors", "run_child"]

TIMEOUT_S = 7_200


class ChildError(Exception):
    """A process ended without a result."""


def processors(count: int) -> tuple[int, ...] | None:
    """Return so many of the processors we may run on, the last ones; None if there are fewer."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
    return tuple(allowed[-count:]) if len(allowed) >= count else None


def how_pinned() -> str:
    """Return what to tell a reader about it."""
    one = processors(1)
    if one is None:
        return "not pinned to a processor, as this system offers no way to"
    return f"each process pinned to processor {one[0]} by sched_setaffinity"


def run_child(
    work: str, arguments: Mapping[str, Any], *, cores: int = 1, extra: Mapping[str, str] | None = None
) -> Any:
    """Call a function in a new interpreter, and return its result.

    Parameters
    ----------
    work : str
        ``module.function`` of this folder.
    arguments : mapping of str to Any
        What it is called with, by name; of what JSON can hold.
    cores : int
        How many processors it may run on.
    extra : mapping of str to str, optional
        Environment variables it gets besides ours.

    Raises
    ------
    ChildError
        If it fails, or takes more than two hours.
    """
    with tempfile.TemporaryDirectory(prefix="pg-streaming-bench-") as folder:
        answer = Path(folder) / "answer.json"
        command = [
            sys.executable,
            "-m",
            "benchmarks.forest.child",
            work,
            json.dumps(dict(arguments)),
            str(answer),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PG_BENCH_PROCESSORS": ",".join(map(str, processors(cores) or ())),
            **(extra or {}),
        }
        # A session of its own, so that what it starts (a Java) ends with it.
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        try:
            status = process.wait(TIMEOUT_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if status != 0:
            raise ChildError(f"{work} {dict(arguments)} ended with {status}")
        return json.loads(answer.read_text(encoding="utf-8"))


def main() -> None:
    work, arguments, answer = sys.argv[1:]
    wanted = os.environ["PG_BENCH_PROCESSORS"]
    if wanted:
        os.sched_setaffinity(0, map(int, wanted.split(",")))
    module, _, function = work.rpartition(".")
    result = getattr(importlib.import_module(f"benchmarks.forest.{module}"), function)(
        **json.loads(arguments)
    )
    Path(answer).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
