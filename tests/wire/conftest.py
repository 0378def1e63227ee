"""What the tests of the wire share: schemas without a registry, and a registry that misbehaves."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pg_streaming_machine_learning.errors import Reason, RefusedRecord
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], AbstractAsyncContextManager[str]]


class KnownSchemas:
    """Writers' schemas by id, from files."""

    def __init__(self, files: dict[int, Path]) -> None:
        self.asked: list[int] = []
        self._schemas = {number: parse_writer_schema(path.read_text()) for number, path in files.items()}

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        self.asked.append(schema_id)
        if schema_id not in self._schemas:
            raise RefusedRecord(Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not known")
        return self._schemas[schema_id]


@pytest.fixture
def writers() -> Path:
    """Return where the schemas of writers are."""
    return Path(__file__).parent / "writers"


@pytest.fixture
def known_schemas(writers: Path) -> Callable[..., KnownSchemas]:
    """Return what makes a source of schemas, of names of files by id."""

    def make(**names: str) -> KnownSchemas:
        return KnownSchemas({int(number[1:]): writers / f"{name}.avsc" for number, name in names.items()})

    return make


@pytest.fixture
def serve() -> Serve:
    """Return what serves HTTP on a loopback port, answering every request as told."""

    @asynccontextmanager
    async def serving(answer: Answer) -> AsyncIterator[str]:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    return serving


@pytest.fixture
def unused_tcp_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
