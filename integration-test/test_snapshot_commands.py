"""The commands `snapshot` and `reset` beside real workers: kept states, new generations, other clusters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pg_streaming_machine_learning.assembly import engine_config
from pg_streaming_machine_learning.cli import main
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.learning.models import ModelSpec, model_version
from pg_streaming_machine_learning.operations.stored_state import StateTopic
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.wire.log import decode
from services.place import MakePlace, Place, StartWorker
from services.predictions import by_id
from services.topics import Read, read_until, wait_until
from services.upstream import Sent, flushing
from services.windows import SETTINGS, in_revisions, made_up
from services.worker import Worker
from tests.oracle import FinalWindow, as_read, expected_predictions

PATIENCE_S = 120.0
HOSTS = ("192.168.0.101", "web-é")
OFTEN = SETTINGS | {"SNAPSHOT_EVERY_UPDATES": "200"}
LIMIT = 10_000_000


def run(place: Place, *arguments: str, **settings: str) -> Result:
    """Run the program in this process; it has to succeed."""
    done = attempt(place, *arguments, **settings)
    assert done.exit_code == 0, done.output
    return done


def attempt(place: Place, *arguments: str, **settings: str) -> Result:
    """Run the program in this process; whatever comes of it, it never shows the key."""
    environment = place.settings | settings
    done = CliRunner().invoke(main, arguments, prog_name="pg-streaming-machine-learning", env=environment)
    assert environment["SNAPSHOT_KEY"] not in done.output
    return done


def state(place: Place) -> dict[str, Any]:
    """Return what `snapshot list` says of partition 0."""
    (line,) = run(place, "snapshot", "list", "--json").stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def usable(place: Place) -> list[str]:
    return [one["name"] for one in state(place)["snapshots"] if one["usable"]]


def has_learned(place: Place) -> bool:
    return any(one["usable"] and one["figures"]["samples_learned"] > 0 for one in state(place)["snapshots"])


def all_sent(place: Place) -> list[Read]:
    """Return all predictions there are now; no id comes twice."""
    read = read_until(place.bootstrap, place.topic("PREDICTIONS"), lambda read: False, 3.0)
    assert len(by_id(read, place.registry_url)) == len(read)
    return read


def await_predictions(place: Place, count: int) -> dict[str, dict[str, Any]]:
    read = read_until(
        place.bootstrap, place.topic("PREDICTIONS"), lambda read: len(read) >= count, PATIENCE_S
    )
    assert len(read) >= count
    return by_id(read, place.registry_url)


def in_thirds(place: Place, windows: Sequence[FinalWindow]) -> list[list[Sent]]:
    """Return the records of windows in three parts; the last one closes all of them."""
    records = list(in_revisions(place.upstream, list(windows)))
    third = len(records) // 3
    closing = [record for each in flushing(windows) for record in place.upstream.records(each)]
    return [records[:third], records[third : 2 * third], [*records[2 * third :], *closing]]


def with_learner_taken_at(place: Place, emitted_to: int, name: str) -> dict[str, dict[str, Any]]:
    """Return what an engine in this process predicts that takes on a kept model at an offset of the log."""
    settings = Settings.load(place.settings)
    engine = Engine(engine_config(settings))
    predictions = []
    with TopicReader(place.bootstrap) as reader:
        (kept,) = StateTopic(reader, settings.state_topic, settings.log_topic, 1).read()
        learner = kept.stored.named[name].payload(
            LIMIT, Signer(settings.snapshot_key.encode(), accept_unsigned=False)
        )
        for record in reader.read(settings.log_topic, 0, *reader.bounds(settings.log_topic, 0)):
            if record.offset >= emitted_to and engine.generation == 1:
                engine.adopt_learner(learner)
                engine.begin_generation(2)
            predictions += engine.process([decode(record.value or b"")])
    return {each["id"]: each for each in map(as_read, predictions)}


def end_by_fencing(running: Worker) -> None:
    """Wait until a worker ends as one does whose name was taken."""
    assert running.wait(PATIENCE_S) == TransactionError.exit_code, running.output()[-3000:]


def test_a_kept_model_goes_on_in_a_new_generation_of_a_running_worker(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker, **OFTEN)
    windows = made_up(HOSTS, 120)
    first, second, third = in_thirds(here, windows)
    running = worker(here)
    here.upstream.send(first)
    await_predictions(here, len(windows) // 4)
    wait_until(lambda: bool(usable(here)), PATIENCE_S, "there is a snapshot")
    assert "kept the state at offset" in run(here, "snapshot", "save", "golden").stdout
    here.upstream.send(second)
    await_predictions(here, len(windows) // 2)

    ordered = run(here, "snapshot", "restore", "golden", "--yes")
    assert "generation 2 is ordered" in ordered.stdout
    assert "exit code 75" in ordered.stderr
    here.upstream.send(third[:60])  # an idle worker notices with the next thing it writes
    end_by_fencing(running)
    assert "another worker has the partition now" in running.output()
    before = state(here)
    old = all_sent(here)
    assert before["ordered"] == {"generation": 2, "model": "named/golden"}
    assert "golden" in usable(here)

    here.upstream.send(third[60:])
    running.start()
    found = await_predictions(here, len(windows))
    new = all_sent(here)
    assert len(new) == len(windows)
    assert new[: len(old)] == old
    assert found == with_learner_taken_at(here, before["sent_to"], "golden")
    versions = {name: each["model_version"] for name, each in by_id(old, here.registry_url).items()}
    assert set(versions.values()) == {model_version(1)}
    assert {each["model_version"] for name, each in found.items() if name not in versions} == {
        model_version(2)
    }
    golden = next(one for one in state(here)["snapshots"] if one["name"] == "golden")
    (begins,) = by_id([new[len(old)]], here.registry_url).values()
    assert begins["samples_learned"] == golden["figures"]["samples_learned"]
    assert (state(here)["generation"], state(here)["ordered"]) == (2, None)


def test_a_reset_learns_the_log_again_and_goes_on_as_if_nothing_had_been(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker, **OFTEN)
    windows = made_up(HOSTS, 90)
    first, second, third = in_thirds(here, windows)
    running = worker(here)
    here.upstream.send(first)
    await_predictions(here, len(windows) // 4)
    ordered = run(here, "reset", "--generation", "--yes")
    assert "records of the log are learned again" in ordered.stderr
    here.upstream.send(second)
    end_by_fencing(running)
    old = all_sent(here)
    here.upstream.send(third)
    running.start()
    found = await_predictions(here, len(windows))
    assert all_sent(here)[: len(old)] == old
    generations = dict.fromkeys(by_id(old, here.registry_url), 1)
    assert found == {
        each["id"]: each | {"model_version": model_version(generations.get(each["id"], 2))}
        for each in expected_predictions(windows, ModelSpec())
    }
    assert 0 < len(old) < len(windows)


@pytest.mark.parametrize(
    "broker", ["embedded", pytest.param("kafka-4.1.0", marks=pytest.mark.kafka)], indirect=True
)
def test_a_model_moves_to_another_place(
    broker: str, place: MakePlace, worker: StartWorker, tmp_path: Path
) -> None:
    """The embedded broker fences nobody: workers are stopped here before generations are ordered."""
    # Snapshots take a tenth of an engine's time at most: a slow model takes one within these few records.
    slow = OFTEN | {"MODEL": "river.forest.ARFClassifier"}
    here, there = place(broker, **slow), place(broker, **slow)
    windows = made_up(HOSTS, 60)
    with worker(here) as running:
        here.upstream.send(in_revisions(here.upstream, windows))
        await_predictions(here, len(windows) // 2)
        wait_until(lambda: has_learned(here), PATIENCE_S, "there is a snapshot of a model that has learned")
        run(here, "snapshot", "save", "golden")
        running.stop()
    file = str(tmp_path / "model.pgsx")
    run(here, "snapshot", "export", "golden", file)

    with worker(there) as running:  # makes its topics, where there are none
        wait_until(lambda: "state restored" in running.output(), PATIENCE_S, "the worker is ready")
        running.stop()
    other_key = {"SNAPSHOT_KEY": "another key, just as long"}
    refused = attempt(there, "snapshot", "import", file, **other_key)
    assert (refused.exit_code, "--trust" in refused.output) == (70, True)
    run(there, "snapshot", "import", file, "--trust", "--yes", "--name", "theirs", **other_key)
    run(there, "snapshot", "restore", "theirs", "--yes", **other_key)
    there.upstream.send(in_revisions(there.upstream, windows))
    worker(there, **other_key)
    found = await_predictions(there, len(windows) // 2)
    assert {each["model_version"] for each in found.values()} == {model_version(2)}
    golden = next(one for one in state(here)["snapshots"] if one["name"] == "golden")
    learned = golden["figures"]["samples_learned"]
    assert min(each["samples_learned"] for each in found.values()) == learned > 0
    run(here, "snapshot", "delete", "golden", "--yes")
    assert "golden" not in usable(here)
