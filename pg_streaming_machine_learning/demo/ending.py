"""Being told to end: every way out passes the clean-up, and none cuts through an event loop."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

__all__ = ["Ending"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Note Ctrl-C, SIGTERM and SIGHUP until somebody looks; use it as a context in the main thread.

    Notes
    -----
    An exception out of a signal handler may come up anywhere, such as in the middle of an asyncio task,
    which then complains. So the first signal waits for `check`. A second one does not.
    """

    def __init__(self) -> None:
        self._told: int | None = None
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Ending:
        self._former = {number: signal.signal(number, self._hear) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `KeyboardInterrupt` after Ctrl-C, `SystemExit` after the other signals."""
        if self._told == signal.SIGINT:
            raise KeyboardInterrupt
        if self._told is not None:
            raise SystemExit(128 + self._told)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.check()
        self._told = number
