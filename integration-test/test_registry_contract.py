"""The contract with a Schema Registry: the demo's and a foreign one pass the same tests.

Known deviations of Apicurio 2.6.13.Final from Confluent's registry, which no test here asks about:

- its compatibility is NONE until it is set (`services.apicurio` does), and a subject without its own
  configuration answers NONE instead of 40408;
- a subject that is set to NONE follows the level of all;
- ``/mode`` is not found;
- the version ``abc`` is answered 404 with code 40402, by Confluent 422 with 42202.

Of ours: schemas are not deleted, modes and references do not exist.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.errors import RegistryError, RegistryUnavailable
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.records.prediction import Blame, Prediction
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.wire.codec import AvroDecoder, AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey, LabeledFeature
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from pg_streaming_machine_learning.wire.registry import Registry
from pg_streaming_machine_learning.wire.writer_schema import record_name
from services.apicurio import apicurio
from services.maven import missing

Answer = TypeVar("Answer")

NUMBERS = itertools.count(1)
PREDICTIONS = "pg-streaming-predictions"
FEATURE = Feature(*(float(number) for number in range(11)))
PREDICTION = Prediction(
    host="web",
    window=Window(1_600_000_000_000, 1_600_001_800_000),
    horizon_ms=0,
    predicted_class=1,
    probability=0.75,
    decision_threshold=0.5,
    label=0,
    model_name="river.forest.ARFClassifier",
    model_version="0.1.0",
    samples_learned=17,
    warming_up=True,
    metrics=(Metric("CPU", "UTILIZATION", "PERCENT"), Metric("MEMORY", "UTILIZATION", "PERCENT")),
    reasons=(Blame("CPU", "UTILIZATION", "PERCENT", "mean", 0.25),),
)


@pytest.fixture(scope="module", params=["demo", "apicurio"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the address of a registry."""
    if request.param == "demo":
        with DemoRegistry.start_in_thread() as registry:
            yield registry.url
        return
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with apicurio() as address:
        yield address


@pytest.fixture
def subject() -> str:
    """Return a subject that no other test has used."""
    return f"topic-{next(NUMBERS)}-value"


def with_registry(url: str, use: Callable[[Registry], Awaitable[Answer]]) -> Answer:
    """Use a new client of the registry, which remembers nothing."""

    async def using() -> Answer:
        registry = Registry(url)
        try:
            return await use(registry)
        finally:
            await registry.aclose()

    return asyncio.run(using())


def register(url: str, subject: str, schema: dict[str, Any]) -> int:
    return with_registry(url, lambda registry: registry.register(subject, schema))


def a_record(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "namespace": "test.contract", "fields": list(fields)}


def test_it_answers(url: str) -> None:
    with_registry(url, lambda registry: registry.ping())


@pytest.mark.parametrize("model", [FeatureKey, Feature, LabeledFeature, BottleneckPrediction])
def test_our_schemas_are_registered_and_come_back(url: str, subject: str, model: Any) -> None:
    schema_id = register(url, subject, schema_of(model))

    schema = with_registry(url, lambda registry: registry.schema(schema_id))

    assert schema_id > 0
    assert record_name(schema) == f"pg.streaming.schema.{model.__name__}"


def test_registering_again_gives_the_same_id(url: str, subject: str) -> None:
    assert register(url, subject, schema_of(Feature)) == register(url, subject, schema_of(Feature))


def test_a_schema_has_one_id_under_all_subjects(url: str, subject: str) -> None:
    schema = schema_of(Feature)

    assert register(url, subject, schema) == register(url, f"other-{subject}", schema)


def test_a_schema_is_looked_up_by_subject(url: str, subject: str) -> None:
    schema = a_record("LookedUp")
    looked_up = [with_registry(url, lambda registry: registry.lookup(subject, schema))]
    schema_id = register(url, subject, schema)
    looked_up.append(with_registry(url, lambda registry: registry.lookup(subject, schema)))
    looked_up.append(with_registry(url, lambda registry: registry.lookup(f"other-{subject}", schema)))
    looked_up.append(with_registry(url, lambda registry: registry.lookup(subject, schema_of(Feature))))

    assert looked_up == [None, schema_id, None, None]


@pytest.mark.parametrize("schema_id", [999_999, 2**31 - 1])
def test_an_id_that_is_not_there_is_waited_for(url: str, schema_id: int) -> None:
    """The registry says so in the way that tells an unknown id from an unknown page."""
    with pytest.raises(RegistryUnavailable, match=f"schema id {schema_id} is not known yet"):
        with_registry(url, lambda registry: registry.schema(schema_id))


def test_an_incompatible_schema_is_refused(url: str, subject: str) -> None:
    register(url, subject, a_record("Grows"))

    with pytest.raises(RegistryError, match="answered 409") as refused:
        register(url, subject, a_record("Grows", {"name": "added", "type": "string"}))
    assert not isinstance(refused.value, RegistryUnavailable)


def test_a_compatible_schema_is_the_next_version(url: str, subject: str) -> None:
    first = register(url, subject, a_record("Grows"))
    second = register(url, subject, a_record("Grows", {"name": "added", "type": "string", "default": ""}))

    assert second != first
    assert [get(f"{url}/subjects/{subject}/versions")[1], versions(url, subject)] == [[1, 2], [first, second]]


