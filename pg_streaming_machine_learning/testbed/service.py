"""One service of the shop: a process that answers HTTP requests and reports once a second.

Run as `python -m pg_streaming_machine_learning.testbed.service`. It talks with its parent in
lines of JSON: it says its port, is told everything else (`Orders`), then reports the spans of the requests
it answered, and what it moved (`reports.Report`). It ends when its standard input does, thus with its parent.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

from pg_streaming_machine_learning.testbed.effects import Effects
from pg_streaming_machine_learning.testbed.orders import Orders
from pg_streaming_machine_learning.testbed.shop import (
    MIX,
    REQUEST_HEADER,
    SENT_HEADER,
    SIZES,
    STAGES,
    WORK_SPREAD,
)
from pg_streaming_machine_learning.testbed.span_reporter import SpanReporter
from pg_streaming_machine_learning.testbed.span_text import SpanNumbers

REQUEST_HEAD_BYTES = 210
ANSWER_HEAD_BYTES = 160
"""Estimates of the first line and headers of a request and an answer, bytes."""

CALL_TIMEOUT_S = 20.0
_SLICE = bytes(1 << 14)
_LONGEST_ORDERS_BYTES = 1 << 20
_KINDS = {kind: number for number, (kind, _) in enumerate(MIX)}


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
        self._spans = SpanReporter(orders.service, orders.seed)
        self._in_bytes = 0
        self._out_bytes = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, and make a span of it, which lasts since its caller sent it."""
        kind, number = request.path[1:], request.headers[REQUEST_HEADER]
        self._in_bytes += REQUEST_HEAD_BYTES
        await self._effects.before_work()
        self._work()
        try:
            for stage in STAGES.get((self._service, kind), ()):
                await asyncio.gather(*(self._call(service, kind, number) for service in stage))
            status = 200
        except (ClientError, OSError, asyncio.TimeoutError):
            status = 503
        body = self._body()
        padding_bytes = await self._effects.padding_bytes()
        self._out_bytes += ANSWER_HEAD_BYTES + len(body) + padding_bytes
        done_ns = time.time_ns()
        sent_ns = int(request.headers[SENT_HEADER])
        duration_us = max(0, done_ns - sent_ns) // 1000
        self._spans.add(
            SpanNumbers(int(number), _KINDS[kind], done_ns // 1000, duration_us, int(status != 200))
        )
        if padding_bytes == 0:
            return web.Response(body=body, status=status)
        return await _send_padded(request, status, body, padding_bytes)

    def report(self) -> dict[str, Any]:
        """Return the spans since the last report, and what was moved since the start."""
        numbers, texts = self._spans.take()
        return {
            "at_ms": time.time_ns() // 1_000_000,
            "spans": numbers,
            "texts": texts,
            "bytes_recv": self._in_bytes,
            "bytes_sent": self._out_bytes,
            "read_time": 0,
            "write_time": self._effects.written_ms,
        }

    def _spread(self) -> float:
        return math.exp(self._random.gauss(0.0, WORK_SPREAD))

    def _work(self) -> None:
        # Processor time, not time passed: a request takes longer when others want the core.
        until = time.thread_time() + self._size.work_ms * self._spread() / 1000
        while time.thread_time() < until:
            hash(_SLICE[:512])

    def _body(self) -> bytes:
        return bytes(int(self._size.body_bytes * self._spread()))

    async def _call(self, service: str, kind: str, number: str) -> None:
        self._out_bytes += REQUEST_HEAD_BYTES
        headers = {SENT_HEADER: str(time.time_ns()), REQUEST_HEADER: number}
        async with self._session.get(self._urls[service] + kind, headers=headers) as answer:
            body = await answer.read()
            self._in_bytes += ANSWER_HEAD_BYTES + len(body)
            if answer.status != 200:
                raise OSError(f"{service} answered {answer.status}")


async def _send_padded(
    request: web.Request, status: int, body: bytes, padding_bytes: int
) -> web.StreamResponse:
    """Send a long answer in slices, so that a network fault does not look like a leak."""
    response = web.StreamResponse(status=status)
    response.content_length = len(body) + padding_bytes
    await response.prepare(request)
    await response.write(body)
    for start in range(0, padding_bytes, len(_SLICE)):
        await response.write(_SLICE[: padding_bytes - start])
    return response


async def serve() -> None:
    """Serve until standard input ends."""
    parent = asyncio.StreamReader(limit=_LONGEST_ORDERS_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(parent), sys.stdin)
    shop: list[ShopService] = []
    runner = await _listen(shop)
    try:
        _say({"port": runner.addresses[0][1]})
        line = await parent.readline()
        if line:
            await _serve_until_end(parent, Orders.from_line(line), shop)
    finally:
        await runner.cleanup()


async def _listen(shop: list[ShopService]) -> web.AppRunner:
    """Listen on a free port of loopback, for requests that the first of `shop` will answer."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await shop[0].answer(request)

    app = web.Application()
    app.router.add_get("/{kind}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def _serve_until_end(parent: asyncio.StreamReader, orders: Orders, shop: list[ShopService]) -> None:
    effects = Effects(orders.service, orders.faults, orders.start_ms, Path(orders.directory))
    timeout = ClientTimeout(total=CALL_TIMEOUT_S)
    async with ClientSession(connector=TCPConnector(limit=0), timeout=timeout) as session:
        shop.append(ShopService(orders, effects, session))
        tasks = [
            asyncio.create_task(effects.keep_pace()),
            asyncio.create_task(_report_every_second(shop[0])),
        ]
        await parent.read()
        # Requests that are cut off by the end are no error.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        effects.close()


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
