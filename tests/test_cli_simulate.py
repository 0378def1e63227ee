"""The command `simulate` teaches, writes what it says, and ends cleanly."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pg_streaming_machine_learning.cli import main
from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.simulation.plan import Scenario

PROGRAM = "pg-streaming-machine-learning"
FILES = ("telegraf.lines", "spans.jsonl", "truth.csv")


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["simulate", *arguments], prog_name=PROGRAM)


def digests(directory: Path) -> list[str]:
    """Return the hashes of what a run wrote."""
    return [hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in FILES]


def test_help_teaches() -> None:
    """It says what it does, with lines to type, and names every scenario."""
    output = run("--help").output
    assert f"      {PROGRAM} simulate --output fleet\n" in output
    assert all(scenario.value in output for scenario in Scenario)


def test_two_runs_with_a_seed_are_equal_byte_for_byte(tmp_path: Path) -> None:
    """Also another length is the same as far as it goes; another seed is not."""
    options = ["--hosts", "8", "--episode", "5m"]
    for name, *more in (
        ("one", "--duration", "20m"),
        ("two", "--seconds", "1200"),
        ("long", "--duration", "25m"),
        ("other", "--duration", "20m", "--seed", "2"),
    ):
        assert run("--output", str(tmp_path / name), *options, *more).exit_code == 0
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert digests(tmp_path / "one") != digests(tmp_path / "other")
    for name in FILES[:2]:
        short, long = (tmp_path / "one" / name).read_bytes(), (tmp_path / "long" / name).read_bytes()
        assert long.startswith(short)
        assert len(long) > len(short)


def test_it_says_what_it_makes_and_what_it_made(tmp_path: Path) -> None:
    """On the standard error; the standard output stays empty."""
    result = run("--output", str(tmp_path), "--hosts", "3", "--duration", "10m", "--scenarios", "none")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "3 hosts of 3 services, 60 cycles of 10 s from 2026-01-05T00:00:00Z\n" in result.stderr
    assert "60 cycles, 1,080 lines and " in result.stderr
    assert "0 rows of truth" in result.stderr


def test_a_run_without_a_scenario_to_see_is_told(tmp_path: Path) -> None:
    """The first episode is quiet."""
    result = run("--output", str(tmp_path), "--hosts", "3", "--duration", "20m")
    assert "the first episode is quiet, and longer than the run: no scenario will be seen" in result.stderr


def test_start_names_and_objective_are_taken(tmp_path: Path) -> None:
    """As they are given; the start goes down to a whole cycle."""
    options = ["--start", "2026-02-03T04:05:06+01:00", "--host-names", "--every", "1m", "--seconds", "60"]
    assert run("--output", str(tmp_path), "--hosts", "2", "--episode", "1h", *options).exit_code == 0
    lines = (tmp_path / "telegraf.lines").read_text().splitlines()
    # 2026-02-03T03:06:00Z
    assert {line.split(" ")[-1] for line in lines} == {"1770087960000000000"}
    assert {line.split("host=")[1].split(" ")[0].split(",")[0] for line in lines} == {"front-1", "cart-1"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say where to: --output DIRECTORY, or --bootstrap-server HOST:PORT"),
        (["--output", "x", "--bootstrap-server", "y:1"], "say where to: "),
        (["--output", "x", "--real-time", "--speed", "2"], "--real-time is --speed 1: give one of them"),
        (
            ["--output", "x", "--duration", "2h", "--seconds", "3"],
            "--seconds is --duration in seconds: give one of them",
        ),
        (["--output", "x", "--start", "soon"], "--start is 'soon', expected a time such as 2026-01-05T08"),
        (
            ["--bootstrap-server", "127.0.0.1:1", "--duration", "forever"],
            "--duration forever to Kafka needs --real-time, --speed or --start",
        ),
        (["--output", "x", "--every", "10"], "--every is '10', expected a number with its unit"),
        (["--output", "x", "--objective", "fast"], "--objective is 'fast', expected a number with its unit"),
        (["--output", "x", "--episode", "10s"], "episode is 10000 ms, expected a multiple of the cycle"),
        (["--output", "x", "--duration", "2 weeks"], "--duration is '2 weeks', expected"),
        (["--output", "x", "--scenarios", "flood"], "scenario is 'flood', expected all, none, or some of"),
        (["--output", "x", "--hosts", "0"], "hosts are 0, expected 1 to 1000000"),
        (["--output", "x", "--services", "21"], "services are 21, expected 1 to as many as there are hosts"),
        (["--output", "x", "--start", "1969-01-01"], "ms since the epoch, expected a multiple of the cycle"),
    ],
    ids=lambda each: " ".join(each)[:40] if isinstance(each, list) else "",
)
def test_what_cannot_be_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is written."""
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_files_of_another_run_are_kept_unless_forced(tmp_path: Path) -> None:
    """A second run says so."""
    options = ["--output", str(tmp_path), "--hosts", "1", "--seconds", "10"]
    assert run(*options).exit_code == 0
    result = run(*options)
    assert result.exit_code == 70
    assert "telegraf.lines is there already; choose another place, or --force\n" in result.stderr
    assert run(*options, "--force").exit_code == 0
    for name in FILES:
        (tmp_path / "kept").mkdir(exist_ok=True)
        (tmp_path / "kept" / name).write_text("precious")
        result = run("--output", str(tmp_path / "kept"), "--hosts", "1", "--seconds", "10")
        assert result.exit_code == 70
        assert f"{name} is there already; choose another place, or --force\n" in result.stderr
        for each in FILES:
            (tmp_path / "kept" / each).unlink(missing_ok=True)


