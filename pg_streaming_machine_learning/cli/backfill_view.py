"""How a backfill is shown while it runs: a bar in a terminal, lines of text elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from pg_streaming_machine_learning.operations.backfill.account import Account

__all__ = ["BackfillView", "create_backfill_view"]

LINES_EVERY_S = 5.0


class BackfillView(Protocol):
    """Something that shows how far a backfill has come; a context."""

    def __enter__(self) -> BackfillView: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, done: int, account: Account) -> None:
        """Show that so many offsets are done."""


def create_backfill_view(console: Console, total: int, *, plain: bool) -> BackfillView:
    """Return a bar for a terminal that can draw it, else lines of text.

    Parameters
    ----------
    console : Console
        Where to.
    total : int
        How many offsets there are to do.
    plain : bool
        Whether lines are wanted in any case.
    """
    if plain or not console.is_terminal or console.is_dumb_terminal or console.options.ascii_only:
        return _Lines(console, total)
    return _Bar(console, total)


class _Bar:
    """Redraws a bar in the terminal."""

    def __init__(self, console: Console, total: int) -> None:
        self._progress = Progress(
            TextColumn("learning"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]:,.0f} records/s"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[predictions]:,} predictions"),
            console=console,
        )
        self._task = self._progress.add_task("", total=total, rate=0.0, predictions=0)
        self._began_s = time.monotonic()

    def __enter__(self) -> _Bar:
        self._began_s = time.monotonic()
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, done: int, account: Account) -> None:
        """Move the bar."""
        rate = account.records / max(0.001, time.monotonic() - self._began_s)
        self._progress.update(self._task, completed=done, rate=rate, predictions=account.predictions)


class _Lines:
    """Prints a line every few seconds."""

    def __init__(self, console: Console, total: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._total = total
        self._monotonic = monotonic
        self._began_s = self._last_s = monotonic()

    def __enter__(self) -> _Lines:
        self._began_s = self._last_s = self._monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, done: int, account: Account) -> None:
        """Print a line if the last one is some seconds old, or all is done."""
        now_s = self._monotonic()
        if done < self._total and now_s - self._last_s < LINES_EVERY_S:
            return
        self._last_s = now_s
        spent_s = max(0.001, now_s - self._began_s)
        left_s = spent_s * (self._total - done) / done if done else 0.0
        self._console.print(
            f"{spent_s:6.1f} s  {100 * done / self._total:3.0f} %  {account.records:,} records, "
            f"{account.records / spent_s:,.0f}/s, {account.predictions:,} predictions, {left_s:.0f} s left",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
