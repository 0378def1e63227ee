"""How a run of the demo is shown: a live table in a terminal, lines of text elsewhere."""

from __future__ import annotations

import math
from types import TracebackType
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pg_streaming_machine_learning.demo.board import CONTESTANT_NAMES, TRAIL, Board, HostRow
from pg_streaming_machine_learning.learning.evaluation import MODEL, Score

__all__ = ["WIDTH", "LinesView", "LiveView", "View", "create_view", "figures", "picture", "times"]

WIDTH = 100
"""Columns of the table."""

_BAR_CELLS = 20
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = "▁▂▃▄▅▆▇█"
_CLASS_NAMES = {0: "fine", 1: "slow"}
_CLASS_STYLES = {0: "green", 1: "bold red"}
_LINES_EVERY_S = 5.0


class View(Protocol):
    """Something that shows the board; a context."""

    def __enter__(self) -> View: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, board: Board, now_s: float) -> None:
        """Show the present state; called several times a second."""


def create_view(console: Console, plain: bool) -> View:
    """Return the live table for a terminal that can draw it, else lines of text."""
    if plain or not console.is_terminal or console.is_dumb_terminal or console.options.ascii_only:
        return LinesView(console)
    return LiveView(console)


class LiveView:
    """Redraw a table in the terminal."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, board: Board, now_s: float) -> None:
        """Draw the table anew."""
        self._live.update(picture(board, now_s), refresh=True)


class LinesView:
    """Print a line every few seconds, in plain letters."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last_s: float | None = None
        self._phase = ""

    def __enter__(self) -> LinesView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def show(self, board: Board, now_s: float) -> None:
        """Print a line if the phase has changed or the last one is some seconds old."""
        recent = self._last_s is not None and now_s - self._last_s < _LINES_EVERY_S
        if recent and board.phase == self._phase:
            return
        self._last_s, self._phase = now_s, board.phase
        self._console.print(line(board, now_s), markup=False, highlight=False, soft_wrap=True)


def line(board: Board, now_s: float) -> str:
    """Return the state in one line of ASCII."""
    words = [
        f"{now_s - board.started_s:5.1f} s  {board.phase}:",
        f"replayed {clock(board.replayed_to_ms - board.start_ms)} of {clock(board.end_ms - board.start_ms)},",
        f"{board.predictions} predictions ({board.predictions_per_s:.0f}/s),",
        f"{board.dead_letters} refused",
    ]
    if board.worker_pid is not None:
        words[-1] += f", worker {_worker_text(board)}"
    model = board.scores[MODEL]
    if model.samples:
        words.append(f"- model so far: kappa {model.kappa:.3f}, F1 {model.f1:.3f}")
    slow = [row.host for row in board.rows.values() if row.last is not None and row.last.predicted_class == 1]
    if slow:
        words.append(f"- slow now: {', '.join(slow)}")
    return " ".join(words)


def picture(board: Board, now_s: float) -> RenderableType:
    """Return the whole table of the present state."""
    return Panel(
        Group(_hosts(board), Text(), _scores(board), Text(), _progress(board), _counts(board, now_s)),
        title="[bold]pg-streaming-machine-learning demo[/]",
        subtitle="[dim]real services, real Kafka protocol, the real worker[/]",
        box=box.ROUNDED,
        border_style="blue",
        padding=(1, 2),
        width=WIDTH,
    )


