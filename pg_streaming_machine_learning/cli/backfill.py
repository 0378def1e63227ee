"""Command `backfill`: learn from what topics still hold, at full speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pg_streaming_machine_learning.cli.moment import Moment

__all__ = ["backfill"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Learn from what topics still hold, at full speed.")
@click.option("--from", "from_ms", type=Moment(), help="Begin with the first record written at or after T.")
@click.option("--to", "to_ms", type=Moment(), help="End before the first record written at or after T.")
@click.option(
    "--source",
    type=click.Choice(["inputs", "log"]),
    default="inputs",
    show_default=True,
    help="Read the input topics of SOURCES, or the log that the workers made of them.",
)
@click.option("--save", type=_FILE, help="Write the predictions to a file, as JSON lines.")
@click.option("--snapshot", type=_FILE, help="Write the model to a file for `snapshot import`.")
@click.option(
    "--name", default="backfill", show_default=True, help="Name of that snapshot, for `snapshot restore`."
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--plain", is_flag=True, help="Lines of text instead of the bar.")
def backfill(**options: Any) -> None:
    """Learn from what topics still hold, at full speed, and print how right the model was.

    Reads the topics, with the settings of the workers, through the same code: every window is predicted, then
    scored, then learned, and what is predicted is bit by bit what a worker predicts that reads the same. A
    fresh model is used; workers are not disturbed, and nothing is written to Kafka.

    T is a time of Kafka's timestamps: ISO-8601 (UTC unless it says otherwise), or milliseconds since the
    epoch. Without them, all is read that is there now. Ctrl-C ends it with what was learned so far.

    The model can go to work: --snapshot writes it to a file, `snapshot import` keeps it beside the workers,
    and `snapshot restore` begins a new generation with it. docs/backfill.md has all of it.

    \b
    Examples:
        pg-streaming-machine-learning backfill
        pg-streaming-machine-learning backfill --from 2026-01-01 --to 2026-02-01T12:00:00Z
        pg-streaming-machine-learning backfill --source log
        MODEL=river.naive_bayes.GaussianNB pg-streaming-machine-learning backfill
        pg-streaming-machine-learning backfill --save predictions.jsonl
        pg-streaming-machine-learning backfill --snapshot january.pgsx --name january
    """  # noqa: D301
    from rich.console import Console

    from pg_streaming_machine_learning.cli.backfill_run import BackfillOptions, run_backfill

    if None not in (options["from_ms"], options["to_ms"]) and options["from_ms"] >= options["to_ms"]:
        raise click.UsageError("--from is not before --to")
    run_backfill(BackfillOptions(**options), Console(), Console(stderr=True))
