"""The registry client against a real HTTP server that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pg_streaming_machine_learning.errors import (
    Reason,
    RefusedRecord,
    RegistryError,
    RegistryUnavailable,
    SettingsError,
)
from pg_streaming_machine_learning.wire.registry import Registry
from pg_streaming_machine_learning.wire.writer_schema import record_name

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], AbstractAsyncContextManager[str]]

FEATURE = {"type": "record", "name": "pg.streaming.schema.Feature", "fields": []}
NOT_FOUND = (404, {"error_code": 40403, "message": "Schema not found"})
KNOWN = (200, {"schema": json.dumps(FEATURE)})


class Script:
    """Answers requests with one thing after another, and the last for ever; notes what was asked."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json")


class Clock:
    """A wall clock moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_600_000_000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_schema_is_asked_for_once_and_remembered(serve: Serve) -> None:
    script = Script(KNOWN)

    async def ask_often() -> None:
        async with serve(script.answer) as url:
            registry = Registry(url)
            found = await asyncio.gather(*[registry.schema(7) for _ in range(20)])
            found.append(await registry.schema(7))
            assert {record_name(schema) for schema in found} == {"pg.streaming.schema.Feature"}

    asyncio.run(ask_often())
    assert script.asked == ["GET /schemas/ids/7"]


def test_id_zero_is_an_id(serve: Serve) -> None:
    script = Script(KNOWN)

    async def ask() -> None:
        async with serve(script.answer) as url:
            await Registry(url).schema(0)

    asyncio.run(ask())
    assert script.asked == ["GET /schemas/ids/0"]


@pytest.mark.parametrize(
    "fault",
    [
        (500, {"error_code": 50001, "message": "Error in the backend data store"}),
        (503, "<html>no server is available</html>"),
        (429, {"error_code": 42901, "message": "too many requests"}),
        (401, {"error_code": 401, "message": "Unauthorized"}),
        (404, "<html>no such page</html>"),
        (404, {"error_code": 404, "message": "HTTP 404 Not Found"}),
        (404, {"message": "no route matched"}),
        (404, ["neither"]),
        (200, "<html>please log in</html>"),
        (200, {"something": "else"}),
        (200, [1, 2]),
        (200, ""),
        (301, ""),
    ],
    ids=lambda fault: f"{fault[0]}-{str(fault[1])[:20]}",
)
def test_a_passing_fault_decides_nothing(serve: Serve, fault: tuple[int, Any]) -> None:
    """However old the record is: the schema may exist."""
    script = Script(fault, fault, KNOWN)

    async def ask() -> None:
        async with serve(script.answer) as url:
            registry = Registry(url)
            for _ in range(2):
                with pytest.raises(RegistryUnavailable, match="cannot get schema id 7"):
                    await registry.schema(7, record_time_s=0)
            assert record_name(await registry.schema(7)) == "pg.streaming.schema.Feature"

    asyncio.run(ask())


def test_a_registry_that_hangs_is_unavailable(serve: Serve) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    async def ask() -> None:
        async with serve(hang) as url:
            registry = Registry(url, timeout_s=0.2)
            for question in (registry.schema(7), registry.ping(), registry.register("s", FEATURE)):
                with pytest.raises(RegistryUnavailable):
                    await question

    asyncio.run(ask())


def test_a_registry_that_drips_is_unavailable(serve: Serve) -> None:
    """Each byte comes in time, the whole answer does not."""

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    async def ask() -> None:
        async with serve(drip) as url:
            with pytest.raises(RegistryUnavailable):
                await Registry(url, timeout_s=0.3).schema(7)

    asyncio.run(ask())


def test_a_connection_that_is_cut_is_unavailable(serve: Serve) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def ask() -> None:
        async with serve(cut) as url:
            with pytest.raises(RegistryUnavailable, match="cannot get schema id 7"):
                await Registry(url).schema(7)

    asyncio.run(ask())


def test_a_registry_that_refuses_connections_is_unavailable(unused_tcp_port: int) -> None:
    async def ask() -> None:
        registry = Registry(f"http://127.0.0.1:{unused_tcp_port}")
        for question in (registry.schema(7), registry.ping(), registry.lookup("s", FEATURE)):
            with pytest.raises(RegistryUnavailable, match=f"at http://127.0.0.1:{unused_tcp_port}"):
                await question

    asyncio.run(ask())


def test_an_unknown_id_of_a_new_record_may_appear(serve: Serve) -> None:
    script, clock = Script(NOT_FOUND, NOT_FOUND, KNOWN), Clock()

    async def ask() -> None:
        async with serve(script.answer) as url:
            registry = Registry(url, now=clock)
            for _ in range(2):
                with pytest.raises(RegistryUnavailable, match="schema id 7 is not known yet"):
                    await registry.schema(7, record_time_s=clock.now_s)
                clock.now_s += 14
            assert record_name(await registry.schema(7)) == "pg.streaming.schema.Feature"

    asyncio.run(ask())
    assert len(script.asked) == 3


def test_an_unknown_id_is_refused_in_the_end_and_not_asked_for_again_soon(serve: Serve) -> None:
    script, clock = Script(NOT_FOUND), Clock()

    async def ask() -> None:
        async with serve(script.answer) as url:
            registry = Registry(url, now=clock)
            with pytest.raises(RegistryUnavailable):
                await registry.schema(7, record_time_s=clock.now_s)
            clock.now_s += 30
            for _ in range(3):
                with pytest.raises(
                    RefusedRecord, match="schema id 7 is not known to the registry"
                ) as refused:
                    await registry.schema(7, record_time_s=clock.now_s)
                assert refused.value.reason is Reason.UNKNOWN_SCHEMA
            assert len(script.asked) == 2

            clock.now_s += 300
            script.answers = [KNOWN]
            await registry.schema(7, record_time_s=clock.now_s)

    asyncio.run(ask())


def test_unknown_ids_of_old_records_are_refused_at_once(serve: Serve) -> None:
    """A burst of them does not keep the good records behind it waiting."""
    script, clock = Script(NOT_FOUND), Clock()

    async def ask() -> None:
        async with serve(script.answer) as url:
            registry = Registry(url, now=clock)
            clock.now_s += 60
            for schema_id in range(100, 150):
                with pytest.raises(RefusedRecord):
                    await registry.schema(schema_id, record_time_s=clock.now_s - 45)

    asyncio.run(ask())


@pytest.mark.parametrize("schema_id", [2**31, 2**32 - 1])
def test_ids_that_no_registry_gives_are_not_asked_for(serve: Serve, schema_id: int) -> None:
    """They would be negative numbers to the registry, which may answer anything."""
    script = Script((500, "cannot parse the id"))

    async def ask() -> None:
        async with serve(script.answer) as url:
            with pytest.raises(RefusedRecord, match=f"schema id {schema_id} is not known"):
                await Registry(url).schema(schema_id)

    asyncio.run(ask())
    assert script.asked == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"schema": "{}", "schemaType": "PROTOBUF"}, "schema id 7: the writer's schema is 'PROTOBUF'"),
        ({"schema": "{}"}, "schema id 7: the writer's schema cannot be read: KeyError"),
        ({"schema": None}, "schema id 7: the writer's schema cannot be read"),
        (
            {"schema": '"missing.Reference"', "references": []},
            "schema id 7: the writer's schema cannot be read",
        ),
    ],
)
def test_what_is_no_avro_schema_is_refused_for_ever(serve: Serve, answer: Any, message: str) -> None:
    script = Script((200, answer))

    async def ask() -> None:
        async with serve(script.answer) as url:
            registry = Registry(url)
            for _ in range(2):
                with pytest.raises(RefusedRecord, match=message) as refused:
                    await registry.schema(7)
                assert refused.value.reason is Reason.WRONG_SCHEMA

    asyncio.run(ask())
    assert script.asked == ["GET /schemas/ids/7"]


@pytest.mark.parametrize("name", ["labeled_feature_jvm", "labeled_feature_string_defaults"])
def test_schemas_with_invalid_defaults_are_read(serve: Serve, writers: Path, name: str) -> None:
    script = Script((200, {"schema": (writers / f"{name}.avsc").read_text()}))

    async def ask() -> None:
        async with serve(script.answer) as url:
            assert record_name(await Registry(url).schema(7)) == "pg.streaming.schema.LabeledFeature"

    asyncio.run(ask())


def test_who_gives_up_asking_does_not_disturb_others(serve: Serve) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await go_on.wait()
        return web.json_response(KNOWN[1])

    async def ask() -> None:
        async with serve(wait) as url:
            registry = Registry(url)
            impatient = asyncio.ensure_future(registry.schema(7))
            patient = asyncio.ensure_future(registry.schema(7))
            await arrived.wait()
            impatient.cancel()
            go_on.set()
            assert record_name(await patient) == "pg.streaming.schema.Feature"
            assert impatient.cancelled()

    asyncio.run(ask())


def test_closing_ends_the_questions_underway(serve: Serve) -> None:
    arrived = asyncio.Event()

    async def hang(request: web.Request) -> web.StreamResponse:
        arrived.set()
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")

    async def ask() -> None:
        async with serve(hang) as url:
            registry = Registry(url)
            question = asyncio.ensure_future(registry.schema(7))
            await arrived.wait()
            await registry.aclose()
            with pytest.raises(asyncio.CancelledError):
                await question

    asyncio.run(ask())


def test_a_schema_is_registered_unless_it_is_already(serve: Serve) -> None:
    known = (200, {"subject": "s", "id": 3, "version": 1, "schema": "{}"})

    async def register(*answers: tuple[int, Any]) -> tuple[int, list[str]]:
        script = Script(*answers)
        async with serve(script.answer) as url:
            return await Registry(url).register("s", FEATURE), script.asked

    assert asyncio.run(register(NOT_FOUND, (200, {"id": 4}))) == (
        4,
        ["POST /subjects/s", "POST /subjects/s/versions"],
    )
    assert asyncio.run(register(known)) == (3, ["POST /subjects/s"])


def test_a_schema_is_looked_up(serve: Serve) -> None:
    async def look_up(answer: tuple[int, Any]) -> int | None:
        async with serve(Script(answer).answer) as url:
            return await Registry(url).lookup("s", FEATURE)

    assert asyncio.run(look_up((200, {"subject": "s", "id": 0, "version": 1, "schema": "{}"}))) == 0
    assert asyncio.run(look_up(NOT_FOUND)) is None


@pytest.mark.parametrize("code", [401, 403, 409, 422])
def test_a_refusal_to_register_is_for_good(serve: Serve, code: int) -> None:
    async def register() -> None:
        async with serve(
            Script(NOT_FOUND, (code, {"error_code": code, "message": "no, since"})).answer
        ) as url:
            with pytest.raises(RegistryError, match=f"answered {code} .*no, since") as refused:
                await Registry(url).register("s", FEATURE)
            assert not refused.value.retriable

    asyncio.run(register())


@pytest.mark.parametrize(
    "fault", [(500, {}), (429, {}), (404, "<html>"), (200, "<html>"), (200, {}), (200, [])], ids=str
)
def test_a_passing_fault_while_registering_is_told_as_such(serve: Serve, fault: tuple[int, Any]) -> None:
    async def register() -> None:
        for script in (Script(fault), Script(NOT_FOUND, fault)):
            async with serve(script.answer) as url:
                with pytest.raises(RegistryUnavailable, match="cannot register the schema of 's'"):
                    await Registry(url).register("s", FEATURE)

    asyncio.run(register())


def test_ping_tells_a_registry_from_other_servers(serve: Serve) -> None:
    async def ping(answer: tuple[int, Any]) -> None:
        async with serve(Script(answer).answer) as url:
            await Registry(url).ping()

    asyncio.run(ping((200, ["a-value"])))
    with pytest.raises(RegistryUnavailable, match="is not a schema registry"):
        asyncio.run(ping((200, {"welcome": "to my server"})))
    with pytest.raises(RegistryUnavailable, match="cannot list the subjects"):
        asyncio.run(ping((200, "<html>")))
    with pytest.raises(RegistryError, match="answered 401"):
        asyncio.run(ping((401, {"error_code": 401, "message": "Unauthorized"})))


def test_a_password_is_sent_and_not_told(serve: Serve) -> None:
    credentials: list[str | None] = []

    async def unauthorized(request: web.Request) -> web.StreamResponse:
        credentials.append(request.headers.get("Authorization"))
        return web.json_response({"error_code": 401, "message": "Unauthorized"}, status=401)

    async def ask() -> None:
        async with serve(unauthorized) as url:
            registry = Registry(url.replace("//", "//joe:secret@"))
            for question in (registry.ping(), registry.schema(7)):
                with pytest.raises(RegistryError, match="http://127") as error:
                    await question
                assert "secret" not in str(error.value)

    asyncio.run(ask())
    assert credentials == ["Basic am9lOnNlY3JldA=="] * 2


@pytest.mark.parametrize(
    "url", ["", "localhost:8081", "ftp://registry", "http://", "http://[::1", "//joe:secret@x"]
)
def test_what_is_no_address_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="expected http://host:port") as error:
        Registry(url)

    assert "secret" not in str(error.value)
