"""What the reasons of a prediction cost."""

from __future__ import annotations

from benchmarks.forest import ours, streams
from benchmarks.forest.child import run_child
from benchmarks.forest.plan import Plan
from benchmarks.forest.table import Table, at_most, median, times

__all__ = ["measure"]

MOST = 3.0
CALLS = 20


def measure(plan: Plan) -> list[Table]:
    """Return a table of a batch with reasons beside one without."""
    table = Table(
        "Reasons",
        ("stream", "without, ms", "with, ms", "ratio"),
        f"`explain_many` by `predict_proba_many`, {ours.BATCH:,} rows, {plan.snapshot_rows:,} samples on; "
        f"medians of {CALLS} calls in turns, then of {plan.runs} processes.",
    )
    ratios = []
    for stream in plan.streams:
        if streams.absent(stream) is not None or ours.absent() is not None:
            continue
        plain, reasoned = [], []
        for run in range(plan.runs):
            print(f"   {stream}, run {run + 1} of {plan.runs}: reasons", flush=True)
            arguments = {"stream": stream, "seed": plan.seeds[0], "rows": plan.snapshot_rows}
            taken = run_child("ours.reasons", {**arguments, "runs": CALLS})
            plain.append(median(taken["plain_ms"]))
            reasoned.append(median(taken["with_ms"]))
        ratios.append((stream, median(reasoned) / median(plain)))
        table.rows.append((stream, f"{median(plain):.2f}", f"{median(reasoned):.2f}", times(ratios[-1][1])))
    table.verdicts.append(at_most(MOST, ratios))
    return [table]
