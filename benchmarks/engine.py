"""How fast the engine is, beside a plain river loop over the same samples.

Both run in turns in one process, so that the ratio holds on a machine that does something else. The data is
nezha-online-boutique (found by PG_DATA_DIR): 6 metrics in 10 revisions a window, three input partitions.

    python benchmarks/engine.py [windows]
"""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from river import forest

sys.path.insert(0, str(Path(__file__).parent.parent))

from pg_streaming_machine_learning.engine import Engine, EngineConfig
from pg_streaming_machine_learning.learning.models import ModelSpec, create_model
from tests import nezha
from tests.logs import TOPIC
from tests.oracle import features_of

ROUNDS = 3


def seconds(work: Callable[[], Any]) -> float:
    """Return the processor time of a piece of work."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def rivers(**parameters: Any) -> forest.ARFClassifier:
    return forest.ARFClassifier(**parameters)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    windows = nezha.load()[:count]
    log = nezha.log_of(windows, random.Random(1))
    finals = [window.final for window in windows]
    samples = [(features_of(final), final.label) for final in finals]
    config = EngineConfig(
        (TOPIC,), nezha.WINDOWS.size_ms, nezha.WINDOWS.hop_ms, grace_ms=0, idle_after_ms=60_000
    )

    def loop(model: Any) -> None:
        for features, label in samples:
            model.predict_proba_one(features)
            if label is not None:
                model.learn_one(features, label)

    ways: dict[str, Callable[[], Any]] = {
        "river ARFClassifier, plain loop": lambda: loop(rivers(max_features=0.6, seed=1)),
        "our forest, plain loop": lambda: loop(create_model(ModelSpec(), 1)),
        "engine, updates to predictions": lambda: Engine(config).process(log),
    }
    best = {name: min(seconds(work) for _ in range(ROUNDS)) for name, work in ways.items()}
    slowest = best["river ARFClassifier, plain loop"]
    print(
        f"{count} samples of {len(samples[-1][0])} features, {len(log)} records of the log, best of {ROUNDS}"
    )
    for name, spent in best.items():
        print(f"{name:34} {spent:7.2f} s  {count / spent:7.0f} samples/s  x {slowest / spent:.2f}")


if __name__ == "__main__":
    try:
        main()
    except pytest.skip.Exception as absent:
        print(f"not run: {absent}")
