"""Command `simulate`: a fleet that does not exist, with known truth."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from pg_streaming_machine_learning.errors import PgStreamingError

if TYPE_CHECKING:
    from pg_streaming_machine_learning.simulation.plan import SimulationPlan
    from pg_streaming_machine_learning.simulation.run import Sink

__all__ = ["simulate"]

FOREVER = "forever"
INTERRUPTED = 130

_PATH = click.Path(path_type=Path)


@click.command(short_help="Make metrics and traces of a fleet that does not exist.")
@click.option("--output", type=_PATH, help="Write telegraf.lines, spans.jsonl and truth.csv to a directory.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option("--bootstrap-server", help="Send to Kafka instead: its address, host:port.")
@click.option(
    "--telegraf-topic",
    default="pg-traces-telegraf",
    show_default=True,
    help="Where lines go, with the host as key.",
)
@click.option("--spans-topic", default="pg-traces-software", show_default=True, help="Where spans go.")
@click.option(
    "--message",
    type=click.Choice(["metric", "host"]),
    default="metric",
    show_default=True,
    help="One message of lines: a line, as Telegraf does, or all lines of a host and cycle.",
)
@click.option(
    "--truth", type=_PATH, help="Where the truth goes; with --output truth.csv in there, else nowhere."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed and options, same bytes.")
@click.option("--hosts", type=int, default=20, show_default=True, help="How many hosts.")
@click.option(
    "--services",
    type=int,
    help="How many services they run, dealt in turns; by default 5, or one a host if hosts are fewer.",
)
@click.option("--host-names", is_flag=True, help="Call hosts cart-2 and so on, not by their IPv4 address.")
@click.option(
    "--scenarios",
    default="all",
    show_default=True,
    help="all, none, or a list with commas; see above.",
)
@click.option(
    "--episode",
    default="20m",
    show_default=True,
    help="In each episode but the first, scenarios take their turns.",
)
@click.option(
    "--share",
    type=float,
    default=0.02,
    show_default=True,
    help="Of the hosts that a scenario befalls in an episode; at least one host.",
)
@click.option(
    "--objective", default="1s", show_default=True, help="What is slow; service times are drawn to suit it."
)
@click.option(
    "--spans-per-second", type=float, default=1.0, show_default=True, help="Spans of a host in a second."
)
@click.option("--every", default="10s", show_default=True, help="How often hosts are read.")
@click.option("--duration", help="Simulated time: 90m, 2h, 3d, forever.  [default: 2h]")
@click.option("--seconds", type=click.IntRange(min=1), help="The same in seconds.")
@click.option(
    "--start",
    help="First moment, ISO 8601, UTC without an offset; by default 2026-01-05 for files, else such that the "
    "run ends now, or begins now if it is in real time.",
)
@click.option("--real-time", is_flag=True, help="One simulated second a second, from now on.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Simulated seconds a second; 0 is as fast as can be.  [default: 0]",
)
@click.pass_context
def simulate(
    ctx: click.Context,
    output: Path | None,
    force: bool,
    bootstrap_server: str | None,
    telegraf_topic: str,
    spans_topic: str,
    message: str,
    truth: Path | None,
    seed: int,
    hosts: int,
    services: int | None,
    host_names: bool,
    scenarios: str,
    episode: str,
    share: float,
    objective: str,
    spans_per_second: float,
    every: str,
    duration: str | None,
    seconds: int | None,
    start: str | None,
    real_time: bool,
    speed: float,
) -> None:
    """Make metrics and traces of a fleet that does not exist, with known truth.

    Hosts have a daily wave of load, noise, and queues at processor, disk and network; faults grow until the
    latency crosses the objective. Out come what Telegraf and Zipkin would send, and the truth: which host,
    which metric is to blame, since when it grew, from when until when the host was slow.

    \b
    Scenarios that make hosts slow:
        processor-contention, memory-leak, disk-stall, network-limit, noisy-neighbour, load-wave
    Scenarios that do not, but are to be told from them:
        new-version, traffic-change, sensors-vanish, clocks-off, hosts-come-and-go

    \b
    Examples:
        pg-streaming-machine-learning simulate --output fleet
        pg-streaming-machine-learning simulate --output fleet --hosts 1000 --scenarios memory-leak
        pg-streaming-machine-learning simulate --bootstrap-server localhost:9092 --real-time
        pg-streaming-machine-learning simulate --bootstrap-server localhost:9092 --hosts 10000 --message host
    """  # noqa: D301
    from pg_streaming_machine_learning.simulation.files import TRUTH_FILE, TruthFile
    from pg_streaming_machine_learning.simulation.plan import SimulationPlan, parse_scenarios, parse_time_ms
    from pg_streaming_machine_learning.simulation.run import run_cycles
    from pg_streaming_machine_learning.simulation.simulation import Simulation

    if (output is None) == (bootstrap_server is None):
        raise click.UsageError("say where to: --output DIRECTORY, or --bootstrap-server HOST:PORT")
    if real_time and speed:
        raise click.UsageError("--real-time is --speed 1: give one of them")
    if duration and seconds:
        raise click.UsageError("--seconds is --duration in seconds: give one of them")
    speed = 1.0 if real_time else speed
    every_ms = parse_time_ms(every, "--every")
    length_ms = _length_ms(duration, seconds)
    if length_ms is None and bootstrap_server and not speed and not start:
        raise click.UsageError("--duration forever to Kafka needs --real-time, --speed or --start")
    now_ms = time.time_ns() // 1_000_000
    first_ms = _first_ms(start, bootstrap_server is not None or real_time, length_ms, speed, now_ms)
    plan = SimulationPlan(
        seed=seed,
        hosts=hosts,
        services=min(5, max(hosts, 1)) if services is None else services,
        scenarios=parse_scenarios(scenarios),
        start_ms=first_ms // every_ms * every_ms,
        every_ms=every_ms,
        episode_ms=parse_time_ms(episode, "--episode"),
        share=share,
        objective_ms=parse_time_ms(objective, "--objective"),
        spans_per_second=spans_per_second,
        named_hosts=host_names,
    )
    count = None if length_ms is None else max(1, length_ms // every_ms)
    _announce(plan, count)
    with _stopping() as is_stopped:
        simulation = Simulation(plan)
        truth = output / TRUTH_FILE if truth is None and output is not None else truth
        sink = _sink(output, force, bootstrap_server, (telegraf_topic, spans_topic), message)
        try:
            truth_file = None if truth is None else TruthFile(truth, force)
        except PgStreamingError:
            sink.close()
            raise
        figures = run_cycles(
            simulation,
            sink,
            truth_file,
            count,
            speed=speed,
            begun_ms=None if start else first_ms,
            clock=time,
            is_stopped=is_stopped,
            tell=_tell,
        )
        _tell(str(figures))
        if is_stopped():
            _tell("stopped; all is complete up to its last cycle")
            ctx.exit(INTERRUPTED)


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _length_ms(duration: str | None, seconds: int | None) -> int | None:
    from pg_streaming_machine_learning.simulation.plan import parse_time_ms

    if seconds is not None:
        return seconds * 1000
    return None if duration == FOREVER else parse_time_ms(duration or "2h", "--duration")


def _first_ms(start: str | None, is_now: bool, length_ms: int | None, speed: float, now_ms: int) -> int:
    """Return the first moment: as asked, or such that the last is now, or always the same."""
    from pg_streaming_machine_learning.simulation.plan import DEFAULT_START_MS

    if start is not None:
        return _moment_ms(start)
    if not is_now:
        return DEFAULT_START_MS
    if length_ms is None or speed == 1:
        return now_ms
    return now_ms - length_ms + (round(length_ms / speed) if speed else 0)


def _moment_ms(text: str) -> int:
    try:
        # Python 3.10 does not know Z.
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise click.UsageError(
            f"--start is {text!r}, expected a time such as 2026-01-05T08:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000)


def _announce(plan: SimulationPlan, count: int | None) -> None:
    start = datetime.fromtimestamp(plan.start_ms / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    length = "without end" if count is None else f"{count:,} cycles"
    _tell(
        f"{plan.hosts:,} hosts of {plan.services:,} services, {length} of {plan.every_ms / 1000:g} s "
        f"from {start}"
    )
    if plan.scenarios and count is not None and count * plan.every_ms <= plan.episode_ms:
        _tell(
            "the first episode is quiet, and longer than the run: no scenario will be seen; "
            "make --duration longer, or --episode shorter"
        )


def _sink(
    output: Path | None, force: bool, bootstrap_server: str | None, topics: tuple[str, str], message: str
) -> Sink:
    if output is not None:
        from pg_streaming_machine_learning.simulation.files import Files

        return Files(output, force)
    from pg_streaming_machine_learning.simulation.delivery import Delivery
    from pg_streaming_machine_learning.simulation.messages import Grouping

    return Delivery((bootstrap_server or "").removeprefix("kafka://"), *topics, Grouping(message))


class _Stop:
    """Whether a signal came; a second one ends at once."""

    def __init__(self) -> None:
        self._came = False

    def __call__(self) -> bool:
        return self._came

    def handle(self, _number: int, _frame: FrameType | None) -> None:
        if self._came:
            raise KeyboardInterrupt
        self._came = True


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Note Ctrl-C and SIGTERM instead of ending in the midst of a cycle."""
    stop = _Stop()
    before = {number: signal.signal(number, stop.handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
