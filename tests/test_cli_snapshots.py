"""The commands `snapshot` and `reset`, against a broker inside this process.

What needs a broker that fences is in ``integration-test/test_snapshot_commands.py``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from pg_streaming_machine_learning.assembly import engine_config
from pg_streaming_machine_learning.cli import main
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.operations.stored_state import PartitionState, StateTopic
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.state.generation import GenerationOrder
from tests.operations.state_store import StateStore

STATE, LOG = "pg-streaming-state", "pg-streaming-samples"
KEY = "the key of these tests"
OTHER_KEY = {"SNAPSHOT_KEY": "another key, just as long"}
SETTINGS = {
    "SIMPLE_SETTINGS": "settings",
    "APPLICATION_ID": "the-application",
    "SNAPSHOT_KEY": KEY,
    "LOG_PARTITIONS": "2",
    "WINDOW_SIZE_S": "10",
    "WINDOW_HOP_S": "5",
    "WINDOW_GRACE_S": "1",
    "MODEL_PARAMETERS": '{"n_models": 2, "grace_period": 10}',
}


def run(environment: dict[str, str], *arguments: str, text: str = "") -> Result:
    """Run the program in this process."""
    return CliRunner().invoke(
        main, arguments, prog_name="pg-streaming-machine-learning", env=environment, input=text
    )


def create_place(broker: EmbeddedBroker) -> dict[str, str]:
    """Fill log and state topic as a worker leaves them; return the settings."""
    environment = SETTINGS | {"KAFKA_BOOTSTRAP_SERVER": f"kafka://{broker.bootstrap}"}
    store = StateStore(partitions=2).at_work(engine_config(Settings.load(environment)), KEY.encode())
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
    for partition, records in enumerate(store.records):
        for _ in range(240):
            producer.produce(LOG, b"", partition=partition)
        for record in records:
            producer.produce(STATE, record.value, record.key, partition)
    assert producer.flush(30) == 0
    return environment


@pytest.fixture
def place() -> Iterator[dict[str, str]]:
    """Return the settings of a place where a worker was at work."""
    with EmbeddedBroker(topics=[STATE, LOG]) as broker:
        yield create_place(broker)


def states(environment: dict[str, str]) -> list[PartitionState]:
    """Return what the state topic holds."""
    bootstrap = environment["KAFKA_BOOTSTRAP_SERVER"].removeprefix("kafka://")
    with TopicReader(bootstrap) as reader:
        return StateTopic(reader, STATE, LOG, 2).read()


def listed(environment: dict[str, str]) -> list[dict[str, Any]]:
    """Return what `list --json` says."""
    result = run(environment, "snapshot", "list", "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def orders(environment: dict[str, str]) -> list[GenerationOrder | None]:
    """Return the last order of each partition."""
    return [state.stored.generation for state in states(environment)]


@pytest.mark.parametrize(
    "command",
    [
        ["snapshot"],
        *(["snapshot", one] for one in ("list", "save", "restore", "export", "import", "delete")),
        ["reset"],
    ],
    ids=" ".join,
)
def test_help_teaches(command: list[str]) -> None:
    """What it does, what happens to workers, a line to type."""
    result = run(SETTINGS, *command, "--help")
    assert result.exit_code == 0
    assert f"      pg-streaming-machine-learning {' '.join(command)}" in result.output
    if command in (["snapshot", "restore"], ["reset"]):
        assert "exit code 75" in " ".join(result.output.split())


def test_list_shows_slots_progress_and_what_a_start_does(place: dict[str, str]) -> None:
    """A block of lines for each partition."""
    result = run(place, "snapshot", "list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:2] == [
        "partition 0: predictions sent up to offset 240, generation 1",
        "  a start reads at most 40 updates again, from slot-1",
    ]
    assert lines[2].split()[:3] == ["snapshot", "position", "size"]
    newest, older = (line.split() for line in lines[3:5])
    assert (newest[0], newest[1], newest[-2:]) == ("slot-1", "200", ["yes,", "signed"])
    assert (older[0], older[1]) == ("slot-0", "100")
    assert lines[5].startswith("partition 1: ")
    assert KEY not in result.output


def test_list_for_programs(place: dict[str, str]) -> None:
    """One object for each partition."""
    first, second = listed(place)
    assert (first["partition"], second["partition"]) == (0, 1)
    assert (first["sent_to"], first["generation"], first["ordered"]) == (240, 1, None)
    assert first["start"] == {"from": "slot-1", "position": 200, "replays": 40, "problem": None}
    assert first["log"] == {"begin": 0, "end": 240}
    newest, _ = first["snapshots"]
    assert (newest["name"], newest["named"], newest["position"]) == ("slot-1", False, 200)
    assert set(newest["versions"]) == {"package", "river", "python", "format"}
    assert {"samples_learned", "windows_closed"} <= set(newest["figures"])
    assert (newest["signed"], newest["usable"], newest["fault"]) == (True, True, None)


def test_list_with_another_key_says_so(place: dict[str, str]) -> None:
    """No snapshot can be used then; it is no error of the command."""
    result = run(place | OTHER_KEY, "snapshot", "list")
    assert result.exit_code == 0
    assert result.stdout.count("no: it is signed with another key") == 4
    assert "a start reads at most 240 updates again, from log" in result.stdout


def test_a_command_that_only_checks_makes_no_key(place: dict[str, str], tmp_path: Path) -> None:
    """An operator's machine is not a worker's."""
    environment = place | {"SNAPSHOT_KEY": "", "XDG_STATE_HOME": str(tmp_path)}
    result = run(environment, "snapshot", "list")
    assert "there is no key to check it; set SNAPSHOT_KEY" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_save_keeps_the_newest_and_never_replaces_by_accident(place: dict[str, str]) -> None:
    """Every partition under the same name."""
    result = run(place, "snapshot", "save", "golden")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("partition 0: kept the state at offset 200, ")
    assert [sorted(state.stored.named) for state in states(place)] == [["golden"], ["golden"]]
    again = run(place, "snapshot", "save", "golden")
    assert again.exit_code == 70
    assert "there is a snapshot 'golden' already" in again.output
    assert again.output.count("\n") == 1
    assert run(place, "snapshot", "save", "golden", "--force").exit_code == 0
    assert "  golden" in run(place, "snapshot", "list").stdout


def test_restore_asks_says_what_happens_and_orders(place: dict[str, str]) -> None:
    """Only a yes orders; every partition gets the same number."""
    run(place, "snapshot", "save", "golden")
    no = run(place, "snapshot", "restore", "golden", text="n\n")
    assert no.exit_code == 1
    assert "end with exit code 75" in no.output
    assert "begin generation 2 with 'golden'?" in no.output
    assert orders(place) == [None, None]
    yes = run(place, "snapshot", "restore", "golden", text="y\n")
    assert yes.exit_code == 0, yes.output
    assert yes.stdout.endswith("generation 2 is ordered, with the model of 'golden'\n")
    assert [(one.number, one.model) for one in orders(place) if one] == [(2, "named/golden")] * 2
    assert "generation 2 is ordered, from 'named/golden'" in run(place, "snapshot", "list").stdout


def test_restore_refuses_what_a_worker_could_not_load(place: dict[str, str]) -> None:
    """Before anybody is disturbed."""
    run(place, "snapshot", "save", "golden")
    unknown = run(place, "snapshot", "restore", "goldn", "--yes")
    assert (unknown.exit_code, "did you mean 'golden'" in unknown.output) == (70, True)
    other = run(place | OTHER_KEY, "snapshot", "restore", "golden", "--yes")
    assert (other.exit_code, "signed with another key" in other.output) == (70, True)
    model = {"MODEL": "river.linear_model.LogisticRegression", "MODEL_PARAMETERS": "{}"}
    foreign = run(place | model, "snapshot", "restore", "golden", "--yes")
    assert (foreign.exit_code, "expected 'river.linear_model" in foreign.output) == (70, True)
    assert orders(place) == [None, None]


def test_a_snapshot_that_is_waited_for_is_not_deleted(place: dict[str, str]) -> None:
    """Otherwise it goes after a yes."""
    run(place, "snapshot", "save", "golden")
    run(place, "snapshot", "save", "silver")
    run(place, "snapshot", "restore", "golden", "--yes")
    assert run(place, "snapshot", "delete", "golden", "--yes").exit_code == 70
    assert run(place, "snapshot", "delete", "silver", text="n\n").exit_code == 1
    assert run(place, "snapshot", "delete", "silver", "--yes").stdout == "'silver' is deleted\n"
    assert [sorted(state.stored.named) for state in states(place)] == [["golden"], ["golden"]]


def test_a_snapshot_moves_to_another_cluster(place: dict[str, str], tmp_path: Path) -> None:
    """Under its name or another; with another key only by trust."""
    file = tmp_path / "model.pgsx"
    run(place, "snapshot", "save", "golden")
    exported = run(place, "snapshot", "export", "golden", str(file))
    assert exported.exit_code == 0, exported.output
    assert "2 partitions" in exported.stdout
    assert run(place, "snapshot", "export", "golden", str(file)).exit_code == 70
    assert run(place, "snapshot", "export", "golden", str(file), "--force").exit_code == 0
    with EmbeddedBroker(topics=[STATE, LOG]) as broker:
        there = create_place(broker) | {"APPLICATION_ID": "there"}
        imported = run(there, "snapshot", "import", str(file))
        assert imported.exit_code == 0, imported.output
        assert "snapshot 'golden' of 'the-application', partitions: 2" in imported.output
        assert run(there, "snapshot", "import", str(file)).exit_code == 70
        other = there | OTHER_KEY
        refused = run(other, "snapshot", "import", str(file), "--name", "theirs")
        assert (refused.exit_code, "--trust" in refused.output) == (70, True)
        trusted = run(other, "snapshot", "import", str(file), "--name", "theirs", "--trust", text="y\n")
        assert trusted.exit_code == 0, trusted.output
        assert "WARNING: --trust signs" in trusted.output
        assert "It is signed with SNAPSHOT_KEY." in trusted.output
        assert other["SNAPSHOT_KEY"] not in trusted.output
        assert run(other, "snapshot", "restore", "theirs", "--yes").exit_code == 0
        assert run(there, "snapshot", "restore", "golden", "--yes").exit_code == 0
        wider = run(there | {"LOG_PARTITIONS": "3"}, "snapshot", "import", str(file), "--name", "wide")
        assert (wider.exit_code, "2 partitions, LOG_PARTITIONS is 3" in wider.output) == (70, True)


def test_reset_says_how_much_is_learned_again_and_orders(place: dict[str, str]) -> None:
    """It has to be told what to begin anew, and asks."""
    assert run(place, "reset").exit_code == 2
    no = run(place, "reset", "--generation", text="n\n")
    assert no.exit_code == 1
    assert "partition 1: 240 records of the log are learned again" in no.output
    assert orders(place) == [None, None]
    yes = run(place, "reset", "--generation", "--yes")
    assert (yes.exit_code, yes.stdout) == (0, "generation 2 is ordered, learned from the log\n")
    assert [(one.number, one.model) for one in orders(place) if one] == [(2, "log")] * 2
    assert run(place, "reset", "--generation", "--yes").stdout.startswith("generation 3 ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["snapshot", "list"],
        ["snapshot", "save", "golden"],
        ["snapshot", "restore", "golden", "--yes"],
        ["snapshot", "delete", "golden", "--yes"],
        ["reset", "--generation", "--yes"],
    ],
    ids=" ".join,
)
def test_what_is_missing_is_one_line_and_its_exit_code(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No broker: 3. No such topic: 4, with who makes it."""
    monkeypatch.setattr(TopicReader.__init__, "__defaults__", (0.5,))
    nowhere = run(SETTINGS | {"KAFKA_BOOTSTRAP_SERVER": "kafka://127.0.0.1:1"}, *arguments)
    assert (nowhere.exit_code, nowhere.output.count("\n")) == (3, 1)
    monkeypatch.setattr(TopicReader.__init__, "__defaults__", (10.0,))
    with EmbeddedBroker(topics=["another"]) as broker:
        missing = run(SETTINGS | {"KAFKA_BOOTSTRAP_SERVER": f"kafka://{broker.bootstrap}"}, *arguments)
    assert missing.exit_code == 4
    assert "there is no topic 'pg-streaming-state'" in missing.output
    assert "the worker makes it when it is first started" in missing.output
    assert missing.output.count("\n") == 1


def test_more_partitions_than_there_are_is_a_wrong_setting(place: dict[str, str]) -> None:
    """The settings have to be the workers'."""
    result = run(place | {"LOG_PARTITIONS": "9"}, "snapshot", "list")
    assert (result.exit_code, "has 4 partitions, expected at least 9" in result.output) == (4, True)
