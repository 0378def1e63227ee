"""Thousands of changed models and snapshots, loaded in a process of their own with little memory.

    python tests/learning/stored_mutations.py COUNT

It prints how many were refused and how many could still be read. Any end but that is a failure: an exception
that is no `SnapshotError`, a crash, a hang, memory for what is not there, a module not needed before.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.models import ModelSpec, create_model
from pg_streaming_machine_learning.learning.stored_model import dump_model, load_model
from pg_streaming_machine_learning.records.snapshot import pack, unpack
from tests.learning.stored_names import samples, train
from tests.logs import config, fleet, merged

SPARE_BYTES = 512 * 2**20

MODELS = [
    ModelSpec(parameters={"n_models": 2, "grace_period": 10}),
    ModelSpec("river.forest.ARFClassifier", {"n_models": 2, "grace_period": 10}),
    ModelSpec("river.naive_bayes.GaussianNB"),
    ModelSpec("river.linear_model.PAClassifier"),
    ModelSpec("river.linear_model.LogisticRegression"),
    ModelSpec("river.facto.FMClassifier"),
]


def stored_models() -> list[bytes]:
    """Return stored models of several kinds."""
    found = []
    for spec in MODELS:
        model = create_model(spec, seed=1)
        train(model, samples(40))
        found.append(dump_model(model))
    return found


def trained_engine() -> Engine:
    """Return an engine in the middle of a log."""
    engine = Engine(config())
    engine.process(merged(fleet(["a", "b"], 12, seed=5).partitions, random.Random(1))[:150])
    return engine


def mutations(data: bytes, count: int, rng: random.Random) -> Iterator[bytes]:
    """Yield changed copies: other bytes or bits, cuts, pieces left out, moved or repeated."""
    for _ in range(count):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            if not changed:
                break
            place = rng.randrange(len(changed))
            other = rng.randrange(len(changed))
            length = rng.randrange(1, 20)
            way = rng.randrange(8)
            if way == 0:
                changed[place] = rng.randrange(256)
            elif way == 1:
                changed[place] ^= 1 << rng.randrange(8)
            elif way == 2:
                changed[place : place + length] = rng.choice((b"\xff", b"\x00", b"\x7f")) * length
            elif way == 3:
                del changed[place : place + length]
            elif way == 4:
                changed[place:place] = changed[other : other + length]
            elif way == 5:
                changed[place : place + length] = changed[other : other + length]
            elif way == 6:
                changed[place:place] = rng.randbytes(length)
            elif rng.random() < 0.1:
                del changed[place + 1 :]
        yield bytes(changed)


def count_of(attempts: Iterator[bytes], load: Callable[[bytes], object]) -> dict[str, int]:
    """Load changed bytes; return how many were refused and how many read."""
    counts = {"refused": 0, "read": 0}
    for data in attempts:
        counts["read" if _can_be_read(data, load) else "refused"] += 1
    return counts


def _can_be_read(data: bytes, load: Callable[[bytes], object]) -> bool:
    try:
        load(data)
    except SnapshotError:
        return False
    return True


def sealed(snapshot: bytes, count: int, rng: random.Random) -> Iterator[bytes]:
    """Yield snapshots of an engine with one part changed and a checksum that fits."""
    parts = unpack(snapshot)
    for _ in range(count):
        name = rng.choice(list(parts))
        (changed,) = mutations(parts[name], 1, rng)
        yield pack({**parts, name: changed})


def main() -> None:
    """Load so many changed models, and as many changed snapshots."""
    count = int(sys.argv[1])
    rng = random.Random(1)
    stored, snapshot = stored_models(), trained_engine().snapshot()
    for data in stored:
        load_model(data)
    engine = Engine(config())
    engine.restore(snapshot)
    before = set(sys.modules)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    counts = {
        "models": count_of(
            (each for data in stored for each in mutations(data, count // len(stored), rng)), load_model
        ),
        "snapshots": count_of(mutations(snapshot, count // 4, rng), engine.restore),
        "sealed": count_of(sealed(snapshot, count - count // 4, rng), engine.restore),
    }
    imported = {name for name in set(sys.modules) - before if not name.startswith("encodings.")}
    print(json.dumps({**counts, "imported": sorted(imported)}))  # noqa: T201


if __name__ == "__main__":
    main()
