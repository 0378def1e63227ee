"""An event loop for tests: its time is moved by waiting, and it stops when nothing can go on."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["StillLoop"]

_Result = TypeVar("_Result")


class StillLoop(asyncio.SelectorEventLoop):
    """Runs without threads, and without waiting: whoever sleeps wakes up as soon as all others wait.

    Examples
    --------
    >>> loop = StillLoop()
    >>> task = loop.create_task(asyncio.sleep(60.0, "done"))
    >>> loop.run_until_still()
    >>> task.result(), loop.time()
    ('done', 60.0)
    >>> loop.close()
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_Selector(self))
        self.set_default_executor(_AtOnce())

    def time(self) -> float:
        """Return the time, seconds."""
        return self.now_s

    def run_until_still(self) -> None:
        """Run until everything waits for something that does not come by itself."""
        self.run_forever()

    def give_up(self) -> None:
        """Cancel whatever still waits, and close."""
        for task in asyncio.all_tasks(self):
            task.cancel()
        self.run_until_still()
        self.close()


class _Selector(selectors.DefaultSelector):
    """Lets time pass instead of waiting."""

    def __init__(self, loop: StillLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready; without timers there is nothing to wait for."""
        if timeout is None:
            self._loop.stop()
        else:
            self._loop.now_s += max(timeout, 0.0)
        return super().select(0)


class _AtOnce(ThreadPoolExecutor):
    """Does the work where it is handed over."""

    def submit(self, fn: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:
        """Do it, and return what came of it."""
        future: Future[_Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future
