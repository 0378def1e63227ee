"""The processes of the shop: started, told their orders, listened to, and always ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.faults import Fault
from pg_streaming_machine_learning.testbed.orders import Orders
from pg_streaming_machine_learning.testbed.reports import Report
from pg_streaming_machine_learning.testbed.shop import SERVICES

_LONGEST_LINE_BYTES = 1 << 24
_START_TIMEOUT_S = 30.0
_END_TIMEOUT_S = 5.0
_MODULE = "pg_streaming_machine_learning.testbed.service"


class ShopProcesses:
    """A process for each service; use it as an asynchronous context.

    Parameters
    ----------
    keeps_texts : bool
        Whether reports keep the messages of spans, not only their digests: an hour of them takes 200 MB.

    Attributes
    ----------
    ports : dict of str to int
        Port of every service on loopback.
    reports : dict of str to list of Report
        What each service has reported.

    Notes
    -----
    Leaving the context ends every process. Should this process be killed, the services see
    their standard input end, and leave by themselves.
    """

    def __init__(self, keeps_texts: bool = False) -> None:
        self._keeps_texts = keeps_texts
        self._processes: list[Process] = []
        self._reported = asyncio.Event()
        self.ports: dict[str, int] = {}
        self.reports: dict[str, list[Report]] = {service: [] for service in SERVICES}

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids, in the order of the services."""
        return tuple(process.pid for process in self._processes)

    @property
    def ended(self) -> tuple[str, ...]:
        """Return the services whose process has ended."""
        pairs = zip(SERVICES, self._processes, strict=False)
        return tuple(service for service, process in pairs if process.returncode is not None)

    async def __aenter__(self) -> ShopProcesses:
        try:
            for _ in SERVICES:
                self._processes.append(await self._start())
            for service, process in zip(SERVICES, self._processes, strict=True):
                self.ports[service] = await _told_port(service, process)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._end()

    async def order(self, faults: Sequence[Fault], start_ms: int, seed: int, directory: Path) -> None:
        """Tell every service what it is and where the others are."""
        for service, process in zip(SERVICES, self._processes, strict=True):
            orders = Orders(service, self.ports, tuple(faults), start_ms, seed, str(directory))
            stdin = _stdin(process)
            stdin.write(orders.to_line())
            await stdin.drain()

    async def has_reported(self, count: int) -> None:
        """Wait until every service has reported so many times; somebody must `listen` meanwhile."""
        while min(map(len, self.reports.values())) < count:
            self._reported.clear()
            await self._reported.wait()

    async def listen(self) -> None:
        """Gather the reports of all services until they end."""
        pairs = zip(SERVICES, self._processes, strict=True)
        await asyncio.gather(*(self._listen_to(service, process) for service, process in pairs))

    async def _start(self) -> Process:
        # A session of its own, so that Ctrl-C reaches this process alone, which ends the others.
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _MODULE,
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST_LINE_BYTES,
            start_new_session=True,
            # So that a service imports what this process does, wherever that comes from.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    async def _listen_to(self, service: str, process: Process) -> None:
        while line := await _stdout(process).readline():
            self.reports[service].append(Report.from_line(line, self._keeps_texts))
            self._reported.set()

    async def _end(self) -> None:
        for process in self._processes:
            _stdin(process).close()
        await asyncio.gather(*(_ended(process) for process in self._processes))


async def _ended(process: Process) -> None:
    """Wait until a process has ended, which it does by itself or is made to."""
    try:
        await asyncio.wait_for(process.wait(), _END_TIMEOUT_S)
    except asyncio.TimeoutError:
        process.kill()
        await process.wait()


async def _told_port(service: str, process: Process) -> int:
    line = await asyncio.wait_for(_stdout(process).readline(), _START_TIMEOUT_S)
    if not line:
        raise RecordingError(f"service {service!r} ended before it said its port")
    return int(json.loads(line)["port"])


def _stdin(process: Process) -> asyncio.StreamWriter:
    if process.stdin is None:
        raise RuntimeError("service has no standard input")
    return process.stdin


def _stdout(process: Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise RuntimeError("service has no standard output")
    return process.stdout
