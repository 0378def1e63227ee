"""The commands teach, do what they say, and end with a line and an exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer

from pg_streaming_machine_learning import __version__
from pg_streaming_machine_learning.cli import main
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.operations.topic_reader import TopicReader

DEAD = "pg-streaming-dead-letters"
NOWHERE = {"KAFKA_BOOTSTRAP_SERVER": "kafka://127.0.0.1:1", "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1"}


def run(*arguments: str, environment: dict[str, str] | None = None, text: str = "") -> Result:
    """Run the program in this process."""
    settings = {"SIMPLE_SETTINGS": "settings", **NOWHERE, **(environment or {})}
    return CliRunner().invoke(
        main, arguments, prog_name="pg-streaming-machine-learning", env=settings, input=text
    )


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """Return settings for a broker with three dead letters of a topic `in`, partition 2."""
    with EmbeddedBroker(topics=["in", DEAD]) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        for offset, reason in enumerate(["bad-label", "unknown-schema", "bad-label"]):
            headers: dict[str, str | bytes | None] = {
                "own": "kept",
                "reason": reason,
                "detail": f"detail {offset}",
                "topic": "in",
                "partition": "2",
                "offset": str(offset),
                "timestamp": "1600000000000",
            }
            producer.produce(DEAD, b"\x00value %d" % offset, b"\xffkey", partition=0, headers=headers)
        producer.flush(10)
        yield {"KAFKA_BOOTSTRAP_SERVER": f"kafka://{broker.bootstrap}"}


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["demo"],
        ["demo", "record"],
        ["inspect"],
        ["dead-letters"],
        ["dead-letters", "list"],
        ["dead-letters", "replay"],
    ],
    ids=" ".join,
)
def test_help_teaches(command: list[str]) -> None:
    """Every command says what it does; those with options show a line to type."""
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: pg-streaming-machine-learning" in result.output
    if command not in (["dead-letters", "list"], ["dead-letters", "replay"]):
        assert "      pg-streaming-machine-learning " in result.output


def test_the_program_lists_its_commands() -> None:
    """Worker and demo first of all."""
    output = run("--help").output
    assert all(command in output for command in ("worker", "demo", "inspect", "dead-letters"))


def test_version() -> None:
    """Which release this is."""
    assert run("--version").output == f"pg-streaming-machine-learning {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [["inspect", "pg-streaming-predictions"], ["dead-letters", "list"], ["dead-letters", "replay", "--all"]],
    ids=" ".join,
)
def test_no_broker_is_one_line_and_exit_code_3(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback for what a user can cause."""
    monkeypatch.setattr(TopicReader.__init__, "__defaults__", (0.5,))
    result = run(*arguments)
    assert result.exit_code == 3
    assert result.output.startswith("pg-streaming-machine-learning: no Kafka answered at 127.0.0.1:1")
    assert result.output.count("\n") == 1


def test_no_registry_is_one_line_and_exit_code_5() -> None:
    """Avro cannot be read without it."""
    result = run("inspect", "pg-streaming-predictions", "--hex", "-", text="00 00 00 00 01 02\n")
    assert result.exit_code == 5
    assert "http://127.0.0.1:1" in result.output
    assert result.output.count("\n") == 1


def test_a_wrong_setting_is_one_line_and_exit_code_2() -> None:
    """It names setting and value."""
    result = run("dead-letters", "list", environment={"WINDOW_SIZE_S": "soon"})
    assert result.exit_code == 2
    assert "WINDOW_SIZE_S is 'soon'" in result.output
    assert result.output.count("\n") == 1


def test_inspect_needs_no_registry_for_the_log() -> None:
    """Keys of the log are text."""
    result = run("inspect", "pg-streaming-samples", "--key", "--hex", "-", text="63 61 72 74")
    assert (result.exit_code, result.output) == (0, '"cart"\n')


@pytest.mark.parametrize("text", ["6", "xy", "00 0"])
def test_inspect_says_what_is_not_hexadecimal(text: str) -> None:
    """A usage error."""
    result = run("inspect", "pg-streaming-samples", "--hex", "-", text=text)
    assert result.exit_code == 2
    assert "not hexadecimal digits" in result.output


def test_inspect_reads_digits_from_a_file(tmp_path: Path) -> None:
    """As xxd and others write them, over several lines."""
    digits = tmp_path / "digits"
    digits.write_text("0x6361\n7274\n")
    result = run("inspect", "pg-streaming-samples", "--key", "--hex", str(digits), "--compact")
    assert (result.exit_code, result.output) == (0, '"cart"\n')


def test_inspect_shows_records_by_place(environment: dict[str, str]) -> None:
    """A dead letter with its headers; what cannot be decoded is shown as digits."""
    result = run("inspect", DEAD, "--partition", "0", "--offset", "1", "--compact", environment=environment)
    assert result.exit_code == 0
    shown = json.loads(result.output)
    assert (shown["partition"], shown["offset"]) == (0, 1)
    assert shown["headers"]["reason"] == "unknown-schema"
    assert shown["key"] == {"hex": b"\xffkey".hex(" ")}


def test_inspect_shows_the_last_record_of_each_partition(environment: dict[str, str]) -> None:
    """Empty partitions have none."""
    result = run("inspect", DEAD, environment=environment)
    assert json.loads(result.output)["offset"] == 2


def test_inspect_says_if_there_is_no_such_record(environment: dict[str, str]) -> None:
    """Not an error: the topic may be empty."""
    result = run("inspect", DEAD, "--partition", "3", environment=environment)
    assert (result.exit_code, result.output) == (0, f"no such record in {DEAD}\n")


