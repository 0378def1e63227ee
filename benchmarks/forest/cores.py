"""What a second core brings."""

from __future__ import annotations

from benchmarks.forest import ours, streams
from benchmarks.forest.child import processors, run_child
from benchmarks.forest.plan import Plan
from benchmarks.forest.table import Table, at_least, median, times

__all__ = ["measure"]

CORES = 2
WANTED = 1.6


def measure(plan: Plan) -> list[Table]:
    """Return a table of one process with two threads beside one with one."""
    table = Table(
        "Two cores",
        ("stream", "one core, samples/s", "two cores, samples/s", "ratio"),
        f"`n_jobs={CORES}` on two cores beside `n_jobs=1` on one: the whole stream in batches of "
        f"{ours.BATCH:,}, medians of {plan.runs} processes a side in turns.",
    )
    if processors(CORES) is None:
        table.verdicts.append("Skipped: this process may not choose two processors.")
        return [table]
    ratios = []
    for stream in plan.streams:
        if streams.absent(stream) is not None or ours.absent() is not None:
            continue
        rates: dict[int, list[float]] = {1: [], CORES: []}
        for run in range(plan.runs):
            for cores, taken in rates.items():
                arguments = {"stream": stream, "seed": plan.seeds[0], "begin": 0, "rows": plan.rows}
                answer = run_child("ours.batches", {**arguments, "n_jobs": cores}, cores=cores)
                taken.append(answer["rows"] / answer["seconds"])
            print(f"   {stream}, run {run + 1} of {plan.runs}, 1 and {CORES} cores", flush=True)
        one, two = median(rates[1]), median(rates[CORES])
        ratios.append((stream, two / one))
        table.rows.append((stream, f"{one:,.0f}", f"{two:,.0f}", times(two / one)))
    table.verdicts.append(at_least(WANTED, ratios))
    return [table]
