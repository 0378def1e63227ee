"""Updates of every kind, and a store that has taken some, for the tests of open windows."""

from __future__ import annotations

from collections.abc import Iterator

from pg_streaming_machine_learning.records.update import (
    Duration,
    DurationsUpdate,
    LabelUpdate,
    Metric,
    Reading,
    ReadingsUpdate,
    SourcePlace,
    Update,
    WindowUpdate,
)
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.open_windows import OpenWindows
from pg_streaming_machine_learning.windows.store import ClosedWindow

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
DISK = Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
SIZE_MS, HOP_MS, GRACE_MS = 10, 5, 2
TRACES, SPANS = "pg-traces-telegraf", "pg-traces-software"
HOSTS = ("db", "web", "ä")


def opened(*updates: Update, size_ms: int = SIZE_MS, watermark_ms: int | None = None) -> OpenWindows:
    store = OpenWindows(HoppingWindows(size_ms, HOP_MS), GRACE_MS)
    for update in updates:
        store.add(update, watermark_ms)
    return store


def reading(at_ms: int, value: float = 1.0, host: str = "web", metric: Metric = CPU) -> ReadingsUpdate:
    return ReadingsUpdate(SourcePlace(TRACES, 0, 0), host, (Reading(metric, at_ms, value),))


def counters(host: str, *rows: tuple[str, int, float]) -> ReadingsUpdate:
    readings = tuple(Reading(DISK, at_ms, value, counter) for counter, at_ms, value in rows)
    return ReadingsUpdate(SourcePlace(TRACES, 0, 0), host, readings)


def span(start_ms: int, duration_us: int = 9, host: str = "web") -> DurationsUpdate:
    return DurationsUpdate(SourcePlace(SPANS, 0, 0), host, (Duration("orders", start_ms, duration_us),))


def label(start_ms: int, value: int, host: str = "web") -> LabelUpdate:
    return LabelUpdate(SourcePlace("targets", 0, 0), host, start_ms, value)


def revision(start_ms: int, value: float = 1.0, host: str = "web", topic: str = "labeled") -> WindowUpdate:
    return WindowUpdate(SourcePlace(topic, 0, 0), host, CPU, start_ms, (value,) * 11, 1)


def starts(closed: Iterator[ClosedWindow]) -> list[tuple[int, str]]:
    return [(each.window.start_ms, each.host) for each in closed]