def versions(url: str, subject: str) -> list[int]:
    """Return the ids of a subject's first version and its latest."""
    return [get(f"{url}/subjects/{subject}/versions/{version}")[1]["id"] for version in ("1", "latest")]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("schemas/ids/999999", 404, 40403),
        ("subjects/nothing-value/versions", 404, 40401),
        ("subjects/nothing-value/versions/latest", 404, 40401),
    ],
)
def test_what_is_not_there_is_told_by_its_code(url: str, path: str, status: int, code: int) -> None:
    found_status, answer = get(f"{url}/{path}")

    assert (found_status, answer["error_code"]) == (status, code)


def test_a_version_that_is_not_there_is_told_by_its_code(url: str, subject: str) -> None:
    register(url, subject, a_record("OneVersion"))

    status, answer = get(f"{url}/subjects/{subject}/versions/2")

    assert (status, answer["error_code"]) == (404, 40402)


@pytest.mark.parametrize("text", ['{"type": "nothing"}', "{", ""])
def test_an_invalid_schema_is_told_by_its_code(url: str, subject: str, text: str) -> None:
    body = json.dumps({"schema": text, "schemaType": "AVRO"}).encode()

    status, answer = get(f"{url}/subjects/{subject}/versions", body)

    assert (status, answer["error_code"]) == (422, 42201)


def test_compatibility_is_asked_and_set(url: str, subject: str) -> None:
    register(url, subject, a_record("Rules"))
    wider = a_record("Rules", {"name": "added", "type": "string"})
    question = json.dumps({"schema": json.dumps(wider)}).encode()

    asked = get(f"{url}/compatibility/subjects/{subject}/versions/latest", question)
    set_to = get(f"{url}/config/{subject}", b'{"compatibility": "FORWARD"}', "PUT")
    asked_again = get(f"{url}/compatibility/subjects/{subject}/versions/latest", question)

    assert [asked[1]["is_compatible"], asked_again[1]["is_compatible"]] == [False, True]
    assert set_to == (200, {"compatibility": "FORWARD"})
    assert get(f"{url}/config/{subject}") == (200, {"compatibilityLevel": "FORWARD"})
    assert register(url, subject, wider) > 0
    assert get(f"{url}/config") == (200, {"compatibilityLevel": "BACKWARD"})


def test_confluents_client_reads_predictions(url: str) -> None:
    """It asks for the schema with the subject made of the topic it reads."""
    schema_id = register(url, f"{PREDICTIONS}-value", schema_of(BottleneckPrediction))
    encoder = AvroEncoder(BottleneckPrediction, schema_id)
    output = PredictionOutput(PREDICTIONS, encoder).encode(PREDICTION)

    with SchemaRegistryClient({"url": url}) as client:
        read = AvroDeserializer(client)(output.value, SerializationContext(PREDICTIONS, MessageField.VALUE))

    metric = {"measure": "UTILIZATION", "unit": "PERCENT"}
    assert read == {
        "id": "web@1600000000000+0",
        "host": "web",
        "window_start_ms": 1_600_000_000_000,
        "window_end_ms": 1_600_001_800_000,
        "horizon_ms": 0,
        "predicted_class": 1,
        "probability": 0.75,
        "decision_threshold": 0.5,
        "label": 0,
        "model_name": "river.forest.ARFClassifier",
        "model_version": "0.1.0",
        "samples_learned": 17,
        "warming_up": True,
        "metrics": [{"metric": "CPU", **metric}, {"metric": "MEMORY", **metric}],
        "reasons": [{"metric": "CPU", **metric, "statistic": "mean", "contribution": 0.25}],
    }


def test_confluents_client_reads_them_from_a_topic_of_another_name(url: str) -> None:
    """Mirrored topics have other names than the subject of their schema."""
    schema_id = register(url, f"{PREDICTIONS}-value", schema_of(BottleneckPrediction))
    value = AvroEncoder(BottleneckPrediction, schema_id).encode(
        BottleneckPrediction.from_prediction(PREDICTION)
    )

    with SchemaRegistryClient({"url": url}) as client:
        context = SerializationContext(f"mirror.{PREDICTIONS}", MessageField.VALUE)
        read: Any = AvroDeserializer(client)(value, context)

    assert read["id"] == "web@1600000000000+0"


def test_what_confluents_client_writes_is_read(url: str, subject: str) -> None:
    topic = subject.removesuffix("-value")
    with SchemaRegistryClient({"url": url}) as client:
        serializer = AvroSerializer(client, Schema(json.dumps(schema_of(Feature)), "AVRO"))
        data = serializer(FEATURE.asdict(), SerializationContext(topic, MessageField.VALUE))
    assert isinstance(data, bytes)

    assert with_registry(url, lambda registry: AvroDecoder(Feature, registry).decode(data)) == FEATURE


def get(url: str, body: bytes | None = None, method: str | None = None) -> tuple[int, Any]:
    """Return status and answer of a request, a POST if it has a body and no other method."""
    request = urllib.request.Request(
        url, body, {"Content-Type": "application/vnd.schemaregistry.v1+json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
