"""The forest beside river's and MOA's: speed, accuracy, bytes, memory, age, cores, gaps, reasons, start.

Results go to `benchmarks/results/forest.md`, a section a table; those of `--quick` are only printed. The
peers are slow, so that the first run takes hours; their accuracies and sizes are kept below `.cache` and are
not measured again.

    python benchmarks/forest_bars.py [--quick] [--only speed,accuracy] [--streams elec,sea] [--seeds 5]
                                     [--runs 5]
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.forest import (
    accuracy,
    age,
    cores,
    missing,
    moa_peer,
    ours,
    reasons,
    report,
    snapshot,
    speed,
    start,
    streams,
)
from benchmarks.forest.plan import Plan
from benchmarks.forest.table import Table

TABLES: dict[str, Callable[[Plan], list[Table]]] = {
    "speed": speed.measure,
    "cores": cores.measure,
    "accuracy": accuracy.measure,
    "missing": missing.measure,
    "snapshot": snapshot.measure,
    "age": age.measure,
    "reasons": reasons.measure,
    "start": start.measure,
}


def main() -> None:
    # An end by SIGTERM takes the process along that is measuring, as one by Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = _arguments()
    plan = _plan(wanted)
    for told, why in (("ours", ours.absent()), ("MOA", moa_peer.absent())):
        if why is not None:
            print(f"without {told}: {why}")
    for stream in plan.streams:
        if (why := streams.absent(stream)) is not None:
            print(f"without {stream}: {why}")
    for name in wanted.only.split(","):
        begin_s = time.monotonic()
        tables = TABLES[name](plan)
        for table in tables:
            print("\n" + table.markdown(), flush=True)
        if not wanted.quick:
            report.write(tables, report.circumstances())
        print(f"   {name} took {time.monotonic() - begin_s:.0f} s", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few minutes, to see that it works")
    parser.add_argument("--only", default=",".join(TABLES), help="tables, with commas between")
    parser.add_argument("--streams", help="streams, with commas between")
    parser.add_argument("--seeds", type=int, help="how many seeds accuracies are means of")
    parser.add_argument("--runs", type=int, help="how many processes times are medians of")
    wanted = parser.parse_args()
    if unknown := set(wanted.only.split(",")) - set(TABLES):
        parser.error(f"no table {', '.join(sorted(unknown))}, expected some of {', '.join(TABLES)}")
    if wanted.streams and (unknown := set(wanted.streams.split(",")) - set(streams.NAMES)):
        parser.error(f"no stream {', '.join(sorted(unknown))}, expected some of {', '.join(streams.NAMES)}")
    return wanted


def _plan(wanted: argparse.Namespace) -> Plan:
    plan = Plan.quick() if wanted.quick else Plan()
    if wanted.streams:
        plan = replace(plan, streams=tuple(wanted.streams.split(",")))
    if wanted.seeds:
        plan = replace(plan, seeds=tuple(range(1, wanted.seeds + 1)))
    if wanted.runs:
        plan = replace(plan, runs=wanted.runs)
    return plan


if __name__ == "__main__":
    main()
