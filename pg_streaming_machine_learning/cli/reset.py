"""Command `reset`: begin a new generation of the model from the log."""

from __future__ import annotations

import click

__all__ = ["reset"]

UPDATES_A_SECOND = 20_000
"""About what a worker with our forest reads again on one core, with room: a backfill, which does less beside
it, learns 55,000 records a second (docs/backfill.md). A model of river's takes several times as long."""


@click.command(short_help="Begin a new generation of the model, learned again from the log.")
@click.option("--generation", is_flag=True, help="Begin a new generation of the model.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(generation: bool, yes: bool) -> None:
    """Begin a new generation of the model: learn it again from what the log still holds.

    For a release, a library or a setting that predicts otherwise than before: the worker then ends with exit
    code 4 and says that reading the log again gave another state. Predictions that were sent stay, none is
    made again; where they end, the new generation goes on, with its number at the end of model_version.
    Running workers end with exit code 75 with the next thing they write, and begin the new generation when
    they are started again: first they read the log, which can take long. docs/snapshots.md has all of it.

    \b
    Examples:
        pg-streaming-machine-learning snapshot save before-the-reset
        pg-streaming-machine-learning reset --generation
    """  # noqa: D301
    from pg_streaming_machine_learning.cli.snapshot import FENCED
    from pg_streaming_machine_learning.cli.snapshot_table import age
    from pg_streaming_machine_learning.cli.state_access import confirm, open_state
    from pg_streaming_machine_learning.operations.generations import next_generation
    from pg_streaming_machine_learning.state.generation import FROM_LOG

    if not generation:
        raise click.UsageError(
            "say what to begin anew: --generation has the model learned again from the log"
        )
    with open_state() as access:
        states = access.topic.read()
        for state in states:
            progress = state.stored.progress
            end = 0 if progress is None else progress.end
            count = max(0, end - state.log.begin)
            gone = f"; {state.log.begin:,} before them were deleted" if state.log.begin else ""
            click.echo(
                f"partition {state.partition}: {count:,} records of the log are learned again, in some "
                f"{age(count / UPDATES_A_SECOND)}{gone}",
                err=True,
            )
        click.echo(FENCED, err=True)
        confirm(access, f"begin generation {next_generation(states)}?", yes=yes)
        number = access.order(states, FROM_LOG)
    click.echo(f"generation {number} is ordered, learned from the log")
