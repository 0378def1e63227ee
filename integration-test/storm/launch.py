"""Start workers as users do, with points to be hit at, and mutants, wrapped around the product's classes.

``launch.py worker -l INFO`` is ``faust -A pg_streaming_machine_learning.app worker -l INFO`` in a process in
which `storm.points` and `storm.mutants` have had a hand. ``launch.py --serve`` imports everything once and
forks a worker for each line it reads, or executes a fresh interpreter if the line says so; it tells how each
ended.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "integration-test")]


def work(arguments: list[str]) -> int:
    """Run a worker in this process; return its exit code."""
    from storm import mutants, points

    points.install()
    mutants.install(os.environ.get(mutants.VARIABLE, ""))
    from pg_streaming_machine_learning.streams.worker import run_worker

    return run_worker(arguments)


def serve() -> None:
    """Fork workers as lines of JSON on the standard input ask for; report each end on the standard output."""
    import faust.cli.faust
    import faust.cli.worker
    import faust.transport.drivers.aiokafka  # noqa: F401
    import river.forest  # noqa: F401

    import pg_streaming_machine_learning.assembly
    import pg_streaming_machine_learning.streams.worker  # noqa: F401
    from storm import mutants, points  # noqa: F401

    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker)
    asked = b""
    running: set[int] = set()
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            _report_ends(running)
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:  # whoever asked is gone, and no worker outlives it
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                return
            *lines, asked = (asked + read).split(b"\n")
            for line in lines:
                pid = _fork(json.loads(line))
                running.add(pid)
                _say({"started": pid})


def _report_ends(running: set[int]) -> None:
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        running.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        _say({"ended": pid, "code": code, "peak_kb": used.ru_maxrss, "cpu_s": used.ru_utime + used.ru_stime})


def _say(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _become(order)
    return pid


def _become(order: dict[str, Any]) -> NoReturn:
    """Become a worker, in the child."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.closerange(3, 256)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(ROOT)
    code = 70
    try:
        if order["fresh"]:
            os.execv(sys.executable, [sys.executable, __file__, *order["arguments"]])
        code = work(order["arguments"][1:])
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve()
    else:
        sys.exit(work(sys.argv[2:]))