def test_no_broker_is_one_line_and_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """No traceback for what a user can cause."""
    from pg_streaming_machine_learning.simulation.delivery import Delivery

    defaults = Delivery.__init__.__defaults__
    assert defaults is not None
    monkeypatch.setattr(Delivery.__init__, "__defaults__", (*defaults[:-1], 0.3))
    result = run("--bootstrap-server", "127.0.0.1:1")
    assert result.exit_code == 3
    assert f"\n{PROGRAM}: no Kafka answered at 127.0.0.1:1 within 0.3 s\n" in result.stderr


def test_kafka_gets_lines_and_spans_that_end_now(tmp_path: Path) -> None:
    """In the topics of the contract; the truth goes to a file."""
    truth = tmp_path / "truth.csv"
    with EmbeddedBroker() as broker:
        result = run(
            *("--bootstrap-server", f"kafka://{broker.bootstrap}", "--truth", str(truth)),
            *("--hosts", "4", "--duration", "10m", "--episode", "5m", "--message", "host"),
        )
        assert result.exit_code == 0, result.output
        keys: Counter[bytes | None] = Counter()
        with TopicReader(broker.bootstrap) as reader:
            for topic in ("pg-traces-telegraf", "pg-traces-software"):
                for number in reader.partitions(topic):
                    keys.update(record.key for record in reader.some(topic, number, 0, 10_000))
    assert set(keys) == {None, b"10.0.0.1", b"10.0.0.2", b"10.0.0.3", b"10.0.0.4"}
    assert keys[b"10.0.0.1"] <= 60 < sum(keys.values())
    assert len(truth.read_text().splitlines()) > 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ctrl_c_ends_cleanly_with_whole_cycles(number: signal.Signals, tmp_path: Path) -> None:
    """Exit code 130, every host's six lines in each cycle, whole arrays of spans, and a truth."""
    command = [
        *(sys.executable, "-m", "pg_streaming_machine_learning", "simulate", "--output", str(tmp_path)),
        *("--hosts", "5", "--scenarios", "none", "--duration", "forever", "--speed", "1000"),
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "SIMPLE_SETTINGS": "settings"}
    )
    with process:
        assert process.stderr is not None
        told = [process.stderr.readline(), process.stderr.readline()]
        process.send_signal(number)
        told += process.stderr.read().splitlines()
    assert process.returncode == 130
    assert told[0].startswith("5 hosts of 5 services, without end of 10 s from 2026-01-05")
    assert told[1].endswith(" messages ...\n")
    assert told[-1] == "stopped; all is complete up to its last cycle"
    text = (tmp_path / "telegraf.lines").read_text()
    times = Counter(line.split(" ")[-1] for line in text.splitlines())
    assert text.endswith("\n")
    assert set(times.values()) == {30}
    spans = (tmp_path / "spans.jsonl").read_text()
    assert spans.endswith("]\n")
    assert (tmp_path / "truth.csv").read_text().startswith("host,metric,scenario,")
