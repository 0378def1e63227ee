"""Windows made up from a seed, as the labeling job would send them: six metrics of each host, once each.

They come hop by hop, all hosts of a hop together. What is slow (label 1, one in five) has higher readings, so
that there is something to learn. The last hop, of hosts of its own, only lets the others close: a partition
tells how far it has come by it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from confluent_kafka import Producer

from benchmarks.rig.scene import Scene
from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.wire.codec import AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.partition import partition_of
from pg_streaming_machine_learning.wire.registry import Registry
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key

__all__ = ["GRACE_S", "HOP_S", "METRICS", "SIZE_S", "Fleet", "Hop", "register", "send", "send_apart"]

SIZE_S, HOP_S, GRACE_S = 10, 5, 0
FIRST_MS = 1_700_000_000_000
SLOW = 0.2
METRICS = tuple(
    (TraceMetric(metric), TraceMeasure(measure), TraceUnit(unit))
    for metric, measure, unit in (
        ("CPU", "UTILIZATION", "PERCENT"),
        ("MEMORY", "UTILIZATION", "MEGABYTES"),
        ("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND"),
        ("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND"),
        ("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND"),
        ("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND"),
    )
)

_Record = tuple[int, bytes, bytes]
"""Partition, key, value."""

_LABELS = (b"\x00", b"\x02")
"""An Avro int, zigzag."""


@dataclass(frozen=True)
class Hop:
    """What is sent for the windows that start at one time."""

    start_ms: int
    records: list[_Record]


class Fleet:
    """Hosts with six metrics each.

    Parameters
    ----------
    hosts : int
        How many.
    key_id, value_id : int
        Ids of the schemas in the registry.
    partitions : int
        Of the input topic.
    seed : int
        Of all that is random.
    """

    def __init__(self, hosts: int, key_id: int, value_id: int, partitions: int, seed: int) -> None:
        self.hosts = hosts
        self._keys = AvroEncoder(FeatureKey, key_id)
        self._begin = bytes(1) + value_id.to_bytes(4, "big")
        self._partitions = partitions
        self._random = np.random.default_rng(seed)
        self._order = random.Random(seed)
        self._inner = [self._of_host(f"host-{number:05}") for number in range(hosts)]

    def hops(self, count: int) -> Iterator[Hop]:
        """Yield the hops of all hosts, and behind them the one that lets them close."""
        for number in range(count):
            start_ms = FIRST_MS + number * HOP_S * 1000
            yield Hop(start_ms, self._records(self._inner, start_ms))
        start_ms = FIRST_MS + (count - 1) * HOP_S * 1000 + (SIZE_S + GRACE_S) * 1000
        yield Hop(start_ms, self._records(self._everywhere(), start_ms))

    def _records(self, hosts: list[list[tuple[bytes, int]]], start_ms: int) -> list[_Record]:
        """Return the windows of hosts that start at a time."""
        slow = (self._random.random(len(hosts)) < SLOW).astype(np.int64)
        values = self._random.normal(1.0, 0.25, (len(hosts), len(METRICS), 11))
        values += slow[:, None, None] * 0.5
        data = values.astype("<f8").tobytes()
        records: list[_Record] = []
        at = 0
        for inner, label in zip(hosts, slow.tolist(), strict=True):
            for key, partition in inner:
                value = self._begin + data[at : at + 88] + _LABELS[label]
                records.append((partition, encode_windowed_key(key, start_ms), value))
                at += 88
        return records

    def _of_host(self, host: str) -> list[tuple[bytes, int]]:
        """Return inner key and partition of each metric of a host."""
        keys = [self._keys.encode(FeatureKey(host, *metric)) for metric in METRICS]
        return [(key, partition_of(key, self._partitions)) for key in keys]

    def _everywhere(self) -> list[list[tuple[bytes, int]]]:
        """Return hosts that have a metric in every partition."""
        hosts = list[list[tuple[bytes, int]]]()
        met = set[int]()
        while len(met) < self._partitions:
            hosts.append(self._of_host(f"last-{len(hosts)}"))
            met |= {partition for _, partition in hosts[-1]}
        return hosts


def send(
    bootstrap: str, topic: str, fleet: Fleet, hops: int, windows_per_s: float | None = None
) -> dict[int, float]:
    """Send hops; return when each window start was sent in all partitions, seconds since the epoch.

    Parameters
    ----------
    bootstrap, topic
        Where to.
    fleet : Fleet
        What.
    hops : int
        How many.
    windows_per_s : float or None
        How fast; None for as fast as it goes.
    """
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "compression.type": "gzip",
            "compression.level": 1,
            "linger.ms": 0 if windows_per_s else 20,
            "acks": "all",
            "queue.buffering.max.messages": 200_000,
        }
    )
    sent: dict[int, float] = {}
    begin_s = time.monotonic()
    for number, hop in enumerate(fleet.hops(hops)):
        if windows_per_s is not None:
            time.sleep(max(0.0, begin_s + number * fleet.hosts / windows_per_s - time.monotonic()))
        met = set[int]()
        for partition, key, value in hop.records:
            if partition not in met:
                met.add(partition)
                sent[hop.start_ms] = time.time()
            while True:
                try:
                    producer.produce(topic, value, key, partition)
                except BufferError:  # noqa: PERF203
                    producer.poll(0.1)
                else:
                    break
        producer.poll(0)
    if producer.flush(120) > 0:
        raise TimeoutError("the broker did not take all records within 120 s")
    return sent


def send_apart(
    scene: Scene, hosts: int, seed: int, hops: int, windows_per_s: float | None = None
) -> dict[int, float]:
    """Send what a fleet has to the input topic of a scene, in a process of its own or not: see `send`."""
    fleet = Fleet(hosts, *register(scene.settings["SCHEMA_REGISTRY_URL"]), scene.partitions("INPUT"), seed)
    return send(scene.bootstrap, scene.topic("INPUT"), fleet, hops, windows_per_s)


def register(url: str) -> tuple[int, int]:
    """Return the ids of the schemas of key and value."""

    async def ask() -> tuple[int, int]:
        registry = Registry(url)
        try:
            key_id = await registry.register("key", schema_of(FeatureKey))
            return key_id, await registry.register("value", schema_of(LabeledFeature))
        finally:
            await registry.aclose()

    return asyncio.run(ask())
