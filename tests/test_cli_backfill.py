"""The command `backfill`: what it prints, writes and refuses."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from confluent_kafka import Producer
from rich.console import Console
from river import base

from pg_streaming_machine_learning.cli import main
from pg_streaming_machine_learning.cli.backfill_view import create_backfill_view
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.saved import load_values
from pg_streaming_machine_learning.learning.models import DEFAULT_MODEL
from pg_streaming_machine_learning.operations.backfill import inputs
from pg_streaming_machine_learning.operations.backfill.account import Account
from pg_streaming_machine_learning.operations.snapshot_file import read_snapshot_file
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from tests.operations.backfill.written import LINES, TARGETS, records

SETTINGS = {
    "SIMPLE_SETTINGS": "settings",
    "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
    "SOURCES": "telegraf,targets",
    "TELEGRAF_TOPIC": LINES,
    "TARGETS_TOPIC": TARGETS,
    "WINDOW_SIZE_S": "10",
    "WINDOW_HOP_S": "5",
    "WINDOW_GRACE_S": "5",
    "CHECK_CRCS": "false",
    "SNAPSHOT_KEY": "the key of these tests",
    "MODEL_PARAMETERS": '{"n_models": 2}',
}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Return settings for a broker with lines and labels."""
    with EmbeddedBroker(topics=[LINES, TARGETS, "empty"]) as broker:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        for each in records():
            producer.produce(
                each.topic, each.value, each.key, partition=each.partition, timestamp=each.timestamp_ms
            )
        assert producer.flush(30) == 0
        yield {**SETTINGS, "KAFKA_BOOTSTRAP_SERVER": f"kafka://{broker.bootstrap}"}


def run(environment: dict[str, str], *arguments: str, **settings: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(
        main,
        ["backfill", *arguments],
        prog_name="pg-streaming-machine-learning",
        env={**environment, **settings},
    )


def test_it_learns_and_prints_how_right_the_model_was(environment: dict[str, str]) -> None:
    """Scores beside what needs no model, counts, and what was refused; progress is no part of the output."""
    done = run(environment)
    assert done.exit_code == 0, done.output
    assert "always no" in done.stdout
    assert "By kappa the model" in done.stdout
    found = records()
    assert f"of 4 hosts from {len(found)} records in " in done.stdout
    bad = sum(record.value == b"no line" for record in found)
    assert f"dead letters of them: bad-line {bad}; the first ones:" in done.stdout
    assert f"  {LINES}[" in done.stdout
    assert "100 %" in done.stderr
    assert "100 %" not in done.stdout


def test_predictions_are_saved_with_the_bytes_of_the_topic(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """One line each; a file that is there stays, unless told otherwise."""
    file = tmp_path / "predictions.jsonl"
    with DemoRegistry.start_in_thread() as registry:
        done = run(environment, "--save", str(file), SCHEMA_REGISTRY_URL=registry.url)
        assert done.exit_code == 0, done.output
        again = run(environment, "--save", str(file), SCHEMA_REGISTRY_URL=registry.url)
    assert "the bytes in the file carry schema id 0" in done.stderr
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == len(load_values(file)) > 80
    assert f"{len(lines):,} predictions of 4 hosts" in done.stdout
    assert {line["model_name"] for line in lines} == {DEFAULT_MODEL}
    assert again.exit_code == 70
    assert "is there already: take another name, or --force" in again.output


def test_without_a_registry_predictions_cannot_be_saved(environment: dict[str, str], tmp_path: Path) -> None:
    """Nothing else here needs one."""
    done = run(environment, "--save", str(tmp_path / "x.jsonl"))
    assert (done.exit_code, done.output.count("\n")) == (5, 1)
    assert "http://127.0.0.1:1" in done.output


def test_the_model_goes_into_a_file_with_a_name(environment: dict[str, str], tmp_path: Path) -> None:
    """One for each partition of the log, with the lines that put it to work."""
    file = tmp_path / "january.pgsx"
    done = run(environment, "--snapshot", str(file), "--name", "january", LOG_PARTITIONS="2")
    assert done.exit_code == 0, done.output
    assert f"pg-streaming-machine-learning snapshot import {file}" in done.stdout
    assert "pg-streaming-machine-learning snapshot restore january" in done.stdout
    content = read_snapshot_file(file, 10_000_000)
    assert (content.name, len(content.snapshots)) == ("january", 2)
    learned = [one.manifest.figures["samples_learned"] for one in content.snapshots]
    assert sum(learned) > 50


def test_the_log_is_another_source(environment: dict[str, str]) -> None:
    """Which is not there before a worker was."""
    done = run(environment, "--source", "log")
    assert done.exit_code == 4
    assert "there is no topic 'pg-streaming-samples'" in done.output


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--from", "2023-11-15", "--to", "2023-11-14"], 2, "--from is not before --to"),
        (["--from", "yesterday"], 2, "'yesterday' is no time, expected ISO-8601 such as"),
        (["--to", "99999999999999999"], 2, "is not between the years 1970 and 9999"),
        (["--from", "2023-11-16T00:00:00+01:00"], 70, "no record from 2023-11-15T23:00:00.000Z; the last"),
        (["--snapshot", "x.pgsx", "--name", "slot-0"], 70, "a snapshot cannot be called 'slot-0'"),
    ],
    ids=["turned round", "no time", "no year", "after the end", "no name"],
)
def test_what_cannot_be_is_said(
    environment: dict[str, str], arguments: list[str], code: int, text: str
) -> None:
    """In a sentence, with an exit code."""
    done = run(environment, *arguments)
    assert done.exit_code == code
    assert text in " ".join(done.output.split())


