"""Start checks: waiting with a line for each attempt, then one line that says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import (
    BrokerUnreachable,
    PgStreamingError,
    RegistryError,
    RegistryUnavailable,
    RegistryUnreachable,
    TopicError,
)
from pg_streaming_machine_learning.streams import start
from pg_streaming_machine_learning.streams.start import check_start
from pg_streaming_machine_learning.streams.topics import own_topics

OURS = tuple(topic.name for topic in own_topics(Settings()))
INPUT = "pg-streaming-labeled-data"


@dataclass
class ListedRegistry:
    """A registry that knows what it is told to, or is away."""

    known: int | None = 7
    away: bool = False
    asked: list[str] = field(default_factory=list)

    async def register(self, subject: str, schema: dict[str, Any]) -> int:
        """Register anything."""
        return await self._answer(f"register {subject}") or 8

    async def lookup(self, subject: str, schema: dict[str, Any]) -> int | None:
        """Return what is known."""
        return await self._answer(f"lookup {subject}")

    async def _answer(self, question: str) -> int | None:
        self.asked.append(question)
        if self.away:
            raise RegistryUnavailable("cannot reach http://registry: refused")
        return self.known


@pytest.fixture
def settings() -> Iterator[Settings]:
    """Yield settings that name a broker on which all topics are."""
    with EmbeddedBroker(topics=[INPUT, *OURS]) as broker:
        yield Settings(kafka_bootstrap_server=f"kafka://{broker.bootstrap}", start_timeout_s=1)


def run(settings: Settings, registry: ListedRegistry) -> start.Started:
    """Run the checks."""
    return asyncio.run(check_start(settings, registry))


def test_all_is_there(settings: Settings) -> None:
    """The id of the registered schema comes back."""
    registry = ListedRegistry()
    assert run(settings, registry).schema_id == 7
    assert registry.asked == ["register pg-streaming-predictions-value"]


def test_no_broker() -> None:
    """Exit code 3."""
    settings = Settings(kafka_bootstrap_server="kafka://127.0.0.1:1", start_timeout_s=1)
    with pytest.raises(BrokerUnreachable, match=r"^no Kafka broker answers at 127\.0\.0\.1:1 ") as caught:
        run(settings, ListedRegistry())
    assert_helps(caught.value, 3, "KAFKA_BOOTSTRAP_SERVER")


def test_no_input_topic(settings: Settings) -> None:
    """Exit code 4; it is not ours to make."""
    with pytest.raises(TopicError, match=r"^input topic 'other' does not exist at ") as caught:
        run(replace(settings, input_topic="other"), ListedRegistry())
    assert_helps(caught.value, 4, "INPUT_TOPIC")


def test_our_topics_missing_and_not_to_be_made(settings: Settings) -> None:
    """Exit code 4."""
    with pytest.raises(
        TopicError, match=r"^our topics 'other' do not exist and TOPICS_CREATE is false"
    ) as caught:
        run(replace(settings, log_topic="other", topics_create=False), ListedRegistry())
    assert_helps(caught.value, 4, "create them")


def test_too_few_partitions_are_not_waited_for(settings: Settings) -> None:
    """They do not become more by waiting. Exit code 4."""
    expected = r"^topic 'pg-streaming-samples' has 4 partitions, expected at least 5 \(LOG_PARTITIONS\)"
    with pytest.raises(TopicError, match=expected) as caught:
        run(replace(settings, log_partitions=5, start_timeout_s=3600), ListedRegistry())
    assert_helps(caught.value, 4, "LOG_PARTITIONS")


def test_no_registry(settings: Settings) -> None:
    """Exit code 5."""
    with pytest.raises(RegistryUnreachable, match=r"^cannot reach http://registry: refused: ") as caught:
        run(settings, ListedRegistry(away=True))
    assert_helps(caught.value, 5, "SCHEMA_REGISTRY_URL")


def test_schema_looked_up_where_registering_is_forbidden(settings: Settings) -> None:
    """It has to be there. Exit code 5 if not."""
    forbidden = replace(settings, schemas_register=False)
    registry = ListedRegistry(known=9)
    assert run(forbidden, registry).schema_id == 9
    assert registry.asked == ["lookup pg-streaming-predictions-value"]
    with pytest.raises(
        RegistryError, match=r"^subject 'pg-streaming-predictions-value' does not have"
    ) as caught:
        run(forbidden, ListedRegistry(known=None))
    assert_helps(caught.value, 5, "SCHEMAS_REGISTER")


def assert_helps(error: PgStreamingError, exit_code: int, word: str) -> None:
    """See that the error is one line, names what to do, and has its exit code."""
    assert error.exit_code == exit_code
    assert word in str(error)
    assert "\n" not in str(error)
