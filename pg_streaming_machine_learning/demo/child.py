"""Entry of the demo's worker process: the worker, which ends when the demo does.

Run as ``python -m pg_streaming_machine_learning.demo.child worker -l INFO``: the arguments are those of
``python -m pg_streaming_machine_learning``. The demo holds the other end of standard input; when it is gone,
even by ``kill -9``, so is this process.
"""

from __future__ import annotations

import os
import runpy
import sys
import threading

__all__ = ["main"]

_ENDED_WITH_DEMO = 71


def main() -> None:
    """Watch standard input from a thread, and be the program otherwise."""
    threading.Thread(target=_end_with_the_demo, name="end-with-the-demo", daemon=True).start()
    runpy.run_module("pg_streaming_machine_learning", run_name="__main__", alter_sys=True)


def _end_with_the_demo() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    # The broker lived in the demo's process: nothing is left to end in order.
    os._exit(_ENDED_WITH_DEMO)


if __name__ == "__main__":
    main()
