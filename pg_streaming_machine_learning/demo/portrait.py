"""A picture of the live table at its most eventful moment, for documents."""

from __future__ import annotations

import io

from rich.console import Console

from pg_streaming_machine_learning.demo.board import Board
from pg_streaming_machine_learning.demo.view import WIDTH, picture

__all__ = ["Portrait"]


class Portrait:
    """Keep the picture that shows most, of all that were offered.

    Attributes
    ----------
    svg : str
        The picture; empty if nothing was worth one.
    """

    def __init__(self) -> None:
        self.svg = ""
        self._most = 0

    def consider(self, board: Board, now_s: float) -> None:
        """Draw the present state if it beats what was drawn before.

        Notes
        -----
        Past the middle, when scores mean something, it looks for windows that are truly slow in as many
        trails as possible, and a host that is slow and said to be at this moment.
        """
        if board.share_replayed < 0.5 or board.expected is not None:
            return
        last = [row.last for row in board.rows.values() if row.last is not None]
        if not any(each.label == 1 and each.predicted_class == 1 for each in last):
            return
        slow = [sum(label == 1 for _, label in row.trail) for row in board.rows.values()]
        eventful = 100 * sum(count > 0 for count in slow) + sum(slow)
        if eventful > self._most:
            self._most = eventful
            self.svg = _drawn(board, now_s)


def _drawn(board: Board, now_s: float) -> str:
    console = Console(file=io.StringIO(), width=WIDTH, record=True, force_terminal=True)
    console.print(picture(board, now_s))
    return console.export_svg(title="pg-streaming-machine-learning demo", unique_id="demo")
