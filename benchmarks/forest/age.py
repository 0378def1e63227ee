"""What a forest becomes with age: resident memory, and the time of a sample."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.forest import ours, streams
from benchmarks.forest.child import run_child
from benchmarks.forest.plan import Plan
from benchmarks.forest.snapshot import rivers
from benchmarks.forest.table import Table, at_least, at_most, median, megabytes, times

__all__ = ["measure"]

SMALLER = 5.0
SLOWER = 1.5


def measure(plan: Plan) -> list[Table]:
    """Return a table of memory and one of time."""
    memory, time = _empty_tables(plan)
    resident, grown, slower = [], [], []
    for stream in plan.streams:
        if streams.absent(stream) is not None:
            continue
        peer = rivers("memory", stream, plan.seeds[0], plan.peers_memory_rows)
        runs = _runs(plan, stream)
        ours_mb = {
            kind: median(run[f"{kind}_bytes"] for run in runs) for kind in ("resident", "grown", "allocated")
        }
        resident.append((stream, peer["resident_bytes"] / ours_mb["resident"]))
        grown.append((stream, peer["grown_bytes"] / ours_mb["grown"]))
        memory.rows.append(
            (
                stream,
                megabytes(peer["resident_bytes"]),
                megabytes(ours_mb["resident"]),
                times(resident[-1][1]),
                megabytes(peer["grown_bytes"]),
                megabytes(ours_mb["grown"]),
                times(grown[-1][1]),
                megabytes(ours_mb["allocated"]),
            )
        )
        rows = runs[0]["timed_rows"] if runs else math.nan
        early, late = (median(1e6 * run[f"{when}_s"] / rows for run in runs) for when in ("early", "late"))
        slower.append((stream, median(run["late_s"] / run["early_s"] for run in runs)))
        if runs:
            time.rows.append((stream, f"{early:.2f}", f"{late:.2f}", times(slower[-1][1])))
    memory.verdicts.append("The whole process. " + at_least(SMALLER, resident))
    memory.verdicts.append("The growth since before the first sample. " + at_least(SMALLER, grown))
    time.verdicts.append(at_most(SLOWER, slower))
    return [memory, time, _drifting(plan)]


def _drifting(plan: Plan) -> Table:
    """Return a table of a forest that learns a stream which drifts without end."""
    table = Table(
        f"Memory over {plan.drifting_rows:,} samples of a stream that drifts",
        ("samples", "allocated, MB", "process, MB", "µs a sample", "accuracy"),
        "One process. Eight features; the plane that divides the classes wanders all the time, and jumps "
        "every 1,500,000 samples. The forest grows to its bound, `max_bytes`, and stays there.",
    )
    if ours.absent() is None:
        print(f"   a stream that drifts: ours learns {plan.drifting_rows:,} samples", flush=True)
        for look in run_child("ours.drifting_run", {"seed": plan.seeds[0], "rows": plan.drifting_rows}):
            table.rows.append(
                (
                    f"{look['samples']:,.0f}",
                    megabytes(look["allocated_bytes"]),
                    megabytes(look["resident_bytes"]),
                    f"{look['sample_us']:.1f}",
                    f"{look['accuracy']:.3f}",
                )
            )
    return table


def _runs(plan: Plan, stream: str) -> list[Any]:
    if ours.absent() is not None:
        return []
    taken = []
    arguments = {"stream": stream, "seed": plan.seeds[0], "rows": plan.memory_rows}
    for run in range(plan.runs):
        print(
            f"   {stream}, run {run + 1} of {plan.runs}: ours learns {plan.memory_rows:,} samples", flush=True
        )
        taken.append(run_child("ours.long_run", arguments))
    return taken


def _empty_tables(plan: Plan) -> tuple[Table, Table]:
    memory = Table(
        f"Resident memory: ours after {plan.memory_rows:,} samples, river's after {plan.peers_memory_rows:,}",
        (
            "stream",
            "river process, MB",
            "ours, MB",
            "over river",
            "river growth, MB",
            "our growth, MB",
            "over river, growth",
            "ours allocated, MB",
        ),
        f"A process each, seed {plan.seeds[0]}, the stream over and over; ours median of {plan.runs}. The "
        "process holds interpreter, libraries (ours numba and its code, too) and the stream's arrays; growth "
        "is what came after another forest had learned ten samples, for ours not less than it says "
        "it has allocated.",
    )
    time = Table(
        f"Time of a sample, early and at {plan.memory_rows:,}",
        ("stream", "early, µs", "late, µs", "ratio"),
        "Rows 5,000 to 15,000 of the stream in the first round, and the same rows after so many samples in "
        "rounds: equal data, so that what differs is the age of the forest. In batches, medians of "
        f"{plan.runs} processes.",
    )
    return memory, time
