"""Our forest, as the tables take it: a task each, run in a process of its own."""

from __future__ import annotations

import gc
import importlib
import time
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.forest.scores import matrix_of
from benchmarks.forest.streams import Stream, load

__all__ = ["absent", "make"]

MODULE = "pg_streaming_machine_learning.learning.forest"
CLASS = "AdaptiveRandomForestClassifier"
BATCH = 1_000  # rows a call, about what a worker is given at once
WARM_UP_ROWS = 20_000
_DRIFTING_BLOCK = 10_000


def absent() -> str | None:
    """Return why there is nothing to measure, None if there is."""
    try:
        getattr(importlib.import_module(MODULE), CLASS)
    except (ImportError, AttributeError) as error:
        return f"{CLASS} is not there: {error}"
    return None


def make(data: Stream, seed: int, n_jobs: int = 1) -> Any:
    """Return an untrained compiled forest with its defaults."""
    kind = getattr(importlib.import_module(MODULE), CLASS)
    model = kind(
        n_models=10,
        seed=seed,
        n_jobs=n_jobs,
        classes=tuple(range(data.n_classes)),
        nominal_features=data.nominal,
    )
    if model.backend != "numba":
        raise RuntimeError(f"the forest runs on {model.backend!r}, expected 'numba'")
    return model


def process(model: Any, data: Stream, begin: int, end: int) -> NDArray[np.float64]:
    """Predict and learn rows in batches; return the probabilities, shape (end − begin, n_classes)."""
    parts = [
        model.process_many(
            data.x[row : min(row + BATCH, end)], data.y[row : min(row + BATCH, end)], features=data.features
        )
        for row in range(begin, end, BATCH)
    ]
    return np.concatenate(parts)


def accuracy(stream: str, seed: int, rows: int | None, missing: str | None = None) -> dict[str, Any]:
    """Predict, then learn each sample; return what was predicted as a matrix, label times prediction.

    Parameters
    ----------
    stream : str
        Its name.
    seed : int
        Of the forest.
    rows : int or None
        How much of the stream; None for all.
    missing : str, optional
        What becomes of values taken away, see `benchmarks.forest.missing`; by default none are.
    """
    data = load(stream).first(rows)
    if missing is not None:
        data = importlib.import_module("benchmarks.forest.missing").without_values(data, missing)
    said = process(make(data, seed), data, 0, data.rows).argmax(axis=1)
    return {"matrix": matrix_of(data.y, said, data.n_classes).tolist()}


def batches(stream: str, seed: int, begin: int, rows: int | None, n_jobs: int = 1) -> dict[str, float]:
    """Return the seconds to predict and learn rows in batches, after those before them were learned.

    Another forest goes over the first rows before the clock starts, as MOA's does.
    """
    data = load(stream)
    end = data.rows if rows is None else begin + rows
    process(make(data, seed, n_jobs), data, 0, min(WARM_UP_ROWS, data.rows))
    model = make(data, seed, n_jobs)
    if begin:
        process(model, data, 0, begin)
    gc.collect()
    begin_s = time.perf_counter()
    process(model, data, begin, end)
    return {"seconds": time.perf_counter() - begin_s, "rows": end - begin}


def one_by_one(stream: str, seed: int, begin: int, rows: int) -> dict[str, float]:
    """Return the seconds to predict and learn rows as dictionaries, one at a time."""
    data = load(stream)
    model = make(data, seed)
    process(model, data, 0, begin)
    samples = data.as_dicts(begin, begin + rows)
    for sample, _ in samples[:10]:
        model.predict_proba_one(sample)
    gc.collect()
    begin_s = time.perf_counter()
    for sample, label in samples:
        model.predict_proba_one(sample)
        model.learn_one(sample, label)
    return {"seconds": time.perf_counter() - begin_s, "rows": len(samples)}


