"""The program `pg-streaming-machine-learning`: its commands, and how they end."""

from __future__ import annotations

from typing import Any

import click

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.cli.backfill import backfill
from pg_streaming_machine_learning.cli.dead_letters import dead_letters
from pg_streaming_machine_learning.cli.demo import demo
from pg_streaming_machine_learning.cli.inspect import inspect
from pg_streaming_machine_learning.cli.reset import reset
from pg_streaming_machine_learning.cli.simulate import simulate
from pg_streaming_machine_learning.cli.snapshot import snapshot
from pg_streaming_machine_learning.cli.worker import worker
from pg_streaming_machine_learning.errors import PgStreamingError

__all__ = ["main"]

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class _Commands(click.Group):
    """A group whose commands end with one line and the error's exit code instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; only errors that are defects come through."""
        try:
            return super().invoke(ctx)
        except PgStreamingError as error:
            click.echo(f"{ctx.info_name}: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(f"{ctx.info_name}: ended by Ctrl-C", err=True)
            ctx.exit(INTERRUPTED)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Learn from metrics and traces in Kafka, or windows of them, and predict bottlenecks, host by host.

    \b
    See it at work on recorded data, with nothing but Python:
        pg-streaming-machine-learning demo

    \b
    Make metrics and traces of a fleet of any size, with known truth:
        pg-streaming-machine-learning simulate --output fleet

    \b
    Run it on your Kafka, here on metrics of Telegraf and spans of Zipkin. docs/sources.md lists what can be
    read, docs/settings.md all settings:
        export KAFKA_BOOTSTRAP_SERVER=kafka://localhost:9092
        export SCHEMA_REGISTRY_URL=http://localhost:8081
        export SOURCES=telegraf,zipkin
        pg-streaming-machine-learning worker

    \b
    Learn from what your topics still hold, and see how right the model was:
        pg-streaming-machine-learning backfill

    \b
    Look at what comes out, and at what was refused:
        pg-streaming-machine-learning inspect pg-streaming-predictions
        pg-streaming-machine-learning dead-letters list

    \b
    Keep a state of the model, go back to it, or begin anew:
        pg-streaming-machine-learning snapshot list
        pg-streaming-machine-learning reset --generation
    """  # noqa: D301


for _command in (worker, demo, simulate, backfill, inspect, dead_letters, snapshot, reset):
    main.add_command(_command)
