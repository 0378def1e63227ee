"""The command `backfill` beside real workers: it predicts what they predicted, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from pg_streaming_machine_learning.cli import main
from pg_streaming_machine_learning.demo.saved import load_values
from pg_streaming_machine_learning.learning.models import model_version
from pg_streaming_machine_learning.simulation.plan import Scenario, SimulationPlan
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from services.agents import Message, fleet_messages, in_process, send
from services.place import MakePlace, Place, StartWorker, register_schema
from services.predictions import by_id, decode, read_predictions
from services.topics import create_topic, partitions_of, read_until, wait_until
from services.windows import SETTINGS, in_revisions, made_up

PATIENCE_S = 120.0
HOSTS = ("192.168.0.101", "web-é", "db", "cache", "auth")
WINDOWS = 60
# All windows close once nothing comes any more, as they do at the end of a backfill.
CLOSING = SETTINGS | {"IDLE_AFTER_S": "4", "MODEL_PARAMETERS": '{"n_models": 3}'}


def backfill(place: Place, *arguments: str, **settings: str) -> Result:
    """Run the command in this process; it has to succeed, and never shows the key."""
    done = run(place, "backfill", *arguments, **settings)
    assert done.exit_code == 0, done.output
    return done


def run(place: Place, *arguments: str, **settings: str) -> Result:
    """Run the program in this process."""
    environment = place.settings | settings
    done = CliRunner().invoke(main, arguments, prog_name="pg-streaming-machine-learning", env=environment)
    assert environment["SNAPSHOT_KEY"] not in done.output
    return done


def values_at(place: Place, count: int, timeout_s: float = PATIENCE_S) -> dict[str, bytes]:
    """Return the value of each prediction of the workers, by its id, once there are so many."""
    topic = place.topic("PREDICTIONS")
    read = read_until(place.bootstrap, topic, lambda read: len(read) >= count, timeout_s)
    by_id(read, place.registry_url)  # no id has two contents
    values = {}
    for record in read:
        assert record.value is not None
        values[str(decode(record.value, place.registry_url)["id"])] = record.value
    return values


@pytest.mark.parametrize("log_partitions", [1, 3])
def test_it_predicts_what_the_worker_did_byte_for_byte(
    broker: str, place: MakePlace, worker: StartWorker, tmp_path: Path, log_partitions: int
) -> None:
    """From the inputs, merged here, and from the log; with one model and with several."""
    here = place(broker, **CLOSING, LOG_PARTITIONS=str(log_partitions))
    windows = made_up(HOSTS, WINDOWS)
    here.upstream.send(in_revisions(here.upstream, windows))
    with worker(here) as running:
        expected = values_at(here, len(windows))
        assert len(expected) == len(windows)
        for source in ("inputs", "log"):
            file = tmp_path / f"{source}.jsonl"
            done = backfill(here, "--source", source, "--save", str(file))
            assert load_values(file) == expected
            assert f"{len(windows)} predictions of {len(HOSTS)} hosts" in done.stdout
            assert "came after their windows had closed" not in done.stdout
        running.stop()
    assert values_at(here, len(windows) + 1, 3.0) == expected  # nothing was written


# Lines and spans, between two times.

START_MS = 1_700_000_010_000
PLAN = SimulationPlan(
    seed=7,
    hosts=4,
    services=3,
    scenarios=tuple(each for each in Scenario if each is not Scenario.CLOCKS_OFF),
    start_ms=START_MS,
    episode_ms=300_000,
    share=0.3,
)
FLEET = {
    "WINDOW_SIZE_S": "60",
    "WINDOW_HOP_S": "30",
    "WINDOW_GRACE_S": "60",
    "IDLE_AFTER_S": "4",
    "SOURCES": "telegraf,zipkin",
    "MODEL_PARAMETERS": '{"n_models": 3}',
}


def fleet(here: Place, broker: str) -> tuple[list[Message], dict[str, str]]:
    """Send what a fleet sends; return it, and the settings that name the topics."""
    names = {
        "TELEGRAF_TOPIC": f"{here.topic('INPUT')}-lines",
        "ZIPKIN_TOPIC": f"{here.topic('INPUT')}-spans",
    }
    for name, partitions in zip(names.values(), (3, 2), strict=True):
        if broker != "embedded":
            create_topic(here.bootstrap, name, partitions, {"retention.ms": "-1"})
        assert partitions_of(here.bootstrap, name) >= partitions
    lines, spans = names.values()
    sent = list(fleet_messages(PLAN, 120, (lines, 3), (spans, 2)))
    send(here.bootstrap, sent)
    return sent, names


def saved(here: Place, file: Path, names: Mapping[str, str], *arguments: str) -> dict[str, dict[str, object]]:
    """Return the predictions that a backfill saves, by id; decoded by the schema in the registry."""
    backfill(here, "--save", str(file), *arguments, **names)
    return {name: decode(value, here.registry_url) for name, value in load_values(file).items()}


def test_lines_and_spans_of_many_partitions_lead_to_the_predictions_of_the_worker(
    broker: str, place: MakePlace, worker: StartWorker, tmp_path: Path
) -> None:
    """Records of five partitions of two topics, told apart by nothing but their timestamps."""
    here = place(broker, **FLEET)
    sent, names = fleet(here, broker)
    wanted = in_process(here.settings | names, sent).predictions
    worker(here, **names)
    count = len(wanted)
    topic = here.topic("PREDICTIONS")
    assert read_predictions(here.bootstrap, topic, here.registry_url, count, PATIENCE_S) == wanted
    assert saved(here, tmp_path / "saved.jsonl", names) == wanted
    assert count > 100


def test_only_what_was_written_between_two_times_is_learned(
    real_broker: str, place: MakePlace, tmp_path: Path
) -> None:
    """The one inclusive, the other not; the embedded broker finds nothing by time."""
    here = place(real_broker, **FLEET)
    subject = f"{here.topic('PREDICTIONS')}-value"
    register_schema(here.registry_url, subject, schema_of(BottleneckPrediction))  # as workers do
    sent, names = fleet(here, real_broker)
    from_ms, to_ms = START_MS + 200_000, START_MS + 700_000
    some = [each for each in sent if from_ms <= each.timestamp_ms < to_ms]
    assert any(each.timestamp_ms == from_ms for each in sent)
    assert any(each.timestamp_ms == to_ms for each in sent)
    wanted = in_process(here.settings | names, some).predictions
    times = ("--from", str(from_ms), "--to", "2023-11-14T22:25:10Z")
    assert saved(here, tmp_path / "saved.jsonl", names, *times) == wanted
    late = run(here, "backfill", "--from", "2023-12-01", **names)
    assert (late.exit_code, "the last one is of 2023-11-14T22:" in late.output) == (70, True)


def test_what_was_deleted_is_noted_and_what_was_aborted_is_not_learned(
    real_broker: str, place: MakePlace
) -> None:
    """Records trimmed from the beginning, and a transaction at the end that never came to its own."""
    here = place(real_broker, **CLOSING)
    windows = made_up(HOSTS, 20)
    count = here.upstream.send(in_revisions(here.upstream, windows))
    producer = Producer({"bootstrap.servers": here.bootstrap, "transactional.id": here.topic("INPUT")})
    producer.init_transactions(30)
    for is_good in (True, False):
        producer.begin_transaction()
        for partition in range(here.upstream.partitions):
            producer.produce(here.topic("INPUT"), b"no window", b"no key", partition=partition)
        producer.flush(30)
        if is_good:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    done = backfill(here)
    refused = here.upstream.partitions
    assert f"{len(windows)} predictions of {len(HOSTS)} hosts from {count + refused:,} records" in done.stdout
    assert f"bad-key {refused}" in done.stdout

    trimmed = TopicPartition(here.topic("INPUT"), 0, 5)
    admin = AdminClient({"bootstrap.servers": here.bootstrap})
    admin.delete_records([trimmed])[trimmed].result(30)
    done = backfill(here, "--from", "2020-01-01")
    assert f"note: {here.topic('INPUT')}[0] holds nothing before " in done.stderr
    assert "(offset 5): what came between 2020-01-01T00:00:00.000Z and then is not learned" in done.stderr
    assert f"from {count + refused - 5:,} records" in done.stdout


@pytest.mark.parametrize(
    "broker", ["embedded", pytest.param("kafka-4.1.0", marks=pytest.mark.kafka)], indirect=True
)
def test_a_model_that_was_backfilled_goes_to_work(
    broker: str, place: MakePlace, worker: StartWorker, tmp_path: Path
) -> None:
    """It is imported under its name, and the worker goes on with it as a new generation."""
    here = place(broker, **CLOSING)
    windows = made_up(HOSTS[:2], 40)
    with worker(here) as running:  # makes its topics, where there are none
        wait_until(lambda: "state restored" in running.output(), PATIENCE_S, "the worker is ready")
        running.stop()
    here.upstream.send(in_revisions(here.upstream, windows))
    file = str(tmp_path / "model.pgsx")
    backfill(here, "--snapshot", file, "--name", "history")
    for command in (["import", file], ["restore", "history", "--yes"]):
        done = run(here, "snapshot", *command)
        assert done.exit_code == 0, done.output
    worker(here)
    topic = here.topic("PREDICTIONS")
    found = read_predictions(here.bootstrap, topic, here.registry_url, len(windows), PATIENCE_S)
    assert len(found) == len(windows)
    assert {each["model_version"] for each in found.values()} == {model_version(2)}
    assert min(each["samples_learned"] for each in found.values()) == len(windows)
