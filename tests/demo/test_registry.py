"""What is particular to the demo's registry; the contract it shares with others is in `integration-test`."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest

from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.errors import RegistryUnavailable
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey
from pg_streaming_machine_learning.wire.registry import Registry


def test_it_serves_from_a_thread_and_leaves_nothing_behind() -> None:
    threads = threading.active_count()

    with DemoRegistry.start_in_thread() as registry:
        assert get(f"{registry.url}/subjects") == (200, [])

    assert threading.active_count() == threads
    with pytest.raises(urllib.error.URLError):
        get(f"{registry.url}/subjects")


def test_it_serves_within_an_event_loop() -> None:
    async def serve() -> None:
        async with DemoRegistry() as registry:
            client = Registry(registry.url)
            await client.ping()
            assert await client.register("a-key", schema_of(FeatureKey)) == 1
            assert await client.register("a-value", schema_of(Feature)) == 2
            assert await client.register("b-key", schema_of(FeatureKey)) == 1
            with pytest.raises(RegistryUnavailable, match="schema id 3 is not known yet"):
                await client.schema(3)

    asyncio.run(serve())


def test_several_serve_side_by_side() -> None:
    with DemoRegistry.start_in_thread() as one, DemoRegistry.start_in_thread() as other:
        assert one.url != other.url


@pytest.mark.parametrize("number", ["3", "0", "-1", "x", "9" * 5_000, "²"])
def test_an_id_that_is_not_there_is_not_found(number: str) -> None:
    with DemoRegistry.start_in_thread() as registry:
        status, answer = get(f"{registry.url}/schemas/ids/{urllib.parse.quote(number)}")

    assert (status, answer["error_code"]) == (404, 40403)


def test_an_unknown_path_is_told_as_confluent_does() -> None:
    with DemoRegistry.start_in_thread() as registry:
        assert get(f"{registry.url}/mode") == (404, {"error_code": 404, "message": "HTTP 404 Not Found"})


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
