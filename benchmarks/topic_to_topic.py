"""How fast the worker is from topic to topic, beside a bare loop that only reads, decodes and writes.

The bundled recording goes into an embedded broker at once, every window in two revisions; then the worker, a
process of its own with its ordinary settings, turns it into predictions. The bare loop reads the same topic,
decodes the same records with the same decoder, and writes one record for each window. Both in turns.

    python benchmarks/topic_to_topic.py [minutes of the recording]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from confluent_kafka import Producer

sys.path.insert(0, str(Path(__file__).parent.parent))

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.demo.encoding import WindowEncoder
from pg_streaming_machine_learning.demo.feed import Feed
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.revisions import GRID, RecordedWindows
from pg_streaming_machine_learning.demo.worker import DemoWorker
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.sources import create_sources
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.registry import Registry

ROUNDS = 3
RECORDING = Path(__file__).parent.parent / "pg_streaming_machine_learning" / "demo" / "recording"
INPUT, LOG, OUTPUT, REFUSED, COPY = "input", "samples", "predictions", "dead-letters", "copy"
STALL_S = 60.0


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    windows = RecordedWindows.load(RECORDING, minutes=minutes)
    rounds = [one_round(windows) for _ in range(ROUNDS)]
    closed, updates = rounds[0][2], rounds[0][3]
    print(f"{closed} windows of a host, {updates} updates, median of {ROUNDS} rounds in turns")
    for name, column in (("bare loop: read, decode, write", 1), ("worker: topic to topic", 0)):
        spent_s = median(each[column] for each in rounds)
        print(
            f"{name:32} {spent_s:7.2f} s {closed / spent_s:8.0f} windows/s {updates / spent_s:9.0f} updates/s"
        )
    print(f"worker / bare loop: {median(each[0] / each[1] for each in rounds):.2f} times the time")


def one_round(windows: RecordedWindows) -> tuple[float, float, int, int]:
    """Return the seconds of the worker and of the bare loop, the windows and the updates."""
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedBroker(topics=(INPUT, LOG, OUTPUT, REFUSED, COPY)) as broker,
        DemoRegistry.start_in_thread() as registry,
    ):
        updates, closed = send(windows, broker.bootstrap, broker.partitions, registry.url)
        worker_s = time_worker(broker.bootstrap, registry.url, Path(directory), closed)
        return (
            worker_s,
            asyncio.run(time_loop(broker.bootstrap, registry.url, updates, closed)),
            closed,
            updates,
        )


def send(windows: RecordedWindows, bootstrap: str, partitions: int, registry_url: str) -> tuple[int, int]:
    """Send the whole recording; return how many updates and how many windows it has."""
    encoder = WindowEncoder(*asyncio.run(register(registry_url)), partitions)
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "gzip", "linger.ms": 20})
    updates, seen = 0, set()
    for step in windows.steps():
        for revision in step.revisions:
            encoded = encoder.encode(revision)
            producer.produce(
                INPUT, encoded.value, encoded.key, partition=encoded.partition, timestamp=step.at_ms
            )
            seen.add((revision.host, revision.window_start_ms))
            updates += 1
        if len(producer) > 20_000:
            producer.flush(60)
    assert producer.flush(60) == 0
    return updates, len(seen)


async def register(url: str) -> tuple[int, int]:
    registry = Registry(url)
    key_id = await registry.register("key", schema_of(FeatureKey))
    return key_id, await registry.register("value", schema_of(LabeledFeature))


def time_worker(bootstrap: str, registry_url: str, directory: Path, closed: int) -> float:
    """Return the seconds from the worker's first record of the log to its last prediction.

    The last twentieth is taken to come at the same rate: the last windows wait for `IDLE_AFTER_S`.
    """
    settings = {
        "KAFKA_BOOTSTRAP_SERVER": f"kafka://{bootstrap}",
        "SCHEMA_REGISTRY_URL": registry_url,
        "INPUT_TOPIC": INPUT,
        "LOG_TOPIC": LOG,
        "PREDICTIONS_TOPIC": OUTPUT,
        "DEAD_LETTERS_TOPIC": REFUSED,
        "TOPICS_CREATE": "false",
        "WINDOW_SIZE_S": str(GRID.size_ms // 1000),
        "WINDOW_HOP_S": str(GRID.hop_ms // 1000),
        "WINDOW_GRACE_S": str(GRID.size_ms // 1000),
        "IDLE_AFTER_S": "5",
    }
    with DemoWorker(settings, directory, directory / "worker.log") as worker:
        with Feed(bootstrap, (LOG,)) as log:
            worker.start()
            first = take(log)[0]
        with Feed(bootstrap, (OUTPUT,)) as predictions:
            read: list[InputRecord] = []
            wanted = closed * 19 // 20
            while len(read) < wanted:
                read += take(predictions)
    return (read[wanted - 1].timestamp_ms - first.timestamp_ms) / 1000 * closed / wanted


def take(feed: Feed) -> list[InputRecord]:
    """Return the next records, as soon as there are some."""
    end_s = time.monotonic() + STALL_S
    while time.monotonic() < end_s:
        records = feed.take(0.05)
        if records:
            return records
    raise TimeoutError(f"nothing came within {STALL_S:.0f} s")


async def time_loop(bootstrap: str, registry_url: str, updates: int, closed: int) -> float:
    """Return the seconds a plain loop needs to read, decode, and write a record for each window."""
    source = create_sources(
        ("labeled-data",),
        Registry(registry_url),
        topics={"labeled-data": INPUT},
        hop_ms=GRID.hop_ms,
        size_ms=GRID.size_ms,
        max_ahead_ms=3_600_000,
        max_record_bytes=1_048_576,
    )[INPUT]
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5})
    begin_s = time.monotonic()
    with Feed(bootstrap, (INPUT,)) as feed:
        seen: set[tuple[str, int]] = set()
        while updates > 0:
            for record in take(feed):
                updates -= 1
                for update in await source.updates(record):
                    if (update.host, update.window_start_ms) not in seen:
                        seen.add((update.host, update.window_start_ms))
                        producer.produce(COPY, record.value, update.host.encode())
        producer.flush(60)
    assert len(seen) == closed
    return time.monotonic() - begin_s


if __name__ == "__main__":
    main()
