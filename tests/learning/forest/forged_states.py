"""Thousands of changed forests, loaded and used in a process of their own with little memory.

    python tests/learning/forest/forged_states.py COUNT [SEED]

It prints how many were refused and how many could be read. A forest that can be read is used: it predicts,
explains, learns, and is stored again. Any other end is a failure: an exception that is no `SnapshotError`, a
crash, a hang, memory for what is not there.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent.parent.parent))

import numpy as np

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from tests.learning.forest.forged import changed
from tests.learning.forest.golden import rows

SPARE_BYTES = 512 * 2**20
MOST_S = 20


def forests() -> list[bytes]:
    """Return a forest with all there is, one of numbers alone, one at its bound, one that knows nothing."""
    found = []
    quick: dict[str, Any] = {"n_models": 3, "grace_period": 20, "delta": 0.2, "warning_delta": 0.3}
    for parameters in ({"nominal_features": [7]}, {"max_bytes": 130_000, "class_weights": {1: 2.0}}):
        learner = AdaptiveRandomForestClassifier(**quick, **parameters)
        for x, label in [*rows(500, seed=1), *rows(50, seed=2)]:
            learner.learn_one(x, label)
        found.append(learner.to_bytes())
    rng = np.random.default_rng(3)
    learner = AdaptiveRandomForestClassifier(**quick, classes=[0, 1], nominal_features=["n"])
    X = np.floor(rng.random((600, 4)) * 100)
    learner.learn_many(X, (X[:, 1] % 2).astype(int), features=["a", "n", "b", "c"])
    found.append(learner.to_bytes())
    empty = AdaptiveRandomForestClassifier(n_models=2)
    empty.learn_one({"color": "red"}, "calm")
    found.append(empty.to_bytes())
    return found


def use(learner: AdaptiveRandomForestClassifier) -> None:
    """Do all that can be done with a forest."""
    learner.n_jobs = 1
    samples = rows(40, seed=4)
    with np.errstate(all="ignore"):
        for x, label in samples:
            learner.predict_proba_one(x)
            try:
                learner.learn_one(x, label)
            except ValueError as error:
                # What was text is a number in what was forged, or there is no room for so much.
                if "was a number before" not in str(error) and "too little" not in str(error):
                    raise
        names = list(learner.features_)
        X = np.random.default_rng(5).normal(size=(60, len(names))) * 10
        learner.process_many(X, [samples[n % 40][1] for n in range(60)], features=names)
        learner.explain_many(X[:5], features=names)
        learner.to_bytes()


def main() -> None:
    """Load so many changed forests."""
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    rng = random.Random(seed)
    stored = forests()
    for data in stored:
        use(AdaptiveRandomForestClassifier.from_bytes(data))
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    counts = {"refused": 0, "read": 0}
    slowest_s = 0.0
    for number, data in enumerate(stored):
        for each in changed(data, count // 4 + (number < count % 4), rng):
            began_s = time.monotonic()
            signal.alarm(MOST_S)  # a hang ends the process
            try:
                learner = AdaptiveRandomForestClassifier.from_bytes(each)
            except SnapshotError:
                counts["refused"] += 1
            else:
                counts["read"] += 1
                use(learner)
            signal.alarm(0)
            slowest_s = max(slowest_s, time.monotonic() - began_s)
    print(json.dumps({**counts, "slowest_s": slowest_s}))  # noqa: T201


if __name__ == "__main__":
    main()
