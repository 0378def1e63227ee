"""Seconds from the start of an interpreter to the first prediction, with compiled code kept and without."""

from __future__ import annotations

import importlib
import tempfile
import time
from typing import Any

import numpy as np

from benchmarks.forest import ours, streams
from benchmarks.forest.child import run_child
from benchmarks.forest.plan import Plan
from benchmarks.forest.table import Table, median

__all__ = ["first_prediction", "measure"]

COLD_S, WARM_S = 20.0, 1.0


def first_prediction(stream: str) -> dict[str, float]:
    """Return when all but our forest was imported, and when it had predicted.

    Both are of the system's monotonic clock, which is the same in every process.
    """
    data = streams.load(stream)
    importlib.import_module("river.base")
    imported_s = time.monotonic()
    model = ours.make(data, seed=1)
    said = model.process_many(data.x[:100], data.y[:100], features=data.features)
    [[sample, label]] = data.as_dicts(100, 101)
    one = model.predict_proba_one(sample)
    done_s = time.monotonic()
    if not (np.isfinite(said).all() and one):
        raise RuntimeError("there was no prediction")
    model.learn_one(sample, label)
    return {"imported_s": imported_s, "done_s": done_s}


def measure(plan: Plan) -> list[Table]:
    """Return a table of cold and warm starts."""
    table = Table(
        "Start",
        ("start", "from the interpreter's start, s", "from the forest's import, s"),
        "A hundred samples predicted and learned in a batch, then one predicted by itself. Cold: with an "
        f"empty folder for compiled code, median of {min(plan.runs, 3)}; warm: median of {plan.runs} with "
        "the folder the cold one filled. From the import: numpy and `river.base` are imported already, the "
        "forest, what it imports, and numba are not.",
    )
    stream = plan.streams[0]
    if ours.absent() is not None or streams.absent(stream) is not None:
        table.verdicts.append("Bar: cold at most 20 s, warm under 1 s. **Not measured.**")
        return [table]
    cold, warm = [], []
    for run in range(min(plan.runs, 3)):
        with tempfile.TemporaryDirectory(prefix="pg-streaming-bench-") as folder:
            cold.append(_start(stream, folder))
            print(f"   cold start {run + 1}: {cold[-1][0]:.1f} s", flush=True)
            if run == 0:
                warm = [_start(stream, folder) for _ in range(plan.runs)]
    middle = {}
    for told, taken in (("cold", cold), ("warm", warm)):
        middle[told] = tuple(median(column) for column in zip(*taken, strict=True))
        table.rows.append((told, *(f"{figure:.2f}" for figure in middle[told])))
    table.verdicts.append(_verdict("Cold", COLD_S, middle["cold"]))
    table.verdicts.append(_verdict("Warm", WARM_S, middle["warm"]))
    return [table]


def _start(stream: str, folder: str) -> tuple[float, float]:
    places = dict.fromkeys(("FOREST_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"), folder)
    begin_s = time.monotonic()
    taken: Any = run_child("start.first_prediction", {"stream": stream}, extra=places)
    return taken["done_s"] - begin_s, taken["done_s"] - taken["imported_s"]


def _verdict(told: str, bar_s: float, taken: tuple[float, ...]) -> str:
    whole, own = ("**met**" if figure <= bar_s else "**not met**" for figure in taken)
    return f"{told}. Bar: at most {bar_s:g} s; {whole} by the whole process, {own} from the import on."
