"""The Schema Registry, as this application uses it: schemas by id, and ours registered.

Over python-schema-registry-client's asynchronous client; what that raises, or does not, is made into our
errors here. Nothing is tried twice in this module: whoever asks decides how long to wait.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from schema_registry.client import AsyncSchemaRegistryClient
from schema_registry.client.errors import ClientError

from pg_streaming_machine_learning.errors import (
    Reason,
    RefusedRecord,
    RegistryError,
    RegistryUnavailable,
    SettingsError,
)
from pg_streaming_machine_learning.wire.unknown_ids import UnknownIds
from pg_streaming_machine_learning.wire.writer_schema import parse_writer_schema

__all__ = ["Registry"]

TIMEOUT_S = 10.0
"""One request, all in all."""

GREATEST_ID = 2**31 - 1
"""Ids are signed numbers of four bytes to the registries: nothing above was ever given out."""

_PASSING = frozenset({408, 425, 429})
"""Answers below 500 after which the same request may succeed."""

Answer = TypeVar("Answer")


class Registry:
    """A Schema Registry at an address.

    Parameters
    ----------
    url : str
        Its address, ``http`` or ``https``; may hold a user and a password.
    client : AsyncSchemaRegistryClient, optional
        To be used instead of one made from the address.
    now : callable
        The wall clock, seconds since the epoch.
    timeout_s : float
        How long to wait for an answer.

    Raises
    ------
    SettingsError
        If the address is none.
    """

    def __init__(
        self,
        url: str,
        *,
        client: AsyncSchemaRegistryClient | None = None,
        now: Callable[[], float] = time.time,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._place = _without_credentials(url)
        self._client = _client(url, timeout_s) if client is None else client
        self._now = now
        self._timeout_s = timeout_s
        self._schemas: dict[int, Any] = {}
        self._refusals: dict[int, RefusedRecord] = {}
        self._unknown = UnknownIds(now())
        self._asking: dict[int, asyncio.Task[Any]] = {}

    async def schema(self, schema_id: int, record_time_s: float | None = None) -> Any:
        """Return the schema of an id, parsed, fit to decode with (`parse_writer_schema`).

        An id is asked for once, however many ask at the same time, and remembered for ever.

        Parameters
        ----------
        schema_id : int
            The id, from a record's header.
        record_time_s : float or None
            When the record was written, seconds since the epoch (`UnknownIds`).

        Raises
        ------
        RefusedRecord
            `Reason.UNKNOWN_SCHEMA` if the id is unknown and was waited for, `Reason.WRONG_SCHEMA` if it is
            not the id of an Avro schema.
        RegistryUnavailable
            If there was no answer, or the id may yet become known.
        """
        if schema_id in self._schemas:
            return self._schemas[schema_id]
        refusal = self._refusals.get(schema_id)
        if refusal is not None:
            raise RefusedRecord(refusal.reason, refusal.detail)
        now_s = self._now()
        if schema_id > GREATEST_ID or self._unknown.is_refused(schema_id, now_s):
            raise self._not_known(schema_id)
        schema = await self._ask_once(schema_id)
        if schema is not None:
            self._unknown.found(schema_id)
            return schema
        if self._unknown.given_up(schema_id, record_time_s, self._now()):
            raise self._not_known(schema_id)
        raise RegistryUnavailable(f"schema id {schema_id} is not known yet to the registry at {self._place}")

    async def register(self, subject: str, schema: dict[str, Any]) -> int:
        """Register a schema under a subject, if it is not, and return its id.

        Raises
        ------
        RegistryError
            If the registry refuses it.
        RegistryUnavailable
            If there was no sensible answer.
        """
        with self._our_errors(f"register the schema of {subject!r}"):
            return int(await self._in_time(self._client.register(subject, schema)))

    async def lookup(self, subject: str, schema: dict[str, Any]) -> int | None:
        """Return the id of a schema under a subject, None if it is not registered there.

        Raises
        ------
        RegistryError
            If the registry refuses the question.
        RegistryUnavailable
            If there was no sensible answer.
        """
        with self._our_errors(f"look up the schema of {subject!r}"):
            found = await self._in_time(self._client.check_version(subject, schema))
            return None if found is None else int(found.schema_id)

    async def ping(self) -> None:
        """Ask for the subjects, to see that a registry is there.

        Raises
        ------
        RegistryError
            If it refuses us.
        RegistryUnavailable
            If nothing that is a registry answers.
        """
        with self._our_errors("list the subjects"):
            subjects = await self._in_time(self._client.get_subjects())
        if not isinstance(subjects, list):
            raise RegistryUnavailable(f"what answers at {self._place} is not a schema registry")

    async def aclose(self) -> None:
        """Stop asking."""
        for task in list(self._asking.values()):
            task.cancel()
            await asyncio.wait([task])

    async def _ask_once(self, schema_id: int) -> Any:
        """Return the parsed schema, None if the registry does not know the id; share a question underway."""
        task = self._asking.get(schema_id)
        if task is None:
            task = self._asking[schema_id] = asyncio.ensure_future(self._ask(schema_id))
            task.add_done_callback(lambda done: self._answered(schema_id, done))
        return await asyncio.shield(task)

    def _answered(self, schema_id: int, task: asyncio.Task[Any]) -> None:
        self._asking.pop(schema_id, None)
        if not task.cancelled():
            task.exception()  # whoever asked may be gone; asyncio complains about errors nobody looked at

    async def _ask(self, schema_id: int) -> Any:
        doing = f"get schema id {schema_id}"
        with self._our_errors(doing):
            # Not the client's get_by_id: it raises on schemas with defaults that fastavro does not like.
            url, method = self._client.url_manager.url_for("get_by_id", schema_id=str(schema_id))
            response = await self._in_time(self._client.request(url, method=method))
            answer = response.json()
        code = answer.get("error_code") if isinstance(answer, dict) else None
        if response.status_code == 404 and isinstance(code, int) and 40400 <= code <= 40499:
            return None  # a 404 without such a code is of something else than a registry
        if response.status_code != 200 or not isinstance(answer, dict) or "schema" not in answer:
            raise RegistryUnavailable(
                f"cannot {doing}: {self._place} answered {response.status_code} {str(answer)[:200]}"
            )
        return self._remember(schema_id, answer)

    def _remember(self, schema_id: int, answer: dict[str, Any]) -> Any:
        try:
            schema = parse_writer_schema(str(answer["schema"]), str(answer.get("schemaType", "AVRO")))
        except RefusedRecord as refused:
            refusal = RefusedRecord(refused.reason, f"schema id {schema_id}: {refused.detail}")
            self._refusals[schema_id] = refusal
            raise RefusedRecord(refusal.reason, refusal.detail) from refused
        self._schemas[schema_id] = schema
        return schema

    def _not_known(self, schema_id: int) -> RefusedRecord:
        return RefusedRecord(
            Reason.UNKNOWN_SCHEMA, f"schema id {schema_id} is not known to the registry at {self._place}"
        )

    async def _in_time(self, answer: Awaitable[Answer]) -> Answer:
        return await asyncio.wait_for(answer, self._timeout_s)

    @contextmanager
    def _our_errors(self, doing: str) -> Iterator[None]:
        """Turn what the client raises into what our callers can act on."""
        try:
            yield
        except ClientError as error:
            code = error.http_code
            text = f"cannot {doing}: {self._place} answered {code} {str(error.server_traceback)[:300]}"
            if code is not None and 400 <= code < 500 and code not in _PASSING:
                raise RegistryError(text) from error
            raise RegistryUnavailable(text) from error
        except (
            httpx.HTTPError,
            httpx.InvalidURL,
            asyncio.TimeoutError,
            OSError,
            # not JSON, or JSON without what a registry's answer has
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
        ) as error:
            why = str(error) or type(error).__name__
            raise RegistryUnavailable(f"cannot {doing} at {self._place}: {why}") from error


def _client(url: str, timeout_s: float) -> AsyncSchemaRegistryClient:
    scheme, host = _scheme_and_host(url)
    if scheme not in ("http", "https") or not host:
        found = _without_credentials(url)
        raise SettingsError(f"the registry's address is {found!r}, expected http://host:port")
    client = AsyncSchemaRegistryClient(url, timeout=httpx.Timeout(timeout_s))
    # The client makes an httpx client for each request, and that would read the certificate authorities each
    # time, tens of milliseconds during which the event loop stands still.
    client.client_kwargs["verify"] = scheme == "https" and httpx.create_ssl_context()
    return client


def _scheme_and_host(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def _without_credentials(url: str) -> str:
    return re.sub(r"//[^/]*@", "//", url)
