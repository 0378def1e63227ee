"""Saying what takes so long."""

from __future__ import annotations

import threading
from types import TracebackType

import click

__all__ = ["Patience"]

EVERY_S = 2.0


class Patience:
    """Says on the standard error what is being done, as long as it lasts; use it as a context.

    Nothing is said of what is done within `EVERY_S`.

    Examples
    --------
    >>> with Patience() as tell:
    ...     tell("counting")
    """

    def __init__(self, every_s: float = EVERY_S) -> None:
        self._every_s = every_s
        self._what = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __call__(self, what: str) -> None:
        """Note what is being done now; nothing if somebody is waited for."""
        self._what = what

    def __enter__(self) -> Patience:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            if self._what:
                click.echo(f"{self._what} ...", err=True)
