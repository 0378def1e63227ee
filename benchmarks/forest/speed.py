"""Samples a second, predicted and learned: batches and one by one, beside river's forest and MOA's."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.forest import moa_peer, ours, streams
from benchmarks.forest.child import run_child
from benchmarks.forest.plan import Plan
from benchmarks.forest.table import Table, at_least, median, times

__all__ = ["measure"]

# river's forest is too slow for a whole stream in every run: these rows of it, after those before them.
BEGIN, ROWS = 5_000, 5_000
MOA_WARM_UP_ROWS = 20_000

OVER_RIVER, OVER_MOA, OVER_RIVER_ONE_BY_ONE = 100.0, 10.0, 10.0

Rates = dict[str, list[float]]


def measure(plan: Plan) -> list[Table]:
    """Return a table of batches and one of single samples."""
    taken = {name: _of_stream(plan, name) for name in plan.streams if streams.absent(name) is None}
    return [_batches(plan, taken), _one_by_one(plan, taken)]


def _of_stream(plan: Plan, stream: str) -> Rates:
    """Run each side so often, in turns."""
    begin, rows = (BEGIN, ROWS) if plan.rows is None else (plan.rows // 2, plan.rows // 2)
    section = {"stream": stream, "seed": plan.seeds[0], "begin": begin, "rows": rows}
    whole = {"stream": stream, "seed": plan.seeds[0], "rows": plan.rows}
    sides: dict[str, tuple[str, dict[str, Any]]] = {"river": ("river_peer.speed", section)}
    if moa_peer.absent() is None:
        sides["moa"] = ("moa_peer.run", {**whole, "warm_up": plan.rows or MOA_WARM_UP_ROWS})
    if ours.absent() is None:
        sides["ours, section"] = ("ours.batches", section)
        sides["ours, one by one"] = ("ours.one_by_one", section)
        sides["ours, whole"] = ("ours.batches", {**whole, "begin": 0})
    rates: Rates = {side: [] for side in ("river", "moa", "ours, section", "ours, one by one", "ours, whole")}
    for run in range(plan.runs):
        for side, (work, arguments) in sides.items():
            taken = run_child(work, arguments)
            rates[side].append(taken["rows"] / taken["seconds"])
            print(f"   {stream}, run {run + 1} of {plan.runs}, {side}: {rates[side][-1]:,.0f}/s", flush=True)
    return rates


def _batches(plan: Plan, taken: dict[str, Rates]) -> Table:
    table = Table(
        "Samples a second, in batches",
        ("stream", "river", "ours, same rows", "over river", "MOA", "ours, whole stream", "over MOA"),
        f"Predict and learn, one core, medians of {plan.runs} processes a side in turns; the ratio is that "
        f"of the medians. Beside river's `predict_proba_one`, `learn_one`: rows {BEGIN:,} to "
        f"{BEGIN + ROWS:,} after those before them. Beside MOA: the whole stream with a new forest, after "
        f"another one went over its first {MOA_WARM_UP_ROWS:,} rows with the clock off, on both sides; "
        f"MOA's samples are parsed before that. Ours in batches of {ours.BATCH:,} rows.",
    )
    over_river, over_moa = [], []
    for stream, rates in taken.items():
        medians = {side: median(each) for side, each in rates.items()}
        over_river.append((stream, medians["ours, section"] / medians["river"]))
        over_moa.append((stream, medians["ours, whole"] / medians["moa"]))
        beside_river = (_rate(medians["river"]), _rate(medians["ours, section"]), times(over_river[-1][1]))
        beside_moa = (_rate(medians["moa"]), _rate(medians["ours, whole"]), times(over_moa[-1][1]))
        table.rows.append((stream, *beside_river, *beside_moa))
    table.verdicts.append("Over river's. " + at_least(OVER_RIVER, over_river))
    why = moa_peer.absent()
    table.verdicts.append("Over MOA's. " + (f"Skipped: {why}." if why else at_least(OVER_MOA, over_moa)))
    return table


def _one_by_one(plan: Plan, taken: dict[str, Rates]) -> Table:
    table = Table(
        "Samples a second, one by one",
        ("stream", "river", "ours", "ratio"),
        f"`predict_proba_one`, then `learn_one`, with dictionaries: rows {BEGIN:,} to {BEGIN + ROWS:,} after "
        f"those before them, one core, medians of {plan.runs} processes a side in turns.",
    )
    ratios = []
    for stream, rates in taken.items():
        medians = {side: median(each) for side, each in rates.items()}
        ratios.append((stream, medians["ours, one by one"] / medians["river"]))
        shown = (_rate(medians["river"]), _rate(medians["ours, one by one"]))
        table.rows.append((stream, *shown, times(ratios[-1][1])))
    table.verdicts.append(at_least(OVER_RIVER_ONE_BY_ONE, ratios))
    return table


def _rate(rate: float) -> str:
    return "–" if math.isnan(rate) else f"{rate:,.0f}"
