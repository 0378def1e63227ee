"""How accurate the forest is, beside river's with its own defaults and the last label.

Test-then-train in file order over streams that are found by PG_DATA_DIR, every feature a number.

    python benchmarks/accuracy.py [rows] [stream ...]
"""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import csv
import gzip
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from river import base, dummy, forest, metrics

sys.path.insert(0, str(Path(__file__).parent.parent))

from pg_streaming_machine_learning.learning.models import ModelSpec, create_model
from tests.nezha import data_folder, load
from tests.oracle import features_of

STREAMS = ("elec", "covtype", "nezha-online-boutique")
Samples = list[tuple[dict[str, Any], Any]]


def samples_of(stream: str, rows: int) -> Samples:
    """Return features and label of each sample of a stream."""
    if stream == "nezha-online-boutique":
        finals = [window.final for window in load()]
        return [(features_of(final), final.label) for final in finals if final.label is not None][:rows]
    [path] = data_folder(stream).glob("*.csv.gz")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        names = next(reader)[:-1]
        return [
            ({name: float(value) for name, value in zip(names, row, strict=False)}, row[-1])
            for row, _ in zip(reader, range(rows), strict=False)
        ]


def models() -> Iterator[tuple[str, base.Classifier]]:
    """Yield what is compared."""
    yield "same label as before", dummy.NoChangeClassifier()
    yield "river ARFClassifier, defaults", forest.ARFClassifier(seed=42)
    yield "river ARFClassifier, max_features 0.6", rivers(max_features=0.6, seed=42)
    yield "ours", create_model(ModelSpec(), seed=42)


def rivers(**parameters: Any) -> forest.ARFClassifier:
    return forest.ARFClassifier(**parameters)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    print("| stream | model | accuracy | kappa | samples/s |\n| --- | --- | ---: | ---: | ---: |")
    for stream in sys.argv[2:] or STREAMS:
        samples = samples_of(stream, rows)
        for name, model in models():
            accuracy, kappa = metrics.Accuracy(), metrics.CohenKappa()
            begin = time.process_time()
            for features, label in samples:
                said = model.predict_one(features)
                accuracy.update(label, said)
                kappa.update(label, said)
                model.learn_one(features, label)
            rate = len(samples) / (time.process_time() - begin)
            print(
                f"| {stream} | {name} | {accuracy.get():.2%} | {kappa.get():.3f} | {rate:.0f} |", flush=True
            )


if __name__ == "__main__":
    try:
        main()
    except pytest.skip.Exception as absent:
        print(f"not run: {absent}")
