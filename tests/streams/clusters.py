"""Topics in memory as workers leave them behind, and what may happen to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY, StoredState
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.streams.batch import TopicPlace
from tests.streams.stand_ins import Cluster
from tests.streams.workers import INPUT, LOG, SETTINGS, MemoryWorker

__all__ = ["OFTEN", "PROGRESS", "STATE", "change", "cluster_of", "generations", "stored", "trim", "worked"]

STATE = ("state", 0)
PROGRESS = ("progress", 0)
OFTEN = replace(SETTINGS, snapshot_every_updates=20)


def cluster_of(log: Sequence[bytes] = (), lines: Sequence[bytes] = ()) -> Cluster:
    """Return a cluster with a log, and an input partition."""
    cluster = Cluster()
    for value in log:
        cluster.put(LOG, None, value)
    for line in lines:
        cluster.put(INPUT, None, line)
    return cluster


def trim(cluster: Cluster, place: TopicPlace, begin: int) -> None:
    """Delete the records of a partition before an offset."""
    del cluster.topics[place][: begin - cluster.begin.get(place, 0)]
    cluster.begin[place] = begin


def worked(cluster: Cluster, *, to: int, size: int = 10, settings: Settings = OFTEN) -> MemoryWorker:
    """Return a worker that took the log over and read it up to an offset; it may have crashed there."""
    worker = MemoryWorker(cluster, settings)
    worker.take_over(LOG)
    worker.read(LOG, size, to)
    return worker


def stored(cluster: Cluster) -> StoredState:
    """Return what the state topic holds."""
    return StoredState.from_records(cluster.read_state(*STATE))


def change(cluster: Cluster, key: bytes, value: bytes | None) -> None:
    """Put another value at a key of the state topic, as somebody may who has access to it."""
    cluster.put(STATE, key, value)


def generations(cluster: Cluster) -> list[int]:
    """Return the generations of the progress that was written, each once."""
    found = [
        EngineProgress.from_bytes(record.value or b"").generation
        for record in cluster.records(*STATE)
        if record.key == PROGRESS_KEY
    ]
    return sorted(set(found))
