"""What the demo says at its end, without flattery."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from pg_streaming_machine_learning.demo.board import CONTESTANT_NAMES, Board
from pg_streaming_machine_learning.demo.comparison import Comparison
from pg_streaming_machine_learning.demo.view import figures, times
from pg_streaming_machine_learning.learning.evaluation import MODEL, SAME_AS_BEFORE, Score

__all__ = ["judgment", "print_comparison", "print_summary", "print_try_next", "score_table", "verdict"]

_TRY_NEXT = (
    ("pg-streaming-machine-learning demo --kill 3", "the worker is killed three times; nothing changes"),
    ("pg-streaming-machine-learning demo --save quiet.jsonl", "keep the predictions, and then ..."),
    (
        "pg-streaming-machine-learning demo --compare quiet.jsonl",
        "... `kill -9` the worker yourself, as often as you like",
    ),
    ("pg-streaming-machine-learning demo --speed 0", "as fast as this machine can"),
    ("pg-streaming-machine-learning demo --hold", "look around with `inspect` and `dead-letters`"),
    ("MODEL=river.linear_model.LogisticRegression pg-streaming-machine-learning demo", "another model"),
    ("pg-streaming-machine-learning demo --live", "the services themselves, on this machine, as it happens"),
    ("pg-streaming-machine-learning demo record DIRECTORY", "a recording of your own, for `--recording`"),
)


def print_summary(console: Console, board: Board, now_s: float) -> None:
    """Print figures and a verdict in plain words."""
    console.print()
    console.print(score_table(board.scores))
    for sentence in (*verdict(board), *_account(board, now_s)):
        console.print(sentence, markup=False, highlight=False)


def print_comparison(console: Console, file: Path, comparison: Comparison) -> None:
    """Print what differs from a run that was saved."""
    console.print(
        f"Compared with the {comparison.expected} predictions of {file}, byte by byte: "
        f"{comparison.missing} missing, {comparison.doubled} doubled, {comparison.divergent} divergent, "
        f"{comparison.unexpected} that it does not have.",
        markup=False,
        highlight=False,
    )


def print_try_next(console: Console) -> None:
    """Print what else there is to see."""
    console.print("\nTry next:", markup=False)
    width = max(len(command) for command, _ in _TRY_NEXT)
    for command, what in _TRY_NEXT:
        console.print(f"  {command:{width}}  {what}", markup=False, highlight=False, soft_wrap=True)


def verdict(board: Board) -> list[str]:
    """Return what the figures say, in plain words."""
    begun = sum(row.begun for row in board.rows.values())
    return judgment(board.scores, begun, sum(row.begun_seen for row in board.rows.values()))


def judgment(scores: Mapping[str, Score], begun: int, seen: int) -> list[str]:
    """Return what scores say, in plain words.

    Parameters
    ----------
    scores : mapping of str to Score
        By the names of `learning.evaluation`.
    begun, seen : int
        Bottlenecks that began, and those of them the model named in their first window.
    """
    model, same = scores[MODEL], scores[SAME_AS_BEFORE]
    name = CONTESTANT_NAMES[SAME_AS_BEFORE]
    if math.isnan(model.roc_auc):
        return ["There were no labels of both classes: nothing can be said of the model."]
    if model.kappa > same.kappa:
        first = f"By kappa the model ({model.kappa:.3f}) beats {name!r} ({same.kappa:.3f})."
    else:
        first = (
            f"By kappa the model ({model.kappa:.3f}) does not beat {name!r} ({same.kappa:.3f}): windows "
            "that follow each other overlap and mostly share their label, and that rule is told it at once. "
            "The model sees a host's own readings alone; a host that waits for a slow one does not show it."
        )
    second = (
        f"Where a bottleneck began ({begun} times), the model named {seen} in the very first window; "
        "the rule, by its nature, none."
    )
    return [first, second]


def _account(board: Board, now_s: float) -> list[str]:
    """Return what went through, and how fast."""
    refused = ", ".join(f"{reason} {count}" for reason, count in sorted(board.refused.items()))
    lines = [
        f"{board.predictions} predictions from {board.messages_sent} messages of Telegraf's and Zipkin's "
        f"({board.bytes_sent / 1e6:.1f} MB) of {len(board.rows)} hosts; {_speed(board)}.",
        f"{board.dead_letters} of {board.bad_sent} bad records became dead letters: {refused or 'none'}.",
    ]
    lines += _disturbances(board)
    lines.append(f"All in all {now_s - board.started_s:.0f} s.")
    return lines


def _disturbances(board: Board) -> list[str]:
    """Return what became of the predictions in spite of kills, with what the embedded broker adds to it."""
    lines = []
    if board.kills or board.restarts:
        asked = f", and asked for a new start {times(board.restarts)}" if board.restarts else ""
        lines.append(f"The worker was killed {times(board.kills)}{asked}.")
    if lines or board.repeated or board.letters_repeated or board.missing:
        lines.append(
            f"Predictions: {board.repeated} came twice, {len(board.contradicted)} with other contents, "
            f"{board.missing} missing; dead letters: {board.letters_repeated} came twice."
        )
    if board.repeated or board.letters_repeated or board.missing:
        lines.append(
            "The embedded broker shows the records of a transaction although it was not committed: a worker "
            "killed in the middle of one can leave them here. On a real Kafka a consumer with "
            "isolation.level=read_committed sees none of them."
        )
    return lines


def _speed(board: Board) -> str:
    if board.first_prediction_s is None or board.last_prediction_s is None:
        return "none"
    seconds = max(0.001, board.last_prediction_s - board.first_prediction_s)
    messages, predictions = board.messages_sent / seconds, board.predictions / seconds
    paced = "as fast as it goes" if board.speed <= 0 else f"paced at {board.speed:g} times real time"
    if board.is_live:
        paced = "in real time"
    return f"{messages:.0f} messages and {predictions:.0f} predictions a second, {paced}"


def score_table(scores: Mapping[str, Score]) -> Table:
    """Return scores as a table, the model's first."""
    table = Table(box=box.SIMPLE, title="predicted first, then scored, then learned", title_justify="left")
    table.add_column("")
    for name in ("kappa", "F1", "ROC AUC", "accuracy"):
        table.add_column(name, justify="right")
    for contestant, score in scores.items():
        table.add_row(CONTESTANT_NAMES[contestant], *figures(score))
    return table