def test_a_topic_without_records_and_one_that_is_not_there(environment: dict[str, str]) -> None:
    """Neither is a traceback."""
    empty = run(environment, SOURCES="telegraf", TELEGRAF_TOPIC="empty")
    assert (empty.exit_code, "'empty' at present hold no records" in empty.output) == (70, True)
    absent = run(environment, TELEGRAF_TOPIC="absent")
    assert (absent.exit_code, "there is no topic 'absent'" in absent.output) == (4, True)


def test_no_broker_is_one_line_and_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback for what a user can cause."""
    monkeypatch.setattr(TopicReader.__init__, "__defaults__", (0.5,))
    done = run({**SETTINGS, "KAFKA_BOOTSTRAP_SERVER": "kafka://127.0.0.1:1"})
    assert (done.exit_code, done.output.count("\n")) == (3, 1)
    assert "no Kafka answered at 127.0.0.1:1" in done.output


class PressesCtrlC(base.Classifier):  # type: ignore[misc]
    """A model during whose thirtieth lesson somebody presses Ctrl-C."""

    lessons = 0

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        """Learn nothing."""
        type(self).lessons += 1
        if type(self).lessons == 30:
            signal.raise_signal(signal.SIGINT)

    def predict_proba_one(self, x: dict[Any, Any]) -> dict[Any, float]:
        """Return that all is well."""
        return {0: 1.0, 1: 0.0}


def test_ctrl_c_ends_it_with_what_was_learned_so_far(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two batches: scores and counts are printed, and what was predicted is in the file."""
    monkeypatch.setattr(inputs, "BATCH_RECORDS", 100)
    file = tmp_path / "predictions.jsonl"
    model = {"MODEL": "tests.test_cli_backfill.PressesCtrlC", "MODEL_PARAMETERS": "{}"}
    with DemoRegistry.start_in_thread() as registry:
        done = run(environment, "--save", str(file), SCHEMA_REGISTRY_URL=registry.url, **model)
    assert done.exit_code == 130, done.output
    assert "what follows is of what was read so far" in done.stderr
    assert "ended by Ctrl-C" in done.stderr
    predictions = len(load_values(file))
    assert 28 <= predictions < 100
    assert f"{predictions} predictions of 4 hosts from " in done.stdout
    assert "windows are still open and not predicted" in done.stdout


def test_help_teaches() -> None:
    """With lines to type."""
    text = run({}, "--help").output
    assert "      pg-streaming-machine-learning backfill --from 2026-01-01" in text


def test_the_bar_moves_in_a_terminal() -> None:
    """It shows share, records a second and predictions."""
    drawn = StringIO()
    console = Console(file=drawn, force_terminal=True, width=100, color_system=None)
    account = Account(records=500, predictions=12)
    with create_backfill_view(console, 1000, plain=False) as view:
        view.show(500, account)
    assert "50%" in drawn.getvalue()
    assert "records/s" in drawn.getvalue()
    assert "12 predictions" in drawn.getvalue()
