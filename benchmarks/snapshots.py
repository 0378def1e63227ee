"""What a snapshot costs by its size, and how long a start with it takes.

The models are grown by training on a synthetic stream until the compressed snapshot has the size asked for
(50 MB take minutes). Each step of writing and reading is timed by itself; then the real worker is started
with nothing but that snapshot, from the start of the process to the line that says its state is restored.

    python benchmarks/snapshots.py [megabytes ...]
"""

from __future__ import annotations

import hashlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.broker import start_broker
from benchmarks.rig.grown import grow, model_parameters
from benchmarks.rig.run import started, wait_until_restored
from benchmarks.rig.scene import Scene
from pg_streaming_machine_learning.assembly import engine_config
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.state.layout import (
    PROGRESS_KEY,
    StoredState,
    chunk_count,
    compress,
    slot_place,
    snapshot_records,
)
from pg_streaming_machine_learning.state.manifest import Manifest
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.engine import _parted
from pg_streaming_machine_learning.streams.state_reader import read_last_values
from pg_streaming_machine_learning.streams.transactions import KafkaTransactions, Outgoing

ROUNDS = 3
SIZES_MB = (1.0, 10.0, 50.0)
STEPS = ("dump", "compress", "sign", "write", "read", "check", "restore")

_Result = TypeVar("_Result")


@dataclass
class Taken:
    """What one size came to.

    Parameters
    ----------
    samples : int
        Learned by the model.
    raw_bytes, stored_bytes : int
        The snapshot before and after compression.
    steps : dict of str to list of float
        Seconds of each step, each round.
    starts : list of float
        Seconds from the start of the process to the state restored.
    """

    samples: int
    raw_bytes: int = 0
    stored_bytes: int = 0
    steps: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    starts: list[float] = field(default_factory=list)

    def timed(self, step: str, work: Callable[[], _Result]) -> _Result:
        """Do a step, and note how long it took."""
        begin_s = time.monotonic()
        result = work()
        self.steps[step].append(time.monotonic() - begin_s)
        return result


def main() -> None:
    sizes_mb = [float(each) for each in sys.argv[1:]] or list(SIZES_MB)
    with start_broker() as broker, DemoRegistry.start_in_thread() as registry:
        empty = statistics.median(_start(Scene.make(broker, registry.url)) for _ in range(ROUNDS))
        print(f"median of {ROUNDS} rounds; a start without any state takes {empty:.2f} s\n")
        print(
            f"| stored MB | raw MB | samples | {' | '.join(f'{step} ms' for step in STEPS)} | start s | "
            "more than without |"
        )
        print("| ---: " * (5 + len(STEPS)) + "|")
        for size_mb in sizes_mb:
            scene = Scene.make(broker, registry.url, MODEL_PARAMETERS=model_parameters(size_mb))
            _report(measure(scene, size_mb), empty)


def measure(scene: Scene, megabytes: float) -> Taken:
    """Grow a model, and measure its snapshot and starts with it."""
    settings = Settings.load(scene.settings)
    engine, samples = grow(engine_config(settings), megabytes)
    taken = Taken(samples)
    _start(scene)  # the worker makes its topics
    with _transactions(settings) as transactions:
        for number in range(ROUNDS):
            _write(taken, engine, settings, number, transactions)
    for _ in range(ROUNDS):
        _read(taken, settings)
        taken.starts.append(_start(scene))
    return taken


def _write(
    taken: Taken, engine: Engine, settings: Settings, number: int, transactions: KafkaTransactions
) -> None:
    """Write a snapshot of the log's beginning, as the worker does, and the progress that goes with it."""
    raw = taken.timed("dump", engine.snapshot)
    payload = taken.timed("compress", lambda: compress(raw))
    manifest = Manifest(
        application=settings.application_id,
        partition=0,
        position=0,
        generation=engine.generation,
        snapshot=f"{number:032x}",
        created_ms=int(time.time() * 1000),
        chunks=chunk_count(len(payload)),
        size_bytes=len(payload),
        sha256="",
        versions={},
        figures=engine.figures(),
    )

    def sign() -> Manifest:
        hashed = replace(manifest, sha256=hashlib.sha256(payload).hexdigest())
        return replace(hashed, signature=_signer(settings).sign(hashed.signed_bytes()))

    signed = taken.timed("sign", sign)
    progress = EngineProgress(0, engine.fingerprint(), engine.generation, "benchmark")
    records = [
        *(
            Outgoing(settings.state_topic, 0, record.key, record.value)
            for record in snapshot_records(slot_place(number), signed, payload)
        ),
        Outgoing(settings.state_topic, 0, PROGRESS_KEY, progress.to_bytes()),
    ]

    def write() -> None:
        for part in _parted(records):
            transactions.write(part)

    taken.timed("write", write)
    taken.raw_bytes, taken.stored_bytes = len(raw), len(payload)


def _read(taken: Taken, settings: Settings) -> None:
    """Read the newest snapshot, as a worker that takes over does."""
    records = taken.timed(
        "read", lambda: read_last_values(settings.bootstrap_servers, settings.state_topic, 0)
    )
    slot = StoredState.from_records(records).slots[0]
    data = taken.timed("check", lambda: slot.payload(settings.snapshot_max_bytes, _signer(settings)))
    engine = Engine(engine_config(settings))
    taken.timed("restore", lambda: engine.restore(data))


def _start(scene: Scene) -> float:
    """Return the seconds from the start of a worker to its state restored."""
    begin_s = time.monotonic()
    with started(scene) as running:
        wait_until_restored(running)
        return time.monotonic() - begin_s


@contextmanager
def _transactions(settings: Settings) -> Iterator[KafkaTransactions]:
    transactions = KafkaTransactions(settings.bootstrap_servers, f"{settings.application_id}-engine-0")
    transactions.fence()
    yield transactions
    transactions.close()


def _signer(settings: Settings) -> Signer:
    return Signer(settings.snapshot_key.encode(), accept_unsigned=False)


def _report(taken: Taken, empty_s: float) -> None:
    steps = " | ".join(f"{1000 * statistics.median(taken.steps[step]):.0f}" for step in STEPS)
    start_s = statistics.median(taken.starts)
    print(
        f"| {taken.stored_bytes / 1e6:.1f} | {taken.raw_bytes / 1e6:.1f} | {taken.samples} | {steps} | "
        f"{start_s:.2f} | {start_s - empty_s:+.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
