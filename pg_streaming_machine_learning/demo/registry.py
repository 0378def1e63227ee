"""A small Schema Registry in this process, with the part of Confluent's interface that clients of Avro use.

Schemas are kept in memory. Left out: deleting, schema references, modes, authentication, and other kinds of
schemas than Avro.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from aiohttp import web

from pg_streaming_machine_learning.demo.compatibility import LEVELS, is_compatible
from pg_streaming_machine_learning.demo.subjects import Refusal, Subjects, parsed

__all__ = ["DemoRegistry"]

_CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"


class DemoRegistry:
    """A registry on a loopback port: ``async with``, or `start_in_thread`.

    Parameters
    ----------
    port : int
        Port to listen on; 0 for any that is free.

    Examples
    --------
    >>> with DemoRegistry.start_in_thread() as registry:
    ...     registry.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> DemoRegistry:
        runner = web.AppRunner(_application(Subjects()), access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self._runner = runner
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @classmethod
    @contextmanager
    def start_in_thread(cls, port: int = 0) -> Iterator[DemoRegistry]:
        """Serve from a thread of its own, for programs without an event loop."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="demo-registry", daemon=True)
        thread.start()
        try:
            registry = asyncio.run_coroutine_threadsafe(cls(port).__aenter__(), loop).result()
            try:
                yield registry
            finally:
                asyncio.run_coroutine_threadsafe(registry.__aexit__(None, None, None), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _application(subjects: Subjects) -> web.Application:
    requests = _Requests(subjects)
    application = web.Application(middlewares=[_errors])
    application.add_routes(
        [
            web.get("/", requests.root),
            web.get("/schemas/types", requests.types),
            web.get("/schemas/ids/{id}", requests.by_id),
            web.get("/schemas/ids/{id}/schema", requests.text_by_id),
            web.get("/schemas/ids/{id}/versions", requests.users),
            web.get("/subjects", requests.subjects),
            web.post("/subjects/{subject}", requests.look_up),
            web.get("/subjects/{subject}/versions", requests.versions),
            web.post("/subjects/{subject}/versions", requests.register),
            web.get("/subjects/{subject}/versions/{version}", requests.version),
            web.get("/subjects/{subject}/versions/{version}/schema", requests.text_of_version),
            web.post("/compatibility/subjects/{subject}/versions/{version}", requests.compatibility),
            web.get("/config", requests.level),
            web.put("/config", requests.set_level),
            web.get("/config/{subject}", requests.level),
            web.put("/config/{subject}", requests.set_level),
        ]
    )
    return application


class _Requests:
    """The interface: each method answers one request."""

    def __init__(self, subjects: Subjects) -> None:
        self._subjects = subjects

    async def root(self, request: web.Request) -> web.Response:
        return _json({})

    async def types(self, request: web.Request) -> web.Response:
        return _json(["AVRO"])

    async def by_id(self, request: web.Request) -> web.Response:
        # Confluent's takes a `subject` to search first; what only another one has is found all the same.
        return _json({"schema": self._subjects.schema(request.match_info["id"])})

    async def text_by_id(self, request: web.Request) -> web.Response:
        return _json(json.loads(self._subjects.schema(request.match_info["id"])))

    async def users(self, request: web.Request) -> web.Response:
        self._subjects.schema(request.match_info["id"])
        number = int(request.match_info["id"])
        return _json(
            [
                {"subject": subject, "version": ids.index(number) + 1}
                for subject, ids in self._subjects.subjects.items()
                if number in ids
            ]
        )

    async def subjects(self, request: web.Request) -> web.Response:
        return _json(sorted(self._subjects.subjects))

    async def look_up(self, request: web.Request) -> web.Response:
        subject = request.match_info["subject"]
        ids = self._subjects.versions(subject)
        number = self._subjects.id_of(await _schema_sent(request))
        if number not in ids:
            raise Refusal(40403, "Schema not found")
        return _json(self._subjects.described(subject, ids.index(number) + 1))

    async def versions(self, request: web.Request) -> web.Response:
        ids = self._subjects.versions(request.match_info["subject"])
        return _json(list(range(1, len(ids) + 1)))

    async def register(self, request: web.Request) -> web.Response:
        text = await _schema_sent(request)
        return _json({"id": self._subjects.register(request.match_info["subject"], text)})

    async def version(self, request: web.Request) -> web.Response:
        subject = request.match_info["subject"]
        version = self._subjects.version(subject, request.match_info["version"])
        return _json(self._subjects.described(subject, version))

    async def text_of_version(self, request: web.Request) -> web.Response:
        subject = request.match_info["subject"]
        version = self._subjects.version(subject, request.match_info["version"])
        return _json(json.loads(self._subjects.described(subject, version)["schema"]))

    async def compatibility(self, request: web.Request) -> web.Response:
        subject = request.match_info["subject"]
        new = parsed(await _schema_sent(request))
        version = self._subjects.version(subject, request.match_info["version"])
        old = [
            parsed(self._subjects.described(subject, number)["schema"]) for number in range(1, version + 1)
        ]
        level = self._subjects.levels.get(subject, self._subjects.level)
        return _json({"is_compatible": is_compatible(level, new, old)})

    async def level(self, request: web.Request) -> web.Response:
        subject = request.match_info.get("subject")
        if subject is None:
            return _json({"compatibilityLevel": self._subjects.level})
        if subject not in self._subjects.levels:
            raise Refusal(40408, f"Subject '{subject}' does not have subject-level compatibility configured")
        return _json({"compatibilityLevel": self._subjects.levels[subject]})

    async def set_level(self, request: web.Request) -> web.Response:
        level = (await _body(request)).get("compatibility")
        if level not in LEVELS:
            raise Refusal(42203, f"Invalid compatibility level. Valid values are {', '.join(LEVELS)}")
        subject = request.match_info.get("subject")
        if subject is None:
            self._subjects.level = level
        else:
            self._subjects.levels[subject] = level
        return _json({"compatibility": level})


@web.middleware
async def _errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Tell every error as Confluent's registry does, that of an unknown path too."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _json({"error_code": refusal.code, "message": refusal.message}, refusal.status)
    except web.HTTPException as error:
        return _json(
            {"error_code": error.status, "message": f"HTTP {error.status} {error.reason}"}, error.status
        )


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.text())
    except ValueError as error:
        raise Refusal(400, f"Malformed JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal(422, "expected a JSON object")
    return body


async def _schema_sent(request: web.Request) -> str:
    """Return the schema in the body of a request, which is checked."""
    body = await _body(request)
    text, kind = body.get("schema"), body.get("schemaType", "AVRO")
    if kind != "AVRO" or not isinstance(text, str):
        raise Refusal(42201, f"Invalid schema of type {kind}, expected the JSON text of an Avro schema")
    parsed(text)
    return text


def _json(answer: Any, status: int = 200) -> web.Response:
    return web.Response(text=json.dumps(answer), status=status, content_type=_CONTENT_TYPE)
