"""river's adaptive random forest: 10 trees, the library's own defaults."""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import gc
import importlib
import pickle
import time
from typing import Any

import numpy as np
import psutil
import river
from river import forest

from benchmarks.forest.scores import matrix_of
from benchmarks.forest.streams import Stream, load

__all__ = ["VERSION", "accuracy", "memory", "pickled", "speed"]

VERSION = f"river {river.__version__}"
CHECKED_ROWS = 3_000
# Where our faster subclass is, whose predictions are river's bit by bit while every sample has every feature.
FASTER = (
    ("pg_streaming_machine_learning.learning.forest", "AdaptiveRandomForest"),
    ("pg_streaming_machine_learning.learning.river_forest", "AdaptiveRandomForest"),
    ("pg_streaming_machine_learning.learning.river_forest", "RiverForest"),
)


def make(seed: int, nominal: tuple[str, ...] = ()) -> Any:
    """Return the real thing."""
    return forest.ARFClassifier(n_models=10, seed=seed, nominal_attributes=list(nominal) or None)


def accuracy(stream: str, seed: int, rows: int | None) -> dict[str, Any]:
    """Predict, then learn each sample; return what was predicted as a matrix, label times prediction."""
    data = load(stream).first(rows)
    model, told = _as_river(data, seed)
    said = np.zeros_like(data.y)
    said_s = time.monotonic()
    for row, (sample, label) in enumerate(data.as_dicts(0, data.rows)):
        label_said = model.predict_one(sample)
        said[row] = 0 if label_said is None else label_said
        model.learn_one(sample, label)
        if time.monotonic() - said_s > 30.0:
            said_s = time.monotonic()
            right = 100.0 * float(np.mean(said[: row + 1] == data.y[: row + 1]))
            print(f"      {told}, {stream}, seed {seed}: {row + 1:,} rows, {right:.2f} % right", flush=True)
    return {"matrix": matrix_of(data.y, said, data.n_classes).tolist(), "by": told}


def _as_river(data: Stream, seed: int) -> tuple[Any, str]:
    """Return a forest that predicts what river's does; ours, twice as fast, where it was seen to."""
    for module, name in FASTER:
        try:
            kind = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
        nominal = list(data.nominal) or None
        ours = kind(n_models=10, seed=seed, max_features="sqrt", nominal_attributes=nominal)
        if _alike(make(seed, data.nominal), ours.clone(), data):
            return ours, "our subclass of river's forest"
    return make(seed, data.nominal), "river's forest"


def _alike(rivers: Any, ours: Any, data: Stream) -> bool:
    for sample, label in data.as_dicts(0, min(CHECKED_ROWS, data.rows)):
        if rivers.predict_proba_one(sample) != ours.predict_proba_one(sample):
            return False
        rivers.learn_one(sample, label)
        ours.learn_one(sample, label)
    return True


def speed(stream: str, seed: int, begin: int, rows: int) -> dict[str, float]:
    """Return the seconds to predict and learn some rows, after those before them were learned."""
    data = load(stream)
    model = make(seed, data.nominal)
    for sample, label in data.as_dicts(0, begin):
        model.learn_one(sample, label)
    samples = data.as_dicts(begin, begin + rows)
    gc.collect()
    begin_s = time.perf_counter()
    for sample, label in samples:
        model.predict_proba_one(sample)
        model.learn_one(sample, label)
    return {"seconds": time.perf_counter() - begin_s, "rows": len(samples)}


def pickled(stream: str, seed: int, rows: int) -> dict[str, float]:
    """Return the size of the pickle after so many samples, and milliseconds to write and read it."""
    model = _learned(load(stream), seed, rows)
    begin_s = time.perf_counter()
    data = pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL)
    written_s = time.perf_counter()
    pickle.loads(data)
    read_s = time.perf_counter()
    return {
        "bytes": len(data),
        "write_ms": 1000 * (written_s - begin_s),
        "read_ms": 1000 * (read_s - written_s),
    }


def memory(stream: str, seed: int, rows: int) -> dict[str, float]:
    """Return the resident memory after so many samples, and what it was before the first."""
    data = load(stream)
    _learned(data, seed, 10)
    gc.collect()
    before = psutil.Process().memory_info().rss
    model = _learned(data, seed, rows)
    gc.collect()
    return {
        "resident_bytes": psutil.Process().memory_info().rss,
        "grown_bytes": psutil.Process().memory_info().rss - before,
        "trees": len(model),
    }


def _learned(data: Stream, seed: int, rows: int) -> Any:
    """Return a forest that predicted and learned so many samples, the stream anew at its end."""
    model = make(seed, data.nominal)
    done = 0
    for x, y in data.again(rows, batch=1_000):
        for values, label in zip(x.tolist(), y.tolist(), strict=True):
            sample = dict(zip(data.features, values, strict=True))
            model.predict_proba_one(sample)
            model.learn_one(sample, label)
        done += len(y)
        if done % 25_000 == 0:
            print(f"      river's forest, {data.name}, seed {seed}: {done:,} rows", flush=True)
    return model
