"""Values that are missing: taken as they come, or replaced by zero or by the mean so far."""

from __future__ import annotations

import statistics
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.forest import ours, streams
from benchmarks.forest.child import run_child
from benchmarks.forest.plan import Plan
from benchmarks.forest.scores import scores
from benchmarks.forest.streams import Stream
from benchmarks.forest.table import Table, more_than

__all__ = ["measure", "without_values"]

SHARE = 0.3
MASK_SEED = 7
WAYS = {"native": "native", "zero": "zero in their place", "mean": "running mean in their place"}


def without_values(data: Stream, way: str) -> Stream:
    """Return a stream from which a share of the values was taken at random, the same for every way and seed.

    Parameters
    ----------
    data : Stream
        Complete.
    way : str
        ``native`` leaves NaN, ``zero`` puts 0, ``mean`` the mean of the column's values before this row.
    """
    gone = np.random.default_rng(MASK_SEED).random(data.x.shape) < SHARE
    if way == "zero":
        return replace(data, x=np.where(gone, 0.0, data.x))
    if way == "mean":
        return replace(data, x=np.where(gone, _means_before(data.x, ~gone), data.x))
    return replace(data, x=np.where(gone, np.nan, data.x))


def _means_before(x: NDArray[np.float64], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the mean of each column's known values before each row, 0 before the first."""
    sums = np.cumsum(np.where(known, x, 0.0), axis=0) - np.where(known, x, 0.0)
    counts: NDArray[np.int64] = np.cumsum(known, axis=0) - known
    return np.asarray(sums / np.maximum(counts, 1), dtype=np.float64)


def measure(plan: Plan) -> list[Table]:
    """Return a table of accuracy and kappa of the three ways."""
    table = Table(
        f"Missing values: {SHARE:.0%} taken at random",
        (
            "stream",
            *(f"{told}, %" for told in WAYS.values()),
            *(f"kappa, {way}" for way in WAYS),
            "over zero",
            "over mean",
        ),
        "Our forest, test-then-train, accuracy and kappa × 100, mean of seeds "
        f"{', '.join(map(str, plan.seeds))}. The mean is of the column's values before the row.",
    )
    over_zero, over_mean = [], []
    for stream in plan.streams:
        if streams.absent(stream) is not None or ours.absent() is not None:
            continue
        taken = {}
        for way in WAYS:
            print(f"   {stream}, {SHARE:.0%} missing, {way}, {len(plan.seeds)} seeds", flush=True)
            arguments = {"stream": stream, "rows": plan.rows, "missing": way}
            answers = [run_child("ours.accuracy", {**arguments, "seed": seed}) for seed in plan.seeds]
            taken[way] = [scores(answer["matrix"]) for answer in answers]
        right = {way: statistics.mean(each["accuracy"] for each in taken[way]) for way in WAYS}
        kappa = {way: statistics.mean(each["kappa"] for each in taken[way]) for way in WAYS}
        over_zero.append((stream, right["native"] - right["zero"]))
        over_mean.append((stream, right["native"] - right["mean"]))
        figures = (*right.values(), *kappa.values())
        gains = (f"{over_zero[-1][1]:+.2f}", f"{over_mean[-1][1]:+.2f}")
        table.rows.append((stream, *(f"{figure:.2f}" for figure in figures), *gains))
    table.verdicts.append("Accuracy over zeros. " + more_than(0.0, over_zero, " points"))
    table.verdicts.append("Accuracy over the running mean. " + more_than(0.0, over_mean, " points"))
    return [table]
