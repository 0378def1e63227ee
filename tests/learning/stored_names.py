"""What river's classifiers are made of, found out by training them: how `learning.stored_classes` came about.

    python tests/learning/stored_names.py

trains every classifier that `learning.models` builds, in every variant, and prints what is on the list and
was not met. What is met and not on the list is an error. It takes many minutes; the tests do a part of it.
"""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import importlib
import inspect
import pickletools
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from river import base

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from pg_streaming_machine_learning.errors import ModelError
from pg_streaming_machine_learning.learning.models import ModelSpec, create_model
from pg_streaming_machine_learning.learning.stored_check import Name
from pg_streaming_machine_learning.learning.stored_classes import NAMES
from pg_streaming_machine_learning.learning.stored_model import dump_model

Sample = tuple[dict[Any, Any], int]

VARIANTS: dict[str, list[Any]] = {
    "leaf_prediction": ["mc", "nb", "nba"],
    "split_criterion": ["gini", "hellinger", "info_gain"],
    "binary_split": [True],
    "grace_period": [20],
    "max_size": [0.05],
    "nominal_attributes": [["level"]],
    "merit_preprune": [False],
    "remove_poor_attrs": [True],
    "training_method": ["subspaces", "resampling", "patches"],
    "seed": [None],
    "disable_weighted_vote": [True],
    "max_features": ["sqrt", None, 2],
    "use_aggregation": [False],
    "mode": [0, 1, 2],
    "weighted": [False],
    "l1": [0.1],
    "split_pure": [True],
}
"""Parameters that change what a model is made of."""

TOGETHER = [
    {"grace_period": 20, "nominal_attributes": ["level"], "leaf_prediction": kind, "binary_split": binary}
    for kind in ("mc", "nb", "nba")
    for binary in (False, True)
] + [
    {"grace_period": 20, "leaf_prediction": kind, "max_size": 0.05, "memory_estimate_period": 100}
    for kind in ("mc", "nb", "nba")
]


def samples(count: int, seed: int = 1) -> list[Sample]:
    """Return samples with drift every 700, gaps, text, and one feature of few values."""
    rng = random.Random(seed)
    found: list[Sample] = []
    for number in range(count):
        phase = number // 700 % 4
        label = int(rng.random() < 0.4)
        x: dict[str, float | str] = {
            f"f{k}": rng.gauss((label if (k + phase) % 3 else 1 - label) * 3 + phase, 1) for k in range(6)
        }
        if number % 11 == 0:
            del x["f1"]
        if number % 5:
            x["kind"] = rng.choice("cde" if label else "abc")
        x["level"] = rng.choice([0, 0, 1] if label == phase % 2 else [1, 2, 2])
        found.append((x, label))
    return found


def samples_of_few_values(count: int, seed: int = 1) -> list[Sample]:
    """Return samples whose label, but for some, hangs on a feature of four values; it changes every 700."""
    rng = random.Random(seed)
    found: list[Sample] = []
    for number in range(count):
        level = rng.randrange(4)
        label = int(((level + number // 700) % 2 == 0) != (rng.random() < 0.1))
        found.append(({"level": level, "f0": rng.random()}, label))
    return found


def paths() -> list[str]:
    """Return the paths of all classifiers of river that can be built without arguments."""
    api: Any = importlib.import_module("river.api")
    kinds = {
        f"river.{name}.{kind.__name__}"
        for name in api.__all__
        for kind in vars(getattr(api, name)).values()
        if inspect.isclass(kind) and issubclass(kind, base.Classifier) and not inspect.isabstract(kind)
    }
    return sorted(path for path in kinds if _is_buildable(path))


def _is_buildable(path: str) -> bool:
    try:
        create_model(ModelSpec(path), seed=1)
    except ModelError:
        return False
    return True


def models(path: str) -> Iterator[base.Classifier]:
    """Yield the variants of a classifier."""
    yield create_model(ModelSpec(path), seed=1)
    single = [{name: value} for name, values in VARIANTS.items() for value in values]
    for parameters in (*single, *TOGETHER):
        with suppress(ModelError):
            yield create_model(ModelSpec(path, parameters), seed=1)


def names_of(data: bytes) -> set[Name]:
    """Return what a stored model names."""
    texts: list[Any] = []
    memo: list[Any] = []
    found: set[Name] = set()
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo[int(argument or 0)])
        elif operation.name == "STACK_GLOBAL":
            found.add((texts[-2], texts[-1]))
            texts.append(None)
        elif operation.name == "MEMOIZE":
            memo.append(texts[-1])
        else:
            texts.append(argument)
    return found


def train(model: base.Classifier, data: list[Sample]) -> None:
    """Let a model learn as long as it can: some take no negative numbers."""
    with suppress(ValueError, ZeroDivisionError):
        for x, label in data:
            model.predict_one(dict(x))
            model.learn_one(dict(x), label)


def main() -> None:
    """Train everything and tell the difference."""
    met: set[Name] = set()
    for path in paths():
        for data in (samples(3000), samples_of_few_values(3000)):
            for model in models(path):
                train(model, data)
                met |= names_of(dump_model(model))
        print(path, len(met), flush=True)  # noqa: T201
    listed = NAMES.made | NAMES.called | NAMES.restored | NAMES.mentioned
    print("on the list and not met:", *sorted(listed - met), sep="\n  ")  # noqa: T201


if __name__ == "__main__":
    main()
