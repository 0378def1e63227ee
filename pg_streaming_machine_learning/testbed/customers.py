"""The customers: send requests when the load says, whether earlier ones are answered or not."""

from __future__ import annotations

import asyncio
import time

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from pg_streaming_machine_learning.testbed.load import Arrivals
from pg_streaming_machine_learning.testbed.service import CALL_TIMEOUT_S
from pg_streaming_machine_learning.testbed.shop import MIX, REQUEST_HEADER, SENT_HEADER

MOST_IN_FLIGHT = 1000
"""Requests that may wait at once, unless told otherwise."""


class Customers:
    """Send the requests of a load to the entry of the shop.

    Parameters
    ----------
    port : int
        Where the entry listens, on loopback.
    arrivals : Arrivals
        What to send when.
    most_in_flight : int
        Requests that may wait at once; more are dropped, so that a run-away ends.

    Attributes
    ----------
    sent, failed, dropped : int
        Requests sent so far; of these answered other than with 200, or not in time; not sent.
    """

    def __init__(self, port: int, arrivals: Arrivals, most_in_flight: int = MOST_IN_FLIGHT) -> None:
        self._most_in_flight = most_in_flight
        self._url = f"http://127.0.0.1:{port}/"
        self._arrivals = arrivals
        self._waiting: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.failed = 0
        self.dropped = 0

    async def run(self, load_start_ms: int) -> None:
        """Send every request at its time after the start of the load, then wait for the last."""
        connector = TCPConnector(limit=0)
        timeout = ClientTimeout(total=CALL_TIMEOUT_S)
        names = [name for name, _ in MIX]
        async with ClientSession(connector=connector, timeout=timeout) as session:
            try:
                for offset_s, kind in zip(self._arrivals.times_s, self._arrivals.kinds, strict=True):
                    wait_s = load_start_ms / 1000 + float(offset_s) - time.time()
                    if wait_s > 0:
                        await asyncio.sleep(wait_s)
                    self._send(session, names[int(kind)])
                if self._waiting:
                    await asyncio.wait(self._waiting, timeout=1.0)
            finally:
                for task in self._waiting:
                    task.cancel()
                await asyncio.gather(*self._waiting, return_exceptions=True)

    def _send(self, session: ClientSession, kind: str) -> None:
        if len(self._waiting) >= self._most_in_flight:
            self.dropped += 1
            return
        self.sent += 1
        task = asyncio.create_task(self._visit(session, kind, self.sent))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _visit(self, session: ClientSession, kind: str, number: int) -> None:
        headers = {SENT_HEADER: str(time.time_ns()), REQUEST_HEADER: str(number)}
        try:
            async with session.get(self._url + kind, headers=headers) as answer:
                await answer.read()
                self.failed += answer.status != 200
        except (ClientError, OSError, asyncio.TimeoutError):
            self.failed += 1
