"""What readings cost in the window store: memory, and time from the update to the statistics of its windows.

Hosts have six metrics, read every 10 s, in windows of 1800 s every 60 s: each reading lies in 30 of them. The
store is filled until its first windows close; then some minutes of event time are timed, and the state is
stored and read again. Each number of hosts has a process of its own, so that memory is its own.

    python benchmarks/readings.py [hosts ...]
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from pg_streaming_machine_learning.records.update import Metric, Reading, ReadingsUpdate, SourcePlace
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.windows.open_windows import OpenWindows
from pg_streaming_machine_learning.windows.summaries import summarize_all
from pg_streaming_machine_learning.windows.summary import summarize

HOSTS = (10, 1000, 10_000)
METRICS = tuple(
    Metric(*symbols)
    for symbols in (
        ("CPU", "UTILIZATION", "PERCENT"),
        ("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND"),
        ("DISK_WRITE", "THROUGHPUT", "BYTES_PER_SECOND"),
        ("MEMORY", "UTILIZATION", "PERCENT"),
        ("NETWORK_IN", "THROUGHPUT", "BYTES_PER_SECOND"),
        ("NETWORK_OUT", "THROUGHPUT", "BYTES_PER_SECOND"),
    )
)
WINDOWS = HoppingWindows(size_ms=1_800_000, hop_ms=60_000)
EVERY_MS = 10_000
READINGS_TIMED = 500_000


@dataclass(frozen=True)
class Taken:
    """What one number of hosts came to: sizes in bytes, processor time in seconds.

    Parameters
    ----------
    readings_kept, windows_open : int
        At the end.
    memory_bytes, peak_bytes : int
        Of the filled store; and the most while it was stored and read again.
    readings, add_s : int, float
        Readings timed, and how long it took to add them.
    closed, close_s : int, float
        Windows of a host that closed meanwhile, and how long that and their statistics took.
    longest_ms : float
        The longest from one closed window to the next.
    stored_bytes, store_s, restore_s : int, float, float
        Of the state.
    """

    readings_kept: int
    windows_open: int
    memory_bytes: int
    peak_bytes: int
    readings: int
    add_s: float
    closed: int
    close_s: float
    longest_ms: float
    stored_bytes: int
    store_s: float
    restore_s: float


def updates_at(timestamp_ms: int, hosts: list[str], chance: random.Random) -> Iterator[ReadingsUpdate]:
    """Yield what every host reads at a time."""
    place = SourcePlace("pg-traces-telegraf", 0, timestamp_ms)
    for host in hosts:
        yield ReadingsUpdate(
            place, host, tuple(Reading(metric, timestamp_ms, chance.gauss(50.0, 10.0)) for metric in METRICS)
        )


def measure(count: int) -> Taken:
    """Fill a store with the readings of a number of hosts, and time some minutes more."""
    chance = random.Random(1)
    hosts = [f"host-{number:05}.example" for number in range(count)]
    process = psutil.Process()
    before_bytes = process.memory_info().rss
    store = OpenWindows(WINDOWS, grace_ms=0)
    watermark_ms = timestamp_ms = 0
    while timestamp_ms < WINDOWS.size_ms + 2 * WINDOWS.hop_ms:
        for update in updates_at(timestamp_ms, hosts, chance):
            store.add(update, watermark_ms)
        timestamp_ms += EVERY_MS
        watermark_ms = WINDOWS.last_start(timestamp_ms)
        for _ in store.close(watermark_ms):
            pass
    memory_bytes = process.memory_info().rss - before_bytes
    readings = closed = 0
    add_s = close_s = longest_s = 0.0
    while readings < READINGS_TIMED:
        for _ in range(WINDOWS.hop_ms // EVERY_MS):
            updates = list(updates_at(timestamp_ms, hosts, chance))
            begin_s = time.process_time()
            for update in updates:
                store.add(update, watermark_ms)
            add_s += time.process_time() - begin_s
            readings += count * len(METRICS)
            timestamp_ms += EVERY_MS
        watermark_ms = WINDOWS.last_start(timestamp_ms)
        begin_s = last_s = time.process_time()
        for _ in store.close(watermark_ms):
            closed += 1
            now_s = time.process_time()
            longest_s = max(longest_s, now_s - last_s)
            last_s = now_s
        close_s += time.process_time() - begin_s
    begin_s = time.process_time()
    parts = store.snapshot()
    store_s = time.process_time() - begin_s
    begin_s = time.process_time()
    OpenWindows(WINDOWS, grace_ms=0).restore(parts)
    restore_s = time.process_time() - begin_s
    return Taken(
        readings_kept=len(store._readings),
        windows_open=len(store),
        memory_bytes=memory_bytes,
        peak_bytes=_peak_bytes() - before_bytes,
        readings=readings,
        add_s=add_s,
        closed=closed,
        close_s=close_s,
        longest_ms=1000 * longest_s,
        stored_bytes=sum(map(len, parts.values())),
        store_s=store_s,
        restore_s=restore_s,
    )


def _peak_bytes() -> int:
    """Return the most memory this process has had, as Linux counts it."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return psutil.Process().memory_info().rss


def statistics_table() -> None:
    """Print how long the statistics of a window take, one by one and many at once."""
    chance = random.Random(1)
    print("| readings in a window | one by one, µs | 24 at once, µs each | 96 at once, µs each |")
    print("| ---: | ---: | ---: | ---: |")
    for length in (10, 180, 1800):
        series = [np.array([chance.gauss(50.0, 10.0) for _ in range(length)]) for _ in range(96)]
        begin_s = time.process_time()
        for readings in series:
            summarize(readings.tolist())
        figures = [(time.process_time() - begin_s) / len(series)]
        for together in (24, 96):
            begin_s = time.process_time()
            for _ in range(10):
                summarize_all(series[:together])
            figures.append((time.process_time() - begin_s) / 10 / together)
        print(f"| {length:,} | {' | '.join(f'{1e6 * figure:.1f}' for figure in figures)} |")


def cells(taken: Taken) -> list[str]:
    """Return the cells of a row of the table."""
    return [
        f"{taken.readings_kept:,}",
        f"{taken.windows_open:,}",
        f"{taken.memory_bytes / 1e6:.0f}",
        f"{taken.memory_bytes / taken.readings_kept:.1f}",
        f"{1e6 * taken.add_s / taken.readings:.2f}",
        f"{1e6 * taken.close_s / taken.readings:.2f}",
        f"{taken.readings / (taken.add_s + taken.close_s):,.0f}",
        f"{taken.longest_ms:.1f}",
        f"{taken.stored_bytes / 1e6:.1f}",
        f"{taken.store_s:.2f}",
        f"{taken.restore_s:.2f}",
        f"{taken.peak_bytes / 1e6:.0f}",
    ]


def main() -> None:
    counts = [int(each) for each in sys.argv[1:]] or list(HOSTS)
    statistics_table()
    print(
        "\n| hosts | readings kept | open windows | MB | bytes a reading | µs to add one "
        "| µs of closing, a reading | readings/s | longest step ms "
        "| stored MB | store s | restore s | peak MB |"
    )
    print("| ---: " * 13 + "|")
    context = multiprocessing.get_context("spawn")
    for count in counts:
        with context.Pool(1) as pool:
            taken = pool.apply(measure, (count,))
        print(f"| {count:,} | {' | '.join(cells(taken))} |", flush=True)


if __name__ == "__main__":
    main()
