"""Command `worker`: the application itself."""

from __future__ import annotations

import sys

import click

__all__ = ["worker"]


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(arguments: tuple[str, ...]) -> None:
    """Read metrics, traces or windows, write predictions.

    This is the application itself, same as `faust -A pg_streaming_machine_learning.app worker`; options are
    those of Faust's worker, such as `-l INFO`. Settings come from the environment and from settings.py.
    SOURCES says what is read, such as telegraf,zipkin; windows with labels by default (docs/sources.md).
    """
    from pg_streaming_machine_learning.streams.worker import run_worker

    sys.exit(run_worker(arguments))
