"""How a fault acts inside a service: what it adds to each request, and what it uses up.

Each effect makes a scarce thing scarcer, so that response times grow with load as they do in
earnest: the interpreter (processor, memory, disk), a link (network) or a lock.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.load import LoadShape
from pg_streaming_machine_learning.testbed.shop import SIZES

LINK_BYTES_PER_S = 10_000_000
"""Speed of the link that answers share while the network is slow."""

_OCCUPANCY_AND_CAP: dict[FaultKind, tuple[float, float]] = {
    FaultKind.MEMORY: (0.40, 2.9),
    FaultKind.DISK: (0.55, 4.5),
    FaultKind.NETWORK: (0.55, 4.5),
    FaultKind.LOCK: (0.60, 4.5),
}
"""Share of time the scarce thing is taken at mean load, and most response times added."""

_LEAKED_BYTES = 87
_BLOCK = b"\0" * 4096
_FILE_BYTES = 1 << 20
_HOG_PERIOD_S = 0.020
_HOG_DUTY = 0.9
_TICK_S = 0.25


def full_added_ms(kind: FaultKind, service: str) -> float:
    """Return what a full fault adds to each request of a service, milliseconds.

    Notes
    -----
    The smaller of `occupancy / rate` and `cap * response time`: the first keeps the queue from
    running away on a busy service, the second keeps an idle one from standing still. A
    processor fault adds nothing itself; its threads compete with the request for time.
    """
    if kind is FaultKind.PROCESSOR:
        return 0.0
    occupancy, cap = _OCCUPANCY_AND_CAP[kind]
    size = SIZES[service]
    return min(1000 * occupancy / (LoadShape().rate_per_s * size.share), cap * size.response_ms)


class Effects:
    """The faults of one service, applied to each of its requests.

    Parameters
    ----------
    service : str
        The service.
    faults : sequence of Fault
        Its faults; those of other services are passed over.
    start_ms : int
        Start of the recording, milliseconds since the epoch.
    directory : Path
        Where the disk fault writes; its file stays below 1 MiB and is removed at once, so
        nothing is left even after a kill.
    """

    def __init__(
        self, service: str, faults: Sequence[Fault], start_ms: int, directory: Path
    ) -> None:
        self._service = service
        self._faults = [fault for fault in faults if fault.service == service]
        self._start_ms = start_ms
        self._lock = asyncio.Lock()
        self._link = asyncio.Lock()
        self._leaked: list[bytes] = []
        self._scan_ms_per_object = _measure_scan_ms_per_object()
        path = directory / f"{service}.journal"
        self._file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        path.unlink()
        self._written_bytes = 0
        self._closed = threading.Event()
        self._hogs: list[threading.Thread] = []

    def level(self, kind: FaultKind) -> float:
        """Return the present size of the faults of a kind, 0 to 1."""
        offset_ms = time.time() * 1000 - self._start_ms
        levels = (fault.level(offset_ms) for fault in self._faults if fault.kind is kind)
        return max(levels, default=0.0)

    def added_ms(self, kind: FaultKind) -> float:
        """Return what the faults of a kind add to a request now, milliseconds."""
        return self.level(kind) * full_added_ms(kind, self._service)

    async def before_work(self) -> None:
        """Hold the lock, search the leaked objects and write to disk, as far as faults say."""
        held_ms = self.added_ms(FaultKind.LOCK)
        if held_ms > 0:
            async with self._lock:
                await asyncio.sleep(held_ms / 1000)
        if self._leaked:
            _ = b"absent" in self._leaked
        self._write_synced(self.added_ms(FaultKind.DISK))

    async def answer_padding(self) -> bytes:
        """Send padding over the slow link and return it; empty without a network fault."""
        sent_ms = self.added_ms(FaultKind.NETWORK)
        if sent_ms <= 0:
            return b""
        async with self._link:
            await asyncio.sleep(sent_ms / 1000)
        return bytes(int(sent_ms / 1000 * LINK_BYTES_PER_S))

    async def keep_pace(self) -> None:
        """Grow and heal what lasts between requests, leak and threads, until cancelled."""
        try:
            while True:
                self._leak_to(self.added_ms(FaultKind.MEMORY))
                if self.level(FaultKind.PROCESSOR) > 0 and not self._hogs:
                    self._start_hogs()
                await asyncio.sleep(_TICK_S)
        finally:
            self.close()

    def close(self) -> None:
        """Stop the threads and close the file."""
        if not self._closed.is_set():
            self._closed.set()
            os.close(self._file)

    def _leak_to(self, scan_ms: float) -> None:
        wanted = int(scan_ms / self._scan_ms_per_object)
        if wanted == 0 and self._leaked:
            self._leaked = []
        while len(self._leaked) < wanted:
            self._leaked.append(bytes(_LEAKED_BYTES))

    def _write_synced(self, wanted_ms: float) -> None:
        until = time.perf_counter() + wanted_ms / 1000
        while time.perf_counter() < until:
            if self._written_bytes >= _FILE_BYTES:
                os.lseek(self._file, 0, os.SEEK_SET)
                self._written_bytes = 0
            self._written_bytes += os.write(self._file, _BLOCK)
            os.fsync(self._file)

    def _start_hogs(self) -> None:
        # One thread suffices at the gateway: it waits for the interpreter at every call it makes.
        for _ in range(1 if self._service == "gateway" else 2):
            thread = threading.Thread(target=self._hog, daemon=True)
            self._hogs.append(thread)
            thread.start()

    def _hog(self) -> None:
        while not self._closed.is_set():
            duty = _HOG_DUTY * self.level(FaultKind.PROCESSOR)
            until = time.perf_counter() + duty * _HOG_PERIOD_S
            while time.perf_counter() < until:
                pass
            time.sleep((1 - duty) * _HOG_PERIOD_S if duty > 0 else _TICK_S)


def _measure_scan_ms_per_object() -> float:
    """Return how long a search takes per leaked object, milliseconds, best of three."""
    objects = [bytes(_LEAKED_BYTES) for _ in range(200_000)]
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        _ = b"absent" in objects
        best = min(best, time.perf_counter() - started)
    return best * 1000 / len(objects)
