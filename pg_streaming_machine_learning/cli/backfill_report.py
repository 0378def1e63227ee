"""What a backfill says at its end."""

from __future__ import annotations

from rich.console import Console

from pg_streaming_machine_learning.demo.summary import judgment, score_table
from pg_streaming_machine_learning.operations.backfill.account import MOST_NAMED
from pg_streaming_machine_learning.operations.backfill.learning import Learning

__all__ = ["print_backfill"]


def print_backfill(console: Console, learning: Learning, seconds: float) -> None:
    """Print scores and counts.

    Parameters
    ----------
    console : Console
        Where to.
    learning : Learning
        What was learned.
    seconds : float
        How long it took.
    """
    account = learning.account
    scores = learning.scores
    console.print(score_table(scores))
    for sentence in (
        *judgment(scores, account.begun, account.begun_seen),
        f"{account.predictions:,} predictions of {account.hosts:,} hosts from {account.records:,} records in "
        f"{seconds:.1f} s: {account.records / max(0.001, seconds):,.0f} records a second.",
        *_disturbances(learning),
    ):
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _disturbances(learning: Learning) -> list[str]:
    """Return what was not learned, and why."""
    account, counts = learning.account, learning.counts
    lines = []
    if account.refused:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(account.refused.items()))
        lines.append(f"Refused, as a worker makes dead letters of them: {reasons}; the first ones:")
        lines += [f"  {each}" for each in account.refused_first]
    if counts.late:
        lines.append(f"{counts.late:,} updates came after their windows had closed; the latest:")
        lines += [
            f"  host {each.host}, {each.metric or 'label or durations'}, {each.late_ms / 1000:,.1f} s late"
            for each in account.latest
        ]
    if counts.repeated:
        lines.append(f"{counts.repeated:,} updates were repeated and count once.")
    if account.strangers:
        named = ", ".join(account.strangers[:MOST_NAMED])
        left = len(account.strangers) - MOST_NAMED
        more = f" and {left:,} more" if left > 0 else ""
        lines.append(f"Spans of hosts without metrics (see HOST_ALIASES): {named}{more}.")
    if learning.open_windows:
        lines.append(f"{learning.open_windows:,} windows are still open and not predicted.")
    return lines
