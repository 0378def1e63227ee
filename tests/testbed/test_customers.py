from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
from aiohttp import web

from pg_streaming_machine_learning.testbed.customers import Customers
from pg_streaming_machine_learning.testbed.load import Arrivals
from pg_streaming_machine_learning.testbed.shop import REQUEST_HEADER, SENT_HEADER

Handler = Callable[[web.Request], Awaitable[web.Response]]


def visit(handler: Handler, kinds: list[int], most_in_flight: int = 100) -> Customers:
    """Let customers of given kinds come at once to a server with one handler."""

    async def run() -> Customers:
        app = web.Application()
        app.router.add_get("/{kind}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        arrivals = Arrivals(np.zeros(len(kinds)), np.array(kinds, dtype=np.int64))
        customers = Customers(runner.addresses[0][1], arrivals, most_in_flight)
        try:
            await customers.run(load_start_ms=time.time_ns() // 1_000_000)
        finally:
            await runner.cleanup()
        return customers

    return asyncio.run(run())


def test_customers_ask_for_what_the_load_says() -> None:
    """Each request names what is asked for, its number, and when it was sent."""
    asked: list[str] = []
    numbers: list[str] = []
    sent_ns: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        sent_ns.append(int(request.headers[SENT_HEADER]))
        numbers.append(request.headers[REQUEST_HEADER])
        return web.Response()

    before_ns = time.time_ns()
    customers = visit(answer, [0, 1, 2, 0])
    assert sorted(asked) == ["/browse", "/browse", "/cart", "/order"]
    assert sorted(numbers) == ["1", "2", "3", "4"]
    assert all(before_ns <= one_ns <= time.time_ns() for one_ns in sent_ns)
    assert (customers.sent, customers.failed, customers.dropped) == (4, 0, 0)


def test_failures_are_counted() -> None:
    """An answer other than 200 is a failure, not an error of the recorder."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=503 if request.path == "/order" else 200)

    customers = visit(answer, [0, 2, 2])
    assert (customers.sent, customers.failed, customers.dropped) == (3, 2, 0)


def test_requests_beyond_the_most_in_flight_are_dropped() -> None:
    """A shop that does not answer must not gather requests without end."""
    first = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        first.set()
        return web.Response()

    customers = visit(answer, [0, 0, 0, 0, 0], most_in_flight=2)
    assert (customers.sent, customers.dropped) == (2, 3)
    assert first.is_set()