def test_a_missing_topic_is_exit_code_4(environment: dict[str, str]) -> None:
    """One line."""
    result = run("inspect", "nothing", environment=environment)
    assert result.exit_code == 4
    assert "there is no topic 'nothing'" in result.output


def test_dead_letters_are_listed(environment: dict[str, str]) -> None:
    """Place, origin, reason and detail; then how many of each reason."""
    lines = run("dead-letters", "list", environment=environment).output.splitlines()
    assert lines[1].split() == ["0:1", "in[2]@1", "unknown-schema", "detail", "1"]
    assert lines[-1] == "3 dead letters: bad-label 2, unknown-schema 1"


def test_dead_letters_are_listed_as_json(environment: dict[str, str]) -> None:
    """For programs, with the bytes."""
    result = run("dead-letters", "list", "--reason", "unknown-schema", "--json", environment=environment)
    (letter,) = map(json.loads, result.output.splitlines())
    assert letter["origin"] == {"topic": "in", "partition": 2, "offset": 1}
    assert bytes.fromhex(letter["value"]) == b"\x00value 1"


def test_replay_sends_untouched_bytes_back(environment: dict[str, str]) -> None:
    """To the partition they came from, with the headers they had, and a count of replays."""
    result = run("dead-letters", "replay", "--offset", "0:1-2", "--yes", environment=environment)
    assert result.exit_code == 0
    assert result.output.endswith("2 records sent back\n")
    with TopicReader(environment["KAFKA_BOOTSTRAP_SERVER"].removeprefix("kafka://")) as reader:
        sent = reader.some("in", 2, 0, 10)
    assert [(record.key, record.value) for record in sent] == [
        (b"\xffkey", b"\x00value 1"),
        (b"\xffkey", b"\x00value 2"),
    ]
    assert {record.headers for record in sent} == {(("own", b"kept"), ("dead-letter-replays", b"1"))}


def test_replay_only_says_what_it_would_do(environment: dict[str, str]) -> None:
    """A dry run sends nothing."""
    result = run("dead-letters", "replay", "--topic", "in", "--dry-run", environment=environment)
    assert result.exit_code == 0
    assert result.output.count("in[2]@") == 3
    with TopicReader(environment["KAFKA_BOOTSTRAP_SERVER"].removeprefix("kafka://")) as reader:
        assert reader.bounds("in", 2) == (0, 0)


@pytest.mark.parametrize(("answer", "sent"), [("y\n", 3), ("n\n", 0), ("", 0)])
def test_replay_asks(environment: dict[str, str], answer: str, sent: int) -> None:
    """Only a yes sends."""
    result = run("dead-letters", "replay", "--all", environment=environment, text=answer)
    assert "send 3 records back?" in result.output
    assert result.exit_code == (0 if sent else 1)
    with TopicReader(environment["KAFKA_BOOTSTRAP_SERVER"].removeprefix("kafka://")) as reader:
        assert reader.bounds("in", 2) == (0, sent)


@pytest.mark.parametrize("arguments", [[], ["--all", "--topic", "in"]], ids=["nothing chosen", "both"])
def test_replay_wants_a_choice(environment: dict[str, str], arguments: list[str]) -> None:
    """All of them only if it is said, and then without conditions."""
    result = run("dead-letters", "replay", "--yes", *arguments, environment=environment)
    assert result.exit_code == 2
    assert "--all" in result.output


def test_a_replay_of_nothing_is_no_error(environment: dict[str, str]) -> None:
    """There may be none of a reason."""
    result = run("dead-letters", "replay", "--reason", "null-key", "--yes", environment=environment)
    assert (result.exit_code, result.output) == (0, "0 dead letters\n")


def test_a_dead_letter_without_origin_is_not_sent(environment: dict[str, str]) -> None:
    """Nothing of the choice is sent then: the line says which one it was."""
    bootstrap = environment["KAFKA_BOOTSTRAP_SERVER"].removeprefix("kafka://")
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce(DEAD, b"stray", partition=1)
    producer.flush(10)
    result = run("dead-letters", "replay", "--all", "--yes", environment=environment)
    assert result.exit_code == 70
    assert f"dead letter {DEAD}[1]@0 does not say where it came from" in result.output
    with TopicReader(bootstrap) as reader:
        assert reader.bounds("in", 2) == (0, 0)


def test_a_dead_letter_that_left_its_bytes_behind_is_not_sent(environment: dict[str, str]) -> None:
    """A record too large for the dead-letter topic is still where it was; nothing must take its place."""
    bootstrap = environment["KAFKA_BOOTSTRAP_SERVER"].removeprefix("kafka://")
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    headers: dict[str, str | bytes | None] = {
        "reason": "too-large",
        "topic": "in",
        "partition": "2",
        "offset": "9",
    }
    producer.produce(DEAD, None, None, partition=1, headers=headers)
    producer.flush(10)
    result = run("dead-letters", "replay", "--reason", "too-large", "--yes", environment=environment)
    assert result.exit_code == 70
    assert "its bytes are still at in[2]@9" in result.output


def test_the_demo_says_if_there_is_no_recording(tmp_path: Path) -> None:
    """Not a traceback of numpy's."""
    result = run("demo", "--recording", str(tmp_path))
    assert result.exit_code == 70
    assert f"recording {str(tmp_path)!r} cannot be read" in result.output
    assert result.output.count("\n") == 1
