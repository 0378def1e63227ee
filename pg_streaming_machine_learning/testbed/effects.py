"""How a fault acts inside a service: what it adds to each request, and what it uses up.

Each effect makes a scarce thing scarcer, so that response times grow with load as they do in
earnest: the interpreter (processor, memory, disk), a link (network) or a lock.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
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

_LEAKED_BYTES = 87  # With its header such an object takes 120 bytes.
_SCANNED_PER_MS = (
    15_000  # What a search passes in a millisecond; measured, with the caches of a busy machine.
)
_SOUGHT = b"not leaked"

_BLOCK = b"\0" * 4096
_FILE_BYTES = 1 << 20

_HOG_THREADS = 2
_HOG_PERIOD_S = 0.020
_HOG_DUTY = 0.9
# A busy service would run away: it waits for the interpreter at every read and write.
_HOG_DUTY_WHEN_BUSY = {"gateway": 0.65, "catalog": 0.55, "recommend": 0.70}

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
    now_ms : callable
        The present time, milliseconds since the epoch.
    """

    def __init__(
        self,
        service: str,
        faults: Sequence[Fault],
        start_ms: int,
        directory: Path,
        now_ms: Callable[[], float] = lambda: time.time() * 1000,
    ) -> None:
        self._service = service
        self._now_ms = now_ms
        self._faults = [fault for fault in faults if fault.service == service]
        self._start_ms = start_ms
        self._lock = asyncio.Lock()
        self._link = asyncio.Lock()
        self._leaked: list[bytes] = []
        path = directory / f"{service}.journal"
        self._file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        path.unlink()
        self._written_bytes = 0
        self._written_s = 0.0
        self._closed = threading.Event()
        self._hogs: list[threading.Thread] = []

    def level(self, kind: FaultKind) -> float:
        """Return the present size of the faults of a kind, 0 to 1."""
        offset_ms = self._now_ms() - self._start_ms
        levels = (fault.level(offset_ms) for fault in self._faults if fault.kind is kind)
        return max(levels, default=0.0)

    def added_ms(self, kind: FaultKind) -> float:
        """Return what the faults of a kind add to a request now, milliseconds."""
        return self.level(kind) * full_added_ms(kind, self._service)

    async def before_work(self) -> None:
        """Hold the lock, search the leaked objects and write to disk, as far as faults say."""
        if self.level(FaultKind.LOCK) > 0:
            async with self._lock:
                # Asked again: who waited beyond the fault's end must not hold up those behind.
                await asyncio.sleep(self.added_ms(FaultKind.LOCK) / 1000)
        self._search_leaked()
        self._write_synced(self.added_ms(FaultKind.DISK))

    async def padding_bytes(self) -> int:
        """Wait for the slow link, and return by how much an answer grows; 0 without a fault."""
        if self.level(FaultKind.NETWORK) <= 0:
            return 0
        async with self._link:
            sent_ms = self.added_ms(FaultKind.NETWORK)
            await asyncio.sleep(sent_ms / 1000)
        return int(sent_ms / 1000 * LINK_BYTES_PER_S)

    async def keep_pace(self) -> None:
        """Grow and heal what lasts between requests, until cancelled."""
        while True:
            self.pace()
            await asyncio.sleep(_TICK_S)

    def pace(self) -> None:
        """Grow or heal the leak to its present size, and start threads that compete."""
        self._leak_to(self.added_ms(FaultKind.MEMORY))
        if self.level(FaultKind.PROCESSOR) > 0 and not self._hogs:
            self._start_hogs()

    @property
    def leaked_objects(self) -> int:
        """Return how many objects are leaked at present."""
        return len(self._leaked)

    @property
    def journal_bytes(self) -> int:
        """Return the length of the file that the disk fault writes."""
        return os.fstat(self._file).st_size

    @property
    def written_ms(self) -> int:
        """Return how long was written to disk so far, milliseconds."""
        return int(self._written_s * 1000)

    @property
    def competing_threads(self) -> int:
        """Return how many threads compete with requests for the interpreter, or stand by to."""
        return sum(thread.is_alive() for thread in self._hogs)

    def close(self) -> None:
        """Stop the threads and close the file; a second time does nothing."""
        if not self._closed.is_set():
            self._closed.set()
            for thread in self._hogs:
                thread.join()
            os.close(self._file)

    def _leak_to(self, scan_ms: float) -> None:
        wanted = int(scan_ms * _SCANNED_PER_MS)
        if wanted == 0 and self._leaked:
            self._leaked = []
        while len(self._leaked) < wanted:
            self._leaked.append(bytes(_LEAKED_BYTES))

    def _search_leaked(self) -> bool:
        return any(leaked.startswith(_SOUGHT) for leaked in self._leaked)

    def _write_synced(self, wanted_ms: float) -> None:
        if wanted_ms <= 0:
            return
        started_s = time.perf_counter()
        until = started_s + wanted_ms / 1000
        while time.perf_counter() < until:
            if self._written_bytes >= _FILE_BYTES:
                os.lseek(self._file, 0, os.SEEK_SET)
                self._written_bytes = 0
            self._written_bytes += os.write(self._file, _BLOCK)
            os.fsync(self._file)
        self._written_s += time.perf_counter() - started_s

    def _start_hogs(self) -> None:
        for _ in range(_HOG_THREADS):
            thread = threading.Thread(target=self._hog, daemon=True)
            self._hogs.append(thread)
            thread.start()

    def _hog(self) -> None:
        full_duty = _HOG_DUTY_WHEN_BUSY.get(self._service, _HOG_DUTY)
        while not self._closed.is_set():
            duty = full_duty * self.level(FaultKind.PROCESSOR)
            until = time.perf_counter() + duty * _HOG_PERIOD_S
            while time.perf_counter() < until:
                pass
            if duty > 0:
                time.sleep((1 - duty) * _HOG_PERIOD_S)
            else:
                self._closed.wait(_TICK_S)
