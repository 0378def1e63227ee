"""How fast the worker is from topic to topic, beside a bare loop that only reads, decodes and writes.

The bundled recording goes into an embedded broker at once, every window in two revisions; then the worker, a
process of its own with its ordinary settings, turns it into predictions. The bare loop reads the same topic,
decodes the same records with the same decoder, and writes one record for each window. Both in turns.

    python benchmarks/topic_to_topic.py [minutes of the recording]
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median

from confluent_kafka import Producer

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.broker import BenchBroker
from benchmarks.rig.run import started
from benchmarks.rig.scene import RECORDING, Scene, Sent
from benchmarks.rig.watch import Watch
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.revisions import GRID, RecordedWindows
from pg_streaming_machine_learning.records.update import WindowUpdate
from pg_streaming_machine_learning.sources import SourceOptions, create_sources
from pg_streaming_machine_learning.sources.limits import Limits
from pg_streaming_machine_learning.sources.source import read_whole
from pg_streaming_machine_learning.wire.registry import Registry

ROUNDS = 3
COPY = "copy"


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    windows = RecordedWindows.load(RECORDING, minutes=minutes)
    rounds = [one_round(windows) for _ in range(ROUNDS)]
    sent, times = rounds[0][2], [(worker_s, loop_s) for worker_s, loop_s, _ in rounds]
    closed = len(sent.windows)
    print(f"{closed} windows of a host, {sent.updates} updates, median of {ROUNDS} rounds in turns")
    for name, column in (("bare loop: read, decode, write", 1), ("worker: topic to topic", 0)):
        spent_s = median(each[column] for each in times)
        print(
            f"{name:32} {spent_s:7.2f} s {closed / spent_s:8.0f} windows/s "
            f"{sent.updates / spent_s:9.0f} updates/s"
        )
    print(f"worker / bare loop: {median(worker_s / loop_s for worker_s, loop_s in times):.2f} times the time")


def one_round(windows: RecordedWindows) -> tuple[float, float, Sent]:
    """Return the seconds of the worker and of the bare loop, and what went in."""
    with EmbeddedBroker() as broker, DemoRegistry.start_in_thread() as registry:
        scene = Scene.make(BenchBroker("embedded broker", broker.bootstrap, None), registry.url)
        sent = scene.send(windows)
        return time_worker(scene, sent), asyncio.run(time_loop(scene, sent)), sent


def time_worker(scene: Scene, sent: Sent) -> float:
    """Return the seconds from the worker's first record of the log to its last prediction.

    The last twentieth is taken to come at the same rate: the last windows wait for `IDLE_AFTER_S`.
    """
    wanted = len(sent.windows) * 19 // 20
    with started(scene), Watch(scene, ("LOG",)) as log:
        first_s = next(log.arrivals())[0]
        with Watch(scene, ("PREDICTIONS",)) as predictions:
            arrivals = predictions.arrivals()
            for _ in range(wanted - 1):
                next(arrivals)
            last_s = next(arrivals)[0]
    return (last_s - first_s) * len(sent.windows) / wanted


async def time_loop(scene: Scene, sent: Sent) -> float:
    """Return the seconds a plain loop needs to read, decode, and write a record for each window."""
    topic = scene.topic("INPUT")
    source = create_sources(
        {"labeled-data": topic},
        SourceOptions(
            Registry(scene.settings["SCHEMA_REGISTRY_URL"]),
            Limits(
                hop_ms=GRID.hop_ms,
                size_ms=GRID.size_ms,
                max_ahead_ms=3_600_000,
                max_record_bytes=1_048_576,
            ),
        ),
    )[topic]
    producer = Producer({"bootstrap.servers": scene.bootstrap, "linger.ms": 5})
    begin_s = time.monotonic()
    with Watch(scene, ("INPUT",)) as inputs:
        arrivals = inputs.arrivals()
        seen: set[tuple[str, int]] = set()
        for _ in range(sent.updates):
            _, record = next(arrivals)
            for update in await read_whole(source, record):
                assert isinstance(update, WindowUpdate)
                if (update.host, update.window_start_ms) not in seen:
                    seen.add((update.host, update.window_start_ms))
                    producer.produce(COPY, record.value, update.host.encode())
        producer.flush(60)
    assert len(seen) == len(sent.windows)
    return time.monotonic() - begin_s


if __name__ == "__main__":
    main()
