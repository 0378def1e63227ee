"""Topics and settings for one run of the worker, and what goes in."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import Producer

from benchmarks.rig.broker import BenchBroker
from pg_streaming_machine_learning.demo.encoding import WindowEncoder
from pg_streaming_machine_learning.demo.pace import Pace
from pg_streaming_machine_learning.demo.revisions import GRID, RecordedWindows, Step
from pg_streaming_machine_learning.demo.worker import CHILD_MODULE, DemoWorker
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.registry import Registry
from services.topics import create_topic, partitions_of

__all__ = ["RECORDING", "Scene", "Sent"]

RECORDING = Path(__file__).parents[2] / "pg_streaming_machine_learning" / "demo" / "recording"
INPUT_PARTITIONS = 4
KINDS = ("INPUT", "LOG", "PREDICTIONS", "DEAD_LETTERS", "STATE", "PROGRESS")

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Sent:
    """What went into the input topic.

    Parameters
    ----------
    updates : int
        Records.
    windows : mapping of (str, int) to float
        When the last record of a host's window was sent, by host and window start; seconds since the epoch.
    """

    updates: int
    windows: Mapping[tuple[str, int], float]


@dataclass(frozen=True)
class Scene:
    """Topics of one run, and the settings that name them.

    Parameters
    ----------
    bootstrap : str
        The broker.
    settings : mapping of str to str
        The worker's.
    encoder : WindowEncoder
        Writes what goes in.
    """

    bootstrap: str
    settings: Mapping[str, str]
    encoder: WindowEncoder

    @classmethod
    def make(cls, broker: BenchBroker, registry_url: str, **settings: str) -> Scene:
        """Return a scene with topics of its own."""
        name = f"bench-{os.getpid()}-{next(_NUMBERS)}"
        topics = {f"{kind}_TOPIC": f"{name}-{kind.lower().replace('_', '-')}" for kind in KINDS}
        if broker.is_real:
            create_topic(broker.bootstrap, topics["INPUT_TOPIC"], INPUT_PARTITIONS)
        else:
            for topic in topics.values():
                partitions_of(broker.bootstrap, topic)  # asking for a topic makes it there
        effective = {
            "SIMPLE_SETTINGS": "settings",
            "KAFKA_BOOTSTRAP_SERVER": f"kafka://{broker.bootstrap}",
            "SCHEMA_REGISTRY_URL": registry_url,
            **topics,
            "APPLICATION_ID": name,
            "SNAPSHOT_KEY": "the key of the benchmarks",
            "TOPICS_CREATE": "true" if broker.is_real else "false",
            "CHECK_CRCS": "true" if broker.is_real else "false",
            "WINDOW_SIZE_S": str(GRID.size_ms // 1000),
            "WINDOW_HOP_S": str(GRID.hop_ms // 1000),
            "WINDOW_GRACE_S": str(GRID.size_ms // 1000),
            "IDLE_AFTER_S": "5",
            **settings,
        }
        partitions = partitions_of(broker.bootstrap, topics["INPUT_TOPIC"])
        ids = asyncio.run(_register(registry_url))
        return cls(broker.bootstrap, effective, WindowEncoder(*ids, partitions))

    def topic(self, kind: str) -> str:
        """Return the name of a topic: ``INPUT``, ``LOG``, ``PREDICTIONS``, ``STATE`` ..."""
        return self.settings[f"{kind}_TOPIC"]

    def partitions(self, kind: str) -> int:
        """Return how many partitions a topic has."""
        return partitions_of(self.bootstrap, self.topic(kind))

    def worker(self, directory: Path, module: str = CHILD_MODULE) -> DemoWorker:
        """Return a worker that was not started; what it prints is in ``worker.log`` of the directory."""
        return DemoWorker(self.settings, directory, directory / "worker.log", module)

    def send(self, windows: RecordedWindows, speed: float = 0.0, passes: int = 1) -> Sent:
        """Send a recording, at so many times real time or at once; return when it is in the topic.

        Each further pass is the same again, later.
        """
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "compression.type": "gzip", "linger.ms": 5, "acks": "all"}
        )
        pace, updates, last_ms = Pace(speed), 0, windows.start_ms
        sent: dict[tuple[str, int], float] = {}
        for step in _again_and_again(windows, passes):
            time.sleep(pace.wait_s(step.at_ms - last_ms, time.monotonic()))
            last_ms = step.at_ms
            for revision in step.revisions:
                encoded = self.encoder.encode(revision)
                producer.produce(
                    self.topic("INPUT"), encoded.value, encoded.key, encoded.partition, timestamp=_now_ms()
                )
                sent[revision.host, revision.window_start_ms] = time.time()
                updates += 1
            if len(producer) > 20_000:
                producer.flush(60)
            producer.poll(0)
        if producer.flush(60) > 0:
            raise TimeoutError("the broker did not take all records within 60 s")
        return Sent(updates, sent)


def _again_and_again(windows: RecordedWindows, passes: int) -> Iterator[Step]:
    """Yield the steps of all passes, each shifted behind the one before."""
    hops = -(-(windows.end_ms - windows.start_ms) // GRID.hop_ms)
    for number in range(passes):
        shift_ms = number * hops * GRID.hop_ms
        for step in windows.steps():
            revisions = (
                replace(each, window_start_ms=each.window_start_ms + shift_ms) for each in step.revisions
            )
            yield Step(step.at_ms + shift_ms, tuple(revisions))


def _now_ms() -> int:
    return int(time.time() * 1000)


async def _register(url: str) -> tuple[int, int]:
    registry = Registry(url)
    try:
        key_id = await registry.register("key", schema_of(FeatureKey))
        return key_id, await registry.register("value", schema_of(LabeledFeature))
    finally:
        await registry.aclose()
