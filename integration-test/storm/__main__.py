"""Run storms and print their tables: ``python -m storm --kafka 4.1.0 --only kills --seed 7 --scale 0.1``."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence

import click

from services.kafka import VERSIONS
from services.maven import cache_folder
from storm.arena import Arena, arena
from storm.catalog import STORMS
from storm.report import Report, table
from storm.run import Order, run_storm

SESSION_S = 6
_MOST_SEED = 2**31


@click.command()
@click.option("--kafka", "versions", multiple=True, type=click.Choice(VERSIONS), help="Default: all.")
@click.option("--only", multiple=True, type=click.Choice(list(STORMS)), help="Some storms only.")
@click.option("--seed", type=int, default=None, help="Of everything that is left to chance; printed.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Share of the faults.")
@click.option("--session", type=int, default=SESSION_S, show_default=True, help="SESSION_TIMEOUT_S.")
@click.option("--forked", is_flag=True, help="Fork workers from one that has imported all, as in the tests.")
def main(
    versions: tuple[str, ...],
    only: tuple[str, ...],
    seed: int | None,
    scale: float,
    session: int,
    *,
    forked: bool,
) -> None:
    """Run the storms against real brokers, one version after the other."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # tidy up as after Ctrl-C
    chosen = int(time.time()) % _MOST_SEED if seed is None else seed
    failed = False
    for version in versions or VERSIONS:
        options = "".join(f" --only {name}" for name in only) + (" --forked" if forked else "")
        click.echo(
            f"## Kafka {version}\n\n`make storm STORM='--kafka {version} --seed {chosen} --scale {scale:g} "
            f"--session {session}{options}'`\n"
        )
        with arena(version, session_s=session, fresh=not forked) as where:
            reports = _run(where, only or tuple(STORMS), chosen, scale, click.echo)
        click.echo(f"\n{table(reports)}\n")
        failed = failed or not all(report.is_good for report in reports)
    sys.exit(1 if failed else 0)


def _run(
    where: Arena, names: Sequence[str], seed: int, scale: float, say: Callable[[str], object]
) -> list[Report]:
    reports = []
    for name in names:
        storm = STORMS[name]
        number = max(1, round(storm.long * scale))
        say(f"### {name}: {number} faults")
        report = run_storm(where, Order(name, storm, number), seed, say)
        say(f"{report.counts.nonzero() or 'all zero'} {report.failure}\n")
        report.keep(cache_folder() / "storm" / where.kafka.version)
        reports.append(report)
    return reports


if __name__ == "__main__":
    main()