def snapshot(stream: str, seed: int, rows: int, runs: int) -> dict[str, Any]:
    """Return the size of a snapshot after so many samples, and milliseconds of each writing and reading."""
    data = load(stream)
    model = make(data, seed)
    for x, y in data.again(rows, BATCH):
        model.process_many(x, y, features=data.features)
    written = model.to_bytes()
    write_ms, read_ms = [], []
    for _ in range(runs):
        begin_s = time.perf_counter()
        written = model.to_bytes()
        middle_s = time.perf_counter()
        restored = type(model).from_bytes(written)
        read_ms.append(1000 * (time.perf_counter() - middle_s))
        write_ms.append(1000 * (middle_s - begin_s))
    first = data.x[:BATCH]
    same = np.array_equal(
        model.predict_proba_many(first, features=data.features),
        restored.predict_proba_many(first, features=data.features),
    )
    if not same:
        raise RuntimeError("the restored forest predicts something else")
    return {"bytes": len(written), "write_ms": write_ms, "read_ms": read_ms}


def long_run(stream: str, seed: int, rows: int) -> dict[str, float]:
    """Learn a stream over and over; return resident memory, and seconds of the same rows early and late.

    Rows 5,000 to 15,000 are timed in the first round and in the one after about so many samples: equal data,
    so that what differs is the age of the forest.
    """
    data = load(stream)
    early, late = (5_000, 15_000) if data.rows >= 15_000 else (0, data.rows)
    process(make(data, seed), data, 0, 10)
    gc.collect()
    before = psutil.Process().memory_info().rss
    model = make(data, seed)
    rounds = max(1, round(rows / data.rows))
    taken: list[float] = []
    for number in range(rounds + 1):
        process(model, data, 0, early)
        begin_s = time.perf_counter()
        process(model, data, early, late)
        taken.append(time.perf_counter() - begin_s)
        if number == rounds:
            break
        process(model, data, late, data.rows)
    gc.collect()
    resident = psutil.Process().memory_info().rss
    return {
        "samples": rounds * data.rows + late,
        "resident_bytes": resident,
        # A forest may lie in pages that were there before.
        "grown_bytes": max(resident - before, model.allocated_bytes),
        "allocated_bytes": model.allocated_bytes,
        "timed_rows": late - early,
        "early_s": taken[0],
        "late_s": taken[-1],
    }


def drifting_run(seed: int, rows: int, looks: int = 10) -> list[dict[str, float]]:
    """Learn a stream that drifts without end; return what memory and a sample take, at each look.

    Eight normal features, and a plane through them that wanders all the time and jumps now and then.
    """
    chance = np.random.default_rng(seed)
    model = getattr(importlib.import_module(MODULE), CLASS)(seed=seed)
    plane = chance.normal(size=8)
    found = []
    for look in range(looks):
        taken_s, right = 0.0, 0
        blocks = max(1, rows // looks // _DRIFTING_BLOCK)
        for block in range(blocks):
            is_jump = (look * blocks + block) % 150 == 149
            plane = chance.normal(size=8) if is_jump else plane + chance.normal(size=8) * 0.05
            x = chance.normal(size=(_DRIFTING_BLOCK, 8))
            y = (x @ plane + chance.normal(size=_DRIFTING_BLOCK) * 0.5 > 0).astype(int)
            begin_s = time.perf_counter()
            said = model.process_many(x, y)
            taken_s += time.perf_counter() - begin_s
            right += int((np.array(model.classes_)[said.argmax(axis=1)] == y).sum())
        learned = blocks * _DRIFTING_BLOCK
        found.append(
            {
                "samples": (look + 1) * learned,
                "allocated_bytes": model.allocated_bytes,
                "resident_bytes": psutil.Process().memory_info().rss,
                "sample_us": 1e6 * taken_s / learned,
                "accuracy": right / learned,
            }
        )
    return found


def reasons(stream: str, seed: int, rows: int, runs: int) -> dict[str, list[float]]:
    """Return milliseconds of predicting a batch of 1,000 with reasons and without, after so many samples."""
    data = load(stream)
    model = make(data, seed)
    for x, y in data.again(rows, BATCH):
        model.process_many(x, y, features=data.features)
    batch = data.x[:BATCH]
    plain_ms, with_ms = [], []
    for number in range(runs + 1):
        begin_s = time.perf_counter()
        model.predict_proba_many(batch, features=data.features)
        middle_s = time.perf_counter()
        model.explain_many(batch, features=data.features)
        end_s = time.perf_counter()
        if number:  # the first may compile
            plain_ms.append(1000 * (middle_s - begin_s))
            with_ms.append(1000 * (end_s - middle_s))
    return {"plain_ms": plain_ms, "with_ms": with_ms}
