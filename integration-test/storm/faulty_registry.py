"""What can go wrong with a registry, in front of one that works."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any

import httpx
from aiohttp import web

__all__ = ["FAULTS", "FaultyRegistry"]

FAULTS = ("500", "429", "hanging", "refused", "wrong JSON")
"""What `FaultyRegistry.fault` may be, besides nothing."""

_NOT_FOUND = {"error_code": 40403, "message": "Schema not found"}


class FaultyRegistry:
    """Passes requests on to a registry, or fails as told; from a thread of its own.

    Parameters
    ----------
    target : str
        Address of the registry that works.

    Attributes
    ----------
    url : str
        Its address.
    asked : int
        Requests that met a fault so far.
    """

    def __init__(self, target: str) -> None:
        self.url = ""
        self.asked = 0
        self._target = target
        self._fault: str | None = None
        self._hidden: set[int] = set()
        self._healed: asyncio.Event
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner

    def __enter__(self) -> FaultyRegistry:
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-registry", daemon=True)
        self._thread.start()
        self._call(self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.heal()
        self._call(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def fail(self, fault: str) -> None:
        """Fail in one of the ways of `FAULTS` until `heal`."""
        if fault not in FAULTS:
            raise ValueError(f"fault is {fault!r}, expected one of {FAULTS}")
        self._call(self._set, fault)

    def hide(self, schema_id: int) -> None:
        """Do not know a schema id until `heal`."""
        self._hidden.add(schema_id)

    def heal(self) -> None:
        """Work again, and know all ids."""
        self._hidden.clear()
        self._call(self._set, None)

    def _call(self, function: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        async def call() -> None:
            await function(*arguments)

        future: Future[None] = asyncio.run_coroutine_threadsafe(call(), self._loop)
        future.result(30)

    async def _start(self) -> None:
        self._healed = asyncio.Event()
        self._healed.set()
        self._client = httpx.AsyncClient(base_url=self._target, timeout=10)
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._client.aclose()

    async def _set(self, fault: str | None) -> None:
        self._fault = fault
        if fault is None:
            self._healed.set()
        else:
            self._healed.clear()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self._fault is not None:
            self.asked += 1
            return await self._fail(request, self._fault)
        if any(request.path.startswith(f"/schemas/ids/{number}") for number in self._hidden):
            self.asked += 1
            return web.json_response(_NOT_FOUND, status=404)
        return await self._pass_on(request)

    async def _fail(self, request: web.Request, fault: str) -> web.StreamResponse:
        if fault == "500":
            return web.json_response({"error_code": 50001, "message": "Error in the backend"}, status=500)
        if fault == "429":
            return web.Response(status=429, text="Too Many Requests", headers={"Retry-After": "1"})
        if fault == "wrong JSON":
            return web.Response(text='{"schema": ', content_type="application/json")
        if fault == "hanging":
            await self._healed.wait()
        # What was hanging is reset in the end, what is refused is reset at once.
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers: Mapping[str, str] = {"Content-Type": request.headers.get("Content-Type", "application/json")}
        answer = await self._client.request(
            request.method,
            str(request.rel_url),
            content=await request.read(),
            headers=dict(headers),
        )
        return web.Response(
            body=answer.content,
            status=answer.status_code,
            content_type="application/vnd.schemaregistry.v1+json",
        )
