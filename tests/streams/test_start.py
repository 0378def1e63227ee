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
    unknown: str = ""
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
        return None if question.split()[1] == self.unknown else self.known


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


ALL = ("system-traces", "features", "targets", "labeled-data")


@pytest.fixture
def publishing() -> Iterator[Settings]:
    """Yield settings that publish everything, and name a broker on which all topics are."""
    settings = Settings(sources=("telegraf", "zipkin"), publish=ALL, start_timeout_s=1)
    names = [*settings.input_topics.values(), *(topic.name for topic in own_topics(settings))]
    with EmbeddedBroker(topics=names) as broker:
        yield replace(settings, kafka_bootstrap_server=f"kafka://{broker.bootstrap}")


def test_what_is_published_has_its_schemas_and_partitions(publishing: Settings) -> None:
    """The embedded broker makes four partitions of each topic."""
    registry = ListedRegistry()
    published = run(publishing, registry).published
    assert {what: topic.name for what, topic in published.items()} == publishing.published_topics
    assert {what: dict(topic.schema_ids) for what, topic in published.items()} == {
        "system-traces": {"value": 7},
        "features": {"key": 7, "value": 7},
        "targets": {},
        "labeled-data": {"key": 7, "value": 7},
    }
    assert {topic.partitions for topic in published.values()} == {4}
    assert registry.asked == [
        f"register {subject}"
        for subject in (
            "pg-streaming-predictions-value",
            "pg-traces-system-value",
            "pg-streaming-features-key",
            "pg-streaming-features-value",
            "pg-streaming-labeled-data-key",
            "pg-streaming-labeled-data-value",
        )
    ]


def test_schemas_of_what_is_published_are_looked_up_where_registering_is_forbidden(
    publishing: Settings,
) -> None:
    """Exit code 5 if one is not there."""
    forbidden = replace(publishing, publish=("features",), schemas_register=False)
    registry = ListedRegistry(known=9)
    assert run(forbidden, registry).published["features"].schema_ids == {"key": 9, "value": 9}
    assert {question.split()[0] for question in registry.asked} == {"lookup"}
    missing = ListedRegistry(known=9, unknown="pg-streaming-features-key")
    expected = r"^subject 'pg-streaming-features-key' does not have the schema of FeatureKey and SCHEMAS_REG"
    with pytest.raises(RegistryError, match=expected) as caught:
        run(forbidden, missing)
    assert_helps(caught.value, 5, "SCHEMAS_REGISTER")


def test_topics_to_publish_to_are_not_made_if_they_may_not_be(publishing: Settings) -> None:
    """Exit code 4."""
    forbidden = replace(publishing, features_topic="other", topics_create=False)
    with pytest.raises(TopicError, match=r"^our topics 'other' do not exist and TOPICS_CREATE is false"):
        run(forbidden, ListedRegistry())


def assert_helps(error: PgStreamingError, exit_code: int, word: str) -> None:
    """See that the error is one line, names what to do, and has its exit code."""
    assert error.exit_code == exit_code
    assert word in str(error)
    assert "\n" not in str(error)
