"""How large a trained forest is as bytes, and how long writing and reading them takes."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.forest import ours, river_peer, streams
from benchmarks.forest.child import run_child
from benchmarks.forest.kept import keep
from benchmarks.forest.plan import Plan
from benchmarks.forest.table import Table, at_least, at_most, median, megabytes, times

__all__ = ["measure", "rivers"]

SMALLER = 20.0
MOST_MS = 20.0


def rivers(work: str, stream: str, seed: int, rows: int) -> Any:
    """Return a measurement of river's forest after so many samples: minutes at first, kept afterwards."""
    digest = streams.load(stream).digest
    key = {"peer": "river", "version": river_peer.VERSION, "stream": stream, "data": digest, "rows": rows}

    def run() -> Any:
        print(f"   river's forest learns {rows:,} samples of {stream}", flush=True)
        return run_child(f"river_peer.{work}", {"stream": stream, "seed": seed, "rows": rows})

    return keep(work, {**key, "seed": seed}, run)


def measure(plan: Plan) -> list[Table]:
    """Return a table of bytes and milliseconds."""
    table = Table(
        "Snapshots",
        (
            "stream",
            "river's pickle, MB",
            "ours, MB",
            "ratio",
            "river write, ms",
            "river read, ms",
            "ours write, ms",
            "ours read, ms",
        ),
        f"After {plan.snapshot_rows:,} samples (a shorter stream begins anew), seed {plan.seeds[0]}; our "
        f"times are medians of {max(plan.runs, 5)} writings and readings in one process, river's are of one.",
    )
    smaller, slowest = [], []
    for stream in plan.streams:
        if streams.absent(stream) is not None:
            continue
        peer = rivers("pickled", stream, plan.seeds[0], plan.snapshot_rows)
        size = write = read = math.nan
        if ours.absent() is None:
            print(f"   snapshot of ours on {stream}", flush=True)
            arguments = {"stream": stream, "seed": plan.seeds[0], "rows": plan.snapshot_rows}
            taken = run_child("ours.snapshot", {**arguments, "runs": max(plan.runs, 5)})
            size, write, read = taken["bytes"], median(taken["write_ms"]), median(taken["read_ms"])
        smaller.append((stream, peer["bytes"] / size))
        slowest.append((stream, max(write, read)))
        rivers_ms = (f"{peer['write_ms']:.0f}", f"{peer['read_ms']:.0f}")
        sizes = (megabytes(peer["bytes"]), megabytes(size), times(smaller[-1][1]))
        table.rows.append((stream, *sizes, *rivers_ms, _ms(write), _ms(read)))
    table.verdicts.append("Smaller than river's pickle. " + at_least(SMALLER, smaller))
    table.verdicts.append("The slower of writing and reading. " + at_most(MOST_MS, slowest, " ms"))
    return [table]


def _ms(figure: float) -> str:
    return "–" if math.isnan(figure) else f"{figure:.1f}"
