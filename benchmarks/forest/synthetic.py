"""Streams of river's generators, seeded: what they are made of, and how they drift."""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.datasets import synth

__all__ = ["ROWS", "generate"]

ROWS = 100_000
SEED = 1
PIECES = 4  # of a stream that drifts from one variant of its generator to the next

Samples = Iterator[tuple[dict[Any, Any], Any]]


def _variants(make: Callable[[int], Any]) -> Samples:
    """Yield equal parts of variants 0, 1, … of a generator: the change from one to the next is abrupt."""
    return itertools.chain.from_iterable(make(piece).take(ROWS // PIECES) for piece in range(PIECES))


def _agrawal() -> Samples:
    functions = (0, 3, 6, 8)
    return _variants(
        lambda piece: synth.Agrawal(functions[piece], seed=SEED + piece, perturbation=0.05),
    )


def _sea() -> Samples:
    return _variants(lambda piece: synth.SEA(variant=piece, noise=0.1, seed=SEED + piece))


def _rbf() -> Samples:
    stream = synth.RandomRBFDrift(
        seed_model=SEED,
        seed_sample=SEED,
        n_classes=5,
        n_features=10,
        n_centroids=50,
        change_speed=0.0001,
        n_drift_centroids=50,
    )
    return iter(stream.take(ROWS))


def _hyperplane() -> Samples:
    stream = synth.Hyperplane(
        seed=SEED, n_features=10, n_drift_features=10, mag_change=0.001, noise_percentage=0.05
    )
    return iter(stream.take(ROWS))


def _led() -> Samples:
    return _variants(
        lambda piece: synth.LEDDrift(
            seed=SEED + piece,
            noise_percentage=0.1,
            irrelevant_features=True,
            n_drift_features=2 * piece + 1,
        )
    )


_STREAMS: dict[str, Callable[[], Samples]] = {
    "agrawal": _agrawal,
    "sea": _sea,
    "rbf-drift": _rbf,
    "hyperplane": _hyperplane,
    "led-drift": _led,
}


def generate(name: str) -> dict[str, NDArray[Any]]:
    """Make a stream, `ROWS` long; a line every few seconds says how far it is."""
    rows: list[list[float]] = []
    labels: list[int] = []
    keys: list[Any] = []
    said_s = time.monotonic()
    for sample, label in _STREAMS[name]():
        keys = keys or list(sample)
        rows.append([float(sample[key]) for key in keys])
        labels.append(int(label))
        if time.monotonic() - said_s > 5.0:
            said_s = time.monotonic()
            print(f"   making {name}: {len(rows):,} of {ROWS:,} rows", flush=True)
    features = np.array([str(key) for key in keys])
    return {"features": features, "x": np.array(rows), "y": np.array(labels, dtype=np.int64)}