def clock(span_ms: int) -> str:
    """Return a span of time as minutes and seconds.

    Examples
    --------
    >>> clock(125_000)
    '2:05'
    """
    minutes, seconds = divmod(max(0, span_ms) // 1000, 60)
    return f"{minutes}:{seconds:02d}"


def _hosts(board: Board) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("host", style="bold", min_width=10)
    table.add_column("bottleneck probability", min_width=_BAR_CELLS + 5)
    table.add_column("said", min_width=4)
    table.add_column("true", min_width=4)
    table.add_column(Text.assemble("its last windows, ", ("truly slow", "red")), min_width=TRAIL)
    table.add_column("right", justify="right", min_width=5)
    for row in board.rows.values():
        table.add_row(*_host_cells(row))
    return table


def _host_cells(row: HostRow) -> tuple[RenderableType, ...]:
    last = row.last
    if last is None:
        return row.host, Text("waiting", style="dim"), "", "", "", ""
    right = f"{100 * row.right / row.predictions:.0f} %" if row.predictions else ""
    bar = _bar(last.probability, last.decision_threshold)
    bar.append(f" {last.probability:.2f}", style="dim" if last.warming_up else "")
    return row.host, bar, _class(last.predicted_class), _class(last.label), _trail(row), right


def _class(value: int | None) -> Text:
    if value is None:
        return Text("?", style="dim")
    return Text(_CLASS_NAMES[value], style=_CLASS_STYLES[value])


def _bar(probability: float, threshold: float) -> Text:
    eighths = round(min(1.0, max(0.0, probability)) * _BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (_EIGHTHS[rest] if rest else "")
    style = "red" if probability >= threshold else "yellow" if probability >= threshold / 2 else "green"
    bar = Text(filled, style=style)
    return bar.append("·" * (_BAR_CELLS - len(filled)), style="bright_black")


def _trail(row: HostRow) -> Text:
    trail = Text()
    for probability, label in row.trail:
        height = _HEIGHTS[min(len(_HEIGHTS) - 1, int(probability * len(_HEIGHTS)))]
        trail.append(height, style="red" if label == 1 else "green" if label == 0 else "bright_black")
    return trail


def _scores(board: Board) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("scored so far", min_width=38)
    for name in ("kappa", "F1", "ROC AUC", "accuracy"):
        table.add_column(name, justify="right", min_width=8)
    for contestant, score in board.scores.items():
        style = "bold" if contestant == MODEL else ""
        table.add_row(CONTESTANT_NAMES[contestant], *figures(score), style=style)
    return table


def figures(score: Score) -> tuple[str, str, str, str]:
    """Return kappa, F1, area under the ROC curve and accuracy as text; a dash for what is not known yet.

    Examples
    --------
    >>> figures(Score(samples=9, accuracy=1.0, kappa=0.5, f1=0.25, roc_auc=math.nan))
    ('0.500', '0.250', '-', '1.000')
    """
    if score.samples == 0:
        return ("-", "-", "-", "-")
    area = "-" if math.isnan(score.roc_auc) else f"{score.roc_auc:.3f}"
    return f"{score.kappa:.3f}", f"{score.f1:.3f}", area, f"{score.accuracy:.3f}"


def _progress(board: Board) -> Table:
    row = Table.grid(padding=(0, 2, 0, 0))
    done = clock(board.replayed_to_ms - board.start_ms)
    pace = f"at {board.speed:g} ×" if board.speed > 0 else "as fast as it goes"
    if board.is_live:
        pace = "as it happens"
    bar = ProgressBar(total=1.0, completed=board.share_replayed, width=40)
    what, how = ("ran", "planned") if board.is_live else ("replayed", "recorded")
    row.add_row(what, bar, f"{done} of {clock(board.end_ms - board.start_ms)} {how}, {pace}")
    if board.worker_pid is not None:
        row.add_row("worker", _worker_text(board), f"kill -9 {board.worker_pid} if you like")
    return row


def _worker_text(board: Board) -> str:
    """Return the worker's process id, and what happened to those before it."""
    words = [f"pid {board.worker_pid}"]
    if board.kills:
        words.append(f"killed {times(board.kills)}")
    if board.restarts:
        words.append(f"restarted {times(board.restarts)}")
    return ", ".join(words)


def times(count: int) -> str:
    """Return how often something was, in words.

    Examples
    --------
    >>> times(1), times(3)
    ('once', '3 times')
    """
    return "once" if count == 1 else f"{count} times"


def _counts(board: Board, now_s: float) -> Text:
    expected = "" if board.expected is None else f" of {board.expected:,}"
    counts = Text.assemble(
        (f"{board.predictions:,}{expected}", "bold"),
        f" predictions, {board.predictions_per_s:.0f}/s   ",
        (f"{board.messages_sent:,}", "bold"),
        " messages sent   ",
        (f"{board.dead_letters}", "bold"),
        " refused   ",
        (f"{now_s - board.started_s:.0f} s", "bold"),
        f"   {board.phase}",
    )
    counts.no_wrap = True
    counts.overflow = "ellipsis"
    return counts
