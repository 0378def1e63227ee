"""One service of the shop: a process that answers HTTP requests and reports once a second.

Run as `python -m pg_streaming_machine_learning.testbed.service`. It talks with its parent in
lines of JSON: it says its port, is told everything else (`Orders`), then reports the requests
it answered and the bytes it moved. It ends when its standard input does, thus with its parent.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

from pg_streaming_machine_learning.testbed.effects import Effects
from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.shop import SENT_HEADER, SIZES, STAGES, WORK_SPREAD

REQUEST_HEAD_BYTES = 210
ANSWER_HEAD_BYTES = 160
"""Estimates of the first line and headers of a request and an answer, bytes."""

CALL_TIMEOUT_S = 20.0
_SLICE = bytes(1 << 14)


@dataclass(frozen=True, slots=True)
class Orders:
    """What a service is told before it begins.

    Parameters
    ----------
    service : str
        Which service it is.
    ports : dict of str to int
        Port of every service on loopback.
    faults : list of Fault
        The plan of the whole recording.
    start_ms : int
        Start of the recording, milliseconds since the epoch.
    seed : int
        Seed of its work and of the sizes of its answers.
    directory : str
        Where its disk fault writes.
    """

    service: str
    ports: dict[str, int]
    faults: list[Fault]
    start_ms: int
    seed: int
    directory: str

    def to_line(self) -> bytes:
        """Return the orders as a line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Orders:
        """Return the orders of a line of JSON."""
        fields: dict[str, Any] = json.loads(line)
        faults = [Fault(**{**fault, "kind": FaultKind(fault["kind"])}) for fault in fields["faults"]]
        return cls(**{**fields, "faults": faults})


class ShopService:
    """Answer requests: wait for what faults take, work, call others, answer.

    Parameters
    ----------
    orders : Orders
        What it is told.
    effects : Effects
        Its faults.
    session : ClientSession
        Its connections to other services.
    """

    def __init__(self, orders: Orders, effects: Effects, session: ClientSession) -> None:
        self._service = orders.service
        self._size = SIZES[orders.service]
        self._urls = {name: f"http://127.0.0.1:{port}/" for name, port in orders.ports.items()}
        self._effects = effects
        self._session = session
        self._random = random.Random(f"{orders.service} {orders.seed}")
        self._answered: list[tuple[int, int]] = []
        self._in_bytes = 0
        self._out_bytes = 0
        self._failures = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request, and note its response time since its caller sent it."""
        kind = request.path[1:]
        self._in_bytes += REQUEST_HEAD_BYTES
        await self._effects.before_work()
        self._work()
        try:
            for stage in STAGES.get((self._service, kind), ()):
                await asyncio.gather(*(self._call(service, kind) for service in stage))
            status = 200
        except (OSError, TimeoutError):
            self._failures += 1
            status = 503
        body = self._body() + await self._effects.answer_padding()
        self._out_bytes += ANSWER_HEAD_BYTES + len(body)
        done_ns = time.time_ns()
        sent_ns = int(request.headers[SENT_HEADER])
        self._answered.append((done_ns // 1_000_000, max(0, done_ns - sent_ns) // 1000))
        return web.Response(body=body, status=status)

    def report(self) -> dict[str, Any]:
        """Return what was answered since the last report, and bytes moved since the start."""
        answered, self._answered = self._answered, []
        return {
            "at_ms": time.time_ns() // 1_000_000,
            "answered": answered,
            "in_bytes": self._in_bytes,
            "out_bytes": self._out_bytes,
            "failures": self._failures,
        }

    def _spread(self) -> float:
        return math.exp(self._random.gauss(0.0, WORK_SPREAD))

    def _work(self) -> None:
        until = time.thread_time() + self._size.work_ms * self._spread() / 1000
        while time.thread_time() < until:
            hash(_SLICE[:512])

    def _body(self) -> bytes:
        return bytes(int(self._size.body_bytes * self._spread()))

    async def _call(self, service: str, kind: str) -> None:
        self._out_bytes += REQUEST_HEAD_BYTES
        headers = {SENT_HEADER: str(time.time_ns())}
        async with self._session.get(self._urls[service] + kind, headers=headers) as answer:
            body = await answer.read()
            self._in_bytes += ANSWER_HEAD_BYTES + len(body)
            if answer.status != 200:
                raise OSError(f"{service} answered {answer.status}")


async def serve() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    parent = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(parent), sys.stdin)
    shop: list[ShopService] = []

    async def answer(request: web.Request) -> web.Response:
        return await shop[0].answer(request)

    app = web.Application()
    app.router.add_get("/{kind}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    _say({"port": runner.addresses[0][1]})
    line = await parent.readline()
    if line:
        orders = Orders.from_line(line)
        effects = Effects(orders.service, orders.faults, orders.start_ms, Path(orders.directory))
        connector = TCPConnector(limit=0)
        timeout = ClientTimeout(total=CALL_TIMEOUT_S)
        async with ClientSession(connector=connector, timeout=timeout) as session:
            shop.append(ShopService(orders, effects, session))
            tasks = [asyncio.create_task(effects.keep_pace())]
            tasks.append(asyncio.create_task(_report_every_second(shop[0])))
            await parent.read()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            effects.close()
    await runner.cleanup()


async def _report_every_second(shop: ShopService) -> None:
    while True:
        await asyncio.sleep(1 - time.time() % 1)
        _say(shop.report())


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Run the service; an interrupt meant for the whole group is left to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(serve())
    except BrokenPipeError:
        sys.exit(1)


if __name__ == "__main__":
    main()
