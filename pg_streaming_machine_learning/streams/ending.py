"""How the process ends when it must not go on: one line and an exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from pg_streaming_machine_learning.errors import PgStreamingError

__all__ = ["end_process", "ending_on_errors", "interrupted_at_once", "never_ending"]

logger = logging.getLogger(__name__)

OTHERWISE = 70
"""Exit code for what is nobody's fault but ours."""

LAST_WORDS_S = 5.0
"""How long saying why may take: what stands still may hold the lock of the log, or not read a full pipe."""


@contextmanager
def interrupted_at_once() -> Iterator[None]:
    """Let Ctrl-C end the process wherever it is, with exit code 130: before work begins nothing is lost.

    Python would raise an exception where it is just then, and numba, while it compiles, swallows it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: object) -> NoReturn:
        os.write(sys.stderr.fileno(), b"interrupted\n")
        os._exit(128 + number)

    former = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former if former is not None else signal.SIG_DFL)


def end_process(error: BaseException, doing: str = "") -> NoReturn:
    """Say in one line why, and leave at once, from whatever thread.

    Nothing is tidied up: a crash and an orderly stop share one path, and the next start takes it from there.
    Faust's own way to stop would acknowledge what was not done. An error that is not one of ours is a defect,
    and shows its traceback as well.
    """
    is_ours = isinstance(error, PgStreamingError)
    code = error.exit_code if isinstance(error, PgStreamingError) else OTHERWISE
    _leave_by_force(code)
    text = str(error) if is_ours else f"{type(error).__name__}: {error}"
    line = " ".join(f"{doing}: {text}".split()) if doing else text
    if logging.getLogger().handlers:
        logger.critical("%s, ending with exit code %d", line, code, exc_info=None if is_ours else error)
    else:
        sys.stderr.write(f"{line}, ending with exit code {code}\n")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    for handler in logging.getLogger().handlers:
        handler.flush()
    os._exit(code)


def _leave_by_force(code: int) -> None:
    """Leave in a while, come what may."""
    force = threading.Timer(LAST_WORDS_S, os._exit, (code,))
    force.daemon = True
    with suppress(RuntimeError):  # there may be no more threads to be had
        force.start()


@contextmanager
def ending_on_errors(doing: str) -> Iterator[None]:
    """End the process if the body raises anything but a request to end.

    A panic of an extension written in Rust is no `Exception`, and would end a task that nobody waits for.
    """
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        end_process(error, doing)


def never_ending(
    task: asyncio.Task[None], doing: str, is_over: Callable[[], bool] = lambda: False
) -> asyncio.Task[None]:
    """Return a task that nobody waits for; the process ends if it ends without being cancelled.

    Parameters
    ----------
    task : asyncio.Task
        The task.
    doing : str
        What it does.
    is_over : callable
        Whether it may end.
    """

    def ended(task: asyncio.Task[None]) -> None:
        if task.cancelled() or is_over():
            return
        error = task.exception()
        if not isinstance(error, (KeyboardInterrupt, SystemExit)):
            end_process(RuntimeError("it ended unasked") if error is None else error, doing)

    task.add_done_callback(ended)
    return task
