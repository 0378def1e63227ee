"""Command `demo`, and `demo record`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pg_streaming_machine_learning.errors import RecordingError

__all__ = ["demo"]

RECORDING = Path(__file__).parent.parent / "demo" / "recording"
"""The recording that comes with the package."""

SPEED = 100.0
"""Recorded seconds per second, unless asked otherwise."""

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(invoke_without_command=True, short_help="Show everything at work, on recorded data.")
@click.option(
    "--recording",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=RECORDING,
    help="Directory of a recording of your own (`demo record`); by default the one that comes along.",
)
@click.option(
    "--live", is_flag=True, help="Run the services themselves, with faults, instead of a recording."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of --live: another one, other faults.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=SPEED,
    show_default=True,
    help="Recorded seconds per second; 0 is as fast as the worker can.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    help="Replay only the first MINUTES; with --live, the length of the run (15).",
)
@click.option(
    "--share",
    type=click.FloatRange(0.5, 1),
    default=0.9,
    show_default=True,
    help="Slow is a window whose quantile SHARE of response times ...",
)
@click.option(
    "--factor",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    show_default=True,
    help="... is above FACTOR times the host's median of the fault-free minutes.",
)
@click.option(
    "--kill",
    type=click.IntRange(min=0),
    is_flag=False,
    flag_value=1,
    default=0,
    help="Kill the worker (kill -9) so many times, spread over the run; once without a number.",
)
@click.option("--plain", is_flag=True, help="Lines of text instead of the live table.")
@click.option("--hold", is_flag=True, help="At the end keep everything running until Ctrl-C, to look around.")
@click.option("--save", type=_FILE, help="Write the predictions to a file, as JSON lines.")
@click.option(
    "--compare",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Compare the predictions, byte by byte, with a file of --save; exit code 1 if they differ.",
)
@click.option("--picture", type=_FILE, help="Draw the table in its most eventful moment to a file, as SVG.")
@click.option("--log", type=_FILE, help="Append what the worker prints to a file.")
@click.pass_context
def demo(ctx: click.Context, /, **options: Any) -> None:
    """Show everything at work on this machine: broker, registry, worker, predictions.

    A recording of a small shop of real services is replayed into an embedded Kafka broker: the very bytes
    that Telegraf's agents and Zipkin's reporters sent. The real worker, a process of its own, makes windows
    and labels of them and predicts bottlenecks; a live table shows predictions beside the truth. Needs no
    Kafka, no network and no root, and leaves nothing running.

    With --live the shop itself runs on this machine, six processes under load; after a quiet beginning faults
    grow and end in them, and the worker predicts as it goes. Ctrl-C ends everything.

    `kill -9` the worker, by the pid that the table shows, as often as you like: it is started again, and its
    predictions stay those of a run without. See it with --save, and then --compare.

    The worker takes settings such as MODEL and SEED from the environment, as always.

    \b
    Examples:
        pg-streaming-machine-learning demo
        pg-streaming-machine-learning demo --kill 3
        pg-streaming-machine-learning demo --save quiet.jsonl
        pg-streaming-machine-learning demo --compare quiet.jsonl
        pg-streaming-machine-learning demo --live --minutes 10
        pg-streaming-machine-learning demo record my-recording --minutes 20
        pg-streaming-machine-learning demo --recording my-recording
        MODEL=river.linear_model.LogisticRegression pg-streaming-machine-learning demo
    """  # noqa: D301
    if ctx.invoked_subcommand is not None:
        return
    from rich.console import Console

    from pg_streaming_machine_learning.demo.options import DemoOptions
    from pg_streaming_machine_learning.demo.run import run_demo

    ctx.exit(run_demo(DemoOptions(**options), Console()))


@demo.command(short_help="Make a recording of your own.")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), default=65.0, show_default=True, help="Length."
)
@click.option(
    "--quiet-minutes",
    type=click.FloatRange(min=0),
    default=5.0,
    show_default=True,
    help="The first part, without faults, by which the rest is judged.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Another seed makes other faults and load."
)
def record(out: Path, minutes: float, quiet_minutes: float, seed: int) -> None:
    """Record a small shop of real services under load and faults, into the directory OUT.

    Six processes of HTTP services call one another on this machine; faults grow and end in them. Do nothing
    else on the machine meanwhile; the recording notes other load.

    \b
    Example:
        pg-streaming-machine-learning demo record my-recording --minutes 20 --seed 7
    """  # noqa: D301
    from pg_streaming_machine_learning.testbed.record import record as record_testbed

    try:
        record_testbed(out, minutes=minutes, quiet_minutes=quiet_minutes, seed=seed, progress=click.echo)
    except OSError as error:
        raise RecordingError(str(error)) from error
