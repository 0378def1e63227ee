"""Record the testbed: run the shop under its load and faults, and write what happened."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.customers import Customers
from pg_streaming_machine_learning.testbed.description import README_FILE, describe
from pg_streaming_machine_learning.testbed.faults import FaultTimes
from pg_streaming_machine_learning.testbed.gathering import gather
from pg_streaming_machine_learning.testbed.load import plan_arrivals
from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.processes import ShopProcesses
from pg_streaming_machine_learning.testbed.readings import Reading, ResourceMeter
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.testbed.shop import ENTRY

WARM_UP_S = 10
"""Load before the recording starts, seconds; the services' first requests are slow."""

LEAST_FREE_BYTES = 100_000_000
"""Room on the disk without which no recording starts, bytes."""

_PROGRESS_EVERY_S = 5.0


def record(
    out: Path,
    *,
    minutes: float = 65.0,
    seed: int = 1,
    quiet_minutes: float = 5.0,
    progress: Callable[[str], None] = print,
    warm_up_s: int = WARM_UP_S,
    fault_times: FaultTimes | None = None,
) -> Recording:
    """Run the testbed and write its recording.

    Parameters
    ----------
    out : Path
        Directory of the recording; one that exists is replaced once the new one is complete.
    minutes, quiet_minutes : float
        Length, and the first part of it without faults.
    seed : int
        Seed of faults, load and work; another seed makes another recording.
    progress : callable
        Told every few seconds how far it is.
    warm_up_s : int
        Load before the recording starts, seconds.
    fault_times : FaultTimes, optional
        Bounds of the fault plan; None takes the usual ones.

    Returns
    -------
    Recording
        What was written.

    Raises
    ------
    RecordingError
        If length and quiet part do not go together, the disk has too little room, or a service ends early.
    KeyboardInterrupt
        At Ctrl-C or SIGTERM. The services have ended by then, what was written is gone, `out` is as it was.
    """
    plan = RunPlan.draw(minutes, quiet_minutes, seed, fault_times)
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(out.parent).free
    if free_bytes < LEAST_FREE_BYTES:
        raise RecordingError(f"disk has {free_bytes} bytes free, expected at least {LEAST_FREE_BYTES}")
    with _interrupted_by_signals(), _scratch_beside(out) as scratch:
        recording = asyncio.run(_run(plan, scratch, warm_up_s, progress))
        progress("writing")
        written = scratch / "recording"
        recording.save(written)
        (written / README_FILE).write_text(describe(recording), encoding="utf-8")
        if out.exists():
            out.rename(scratch / "former")
        written.rename(out)
    progress(f"wrote {len(recording.spans.spans)} spans and {len(plan.faults)} faults")
    return recording


async def _run(plan: RunPlan, scratch: Path, warm_up_s: int, progress: Callable[[str], None]) -> Recording:
    async with ShopProcesses() as shop:
        load_start_ms = (time.time_ns() // 1_000_000_000 + 2) * 1000
        start_ms = load_start_ms + warm_up_s * 1000
        await shop.order(plan.faults, start_ms, plan.seed, scratch)
        listening = asyncio.create_task(shop.listen())
        arrivals = plan_arrivals(plan.seed, warm_up_s + plan.minutes * 60)
        customers = Customers(shop.ports[ENTRY], arrivals)
        coming = asyncio.create_task(customers.run(load_start_ms))
        try:
            readings = await _read_every_second(shop, start_ms, start_ms + plan.length_ms, progress)
            await coming
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        # The services' last reports come with the next second.
        await asyncio.sleep(1.5 - time.time() % 1)
    await listening
    meta = {
        "minutes": plan.minutes,
        "quiet_minutes": plan.quiet_minutes,
        "customer_requests": customers.sent,
        "customer_requests_failed": customers.failed,
        "customer_requests_dropped": customers.dropped,
        "cores": os.cpu_count(),
        "nice": os.nice(0),
    }
    return gather(plan, start_ms, shop.reports, readings, meta)


async def _read_every_second(
    shop: ShopProcesses, start_ms: int, end_ms: int, progress: Callable[[str], None]
) -> list[Reading]:
    """Return the readings taken at each full second of the recording, the first at its start."""
    meter = ResourceMeter(shop.pids)
    readings: list[Reading] = []
    last_progress_s = -math.inf
    while (now_ms := time.time_ns() // 1_000_000) < end_ms:
        await asyncio.sleep(1 - time.time() % 1)
        if shop.ended:
            raise RecordingError(f"services ended early: {', '.join(shop.ended)}")
        reading = meter.read(time.time_ns() // 1_000_000)
        if reading is not None and start_ms - 500 < reading.at_ms < end_ms + 500:
            readings.append(reading)
        if time.monotonic() - last_progress_s >= _PROGRESS_EVERY_S:
            last_progress_s = time.monotonic()
            other_load_percent = reading.other_load_percent if reading is not None else 0.0
            progress(_progress_line(now_ms, start_ms, end_ms, other_load_percent))
    return readings


def _progress_line(now_ms: int, start_ms: int, end_ms: int, other_load_percent: float) -> str:
    if now_ms < start_ms:
        return f"warming up, recording starts in {(start_ms - now_ms) / 1000:.0f} s"
    done_s, left_s = (now_ms - start_ms) // 1000, (end_ms - now_ms) // 1000
    return (
        f"recorded {done_s // 60}:{done_s % 60:02d}, {left_s // 60}:{left_s % 60:02d} remain, "
        f"other load of the machine {other_load_percent:.0f} %"
    )


@contextmanager
def _scratch_beside(out: Path) -> Iterator[Path]:
    """Give a directory on the same disk, so that renaming suffices in the end, and remove it."""
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        yield Path(scratch)


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, and Ctrl-C even where a shell has it ignored in the background.

    Outside of the main thread signals are somebody else's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _interrupt(signal_number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
