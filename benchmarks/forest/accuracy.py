"""How often the forests are right, test-then-train over whole streams, beside what learns nothing."""

from __future__ import annotations

import math
import statistics
from typing import Any

from benchmarks.forest import moa_peer, ours, river_peer, streams
from benchmarks.forest.child import run_child
from benchmarks.forest.kept import keep
from benchmarks.forest.plan import Plan
from benchmarks.forest.scores import baselines, scores
from benchmarks.forest.table import Table, at_least

__all__ = ["PEERS", "measure", "peers_scores"]

PEERS = ("moa", "river")
ALLOWED_POINTS = 0.3
_MEASURES = {"accuracy": "%", "kappa": "× 100"}


def peers_scores(peer: str, stream: str, seed: int, rows: int | None) -> dict[str, float]:
    """Return accuracy and kappa of a peer; takes minutes the first time, is kept afterwards."""
    data = streams.load(stream).first(rows)
    version = moa_peer.VERSION if peer == "moa" else river_peer.VERSION
    key = {"peer": peer, "version": version, "stream": stream, "data": data.digest, "rows": data.rows}
    return scores(keep("accuracy", {**key, "seed": seed}, lambda: _run(peer, stream, seed, rows))["matrix"])


def _run(peer: str, stream: str, seed: int, rows: int | None) -> Any:
    print(f"   accuracy of {peer} on {stream}, seed {seed}", flush=True)
    arguments = {"stream": stream, "seed": seed, "rows": rows}
    if peer == "moa":
        return run_child("moa_peer.run", {**arguments, "warm_up": 0})
    return run_child("river_peer.accuracy", arguments)


def measure(plan: Plan) -> list[Table]:
    """Return a table of accuracy and one of kappa."""
    found = {stream: _of_stream(plan, stream) for stream in (*plan.streams, *streams.NOMINAL)}
    return [_table(plan, measured, found) for measured in _MEASURES]


def _of_stream(plan: Plan, stream: str) -> dict[str, list[dict[str, float]]]:
    """Return the scores of each predictor, each seed; an empty list for what is not there."""
    recorded = streams.NOMINAL.get(stream, (stream,))[0]
    if streams.absent(stream) is not None or recorded not in plan.streams:
        return {}
    data = streams.load(stream).first(plan.rows)
    found = {name: [score] for name, score in baselines(data).items()}
    for peer in PEERS:
        there = peer != "moa" or moa_peer.absent() is None
        found[peer] = [peers_scores(peer, stream, seed, plan.rows) for seed in plan.seeds] if there else []
    found["ours"] = []
    if ours.absent() is None:
        print(f"   accuracy of ours on {stream}, {len(plan.seeds)} seeds", flush=True)
        for seed in plan.seeds:
            taken = run_child("ours.accuracy", {"stream": stream, "seed": seed, "rows": plan.rows})
            found["ours"].append(scores(taken["matrix"]))
    return found


def _table(plan: Plan, measured: str, found: dict[str, dict[str, list[dict[str, float]]]]) -> Table:
    unit = _MEASURES[measured]
    table = Table(
        f"{measured.capitalize()}, {unit}",
        ("stream", "no-change", "majority", "river", "MOA", "ours", "over the better peer, points"),
        f"Test-then-train over {'the whole stream' if plan.rows is None else f'{plan.rows:,} rows'}, 10 "
        f"trees, mean of seeds {', '.join(map(str, plan.seeds))} ± their standard deviation. Every feature "
        "is a number, but in `airlines-nominal`, which is `airlines` with Airline, AirportFrom, AirportTo "
        "and DayOfWeek declared nominal. What is predicted before the first label counts as class 0.",
    )
    over: list[tuple[str, float]] = []
    for stream, taken in found.items():
        if not taken:
            continue
        means = {name: _mean(each, measured) for name, each in taken.items()}
        peers = [means[peer] for peer in PEERS if not math.isnan(means[peer])]
        over.append((stream, means["ours"] - max(peers) if peers else math.nan))
        shown = [_spread(taken[name], measured) for name in ("no-change", "majority", "river", "moa", "ours")]
        table.rows.append((stream, *shown, "–" if math.isnan(over[-1][1]) else f"{over[-1][1]:+.2f}"))
    of_the_bars = [(stream, points) for stream, points in over if stream not in streams.NOMINAL]
    table.verdicts.append(at_least(-ALLOWED_POINTS, of_the_bars, " points"))
    known = [points for _, points in of_the_bars if not math.isnan(points)]
    if known:
        above = sum(points > 0 for points in known)
        met = "**Met**" if 2 * above > len(known) else "**Not met**"
        table.verdicts.append(f"Bar: above the better peer on most. {met}: on {above} of {len(known)}.")
    return table


def _mean(taken: list[dict[str, float]], measured: str) -> float:
    return statistics.mean(each[measured] for each in taken) if taken else math.nan


def _spread(taken: list[dict[str, float]], measured: str) -> str:
    if not taken:
        return "–"
    mean = _mean(taken, measured)
    if len(taken) < 2:
        return f"{mean:.2f}"
    return f"{mean:.2f} ± {statistics.stdev(each[measured] for each in taken):.2f}"
