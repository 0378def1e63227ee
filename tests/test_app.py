"""Starting the application: nothing is connected, and what a user got wrong is one line and a code."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from faust.types import TP

from pg_streaming_machine_learning.assembly import create_app, engine_config
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import ModelError

ROOT = Path(__file__).parent.parent
APP = "pg_streaming_machine_learning.app"
COMMANDS = {
    "faust": [sys.executable, "-m", "faust", "-A", APP, "worker", "-l", "INFO"],
    "python -m": [sys.executable, "-m", "pg_streaming_machine_learning", "worker", "-l", "INFO"],
}


@pytest.fixture(autouse=True)
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the key of this machine is kept; not where that of its user is."""
    home = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    return home


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command with settings."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def test_creating_an_application_connects_to_nothing() -> None:
    """The addresses lead nowhere."""
    settings = Settings(
        kafka_bootstrap_server="kafka://localhost:1", schema_registry_url="http://localhost:1"
    )
    app = create_app(settings)
    assert app.conf.id == "pg-streaming-machine-learning"
    assert sorted(app.agents) == ["engine", "router-labeled-data"]


def test_creating_an_application_leaves_nothing_on_disk(state_home: Path) -> None:
    """Asking for help creates one too. The key for snapshots is made when a worker starts."""
    create_app(Settings())
    assert not state_home.exists()


def test_commits_wait_while_partitions_change_hands() -> None:
    """Faust says when they begin to; who is told is still there, though nobody else keeps them."""
    app = create_app(Settings())
    gc.collect()

    async def revoke() -> None:
        await app.on_partitions_revoked.send({TP("pg-streaming-samples", 0)})

    assert app.gate.is_open
    asyncio.run(revoke())
    assert not app.gate.is_open


def test_every_source_is_an_input_with_an_agent() -> None:
    """Both inputs count for the watermark then."""
    settings = Settings(sources=("labeled-data", "features"), features_topic="features")
    assert sorted(create_app(settings).agents) == ["engine", "router-features", "router-labeled-data"]
    assert engine_config(settings).inputs == ("pg-streaming-labeled-data", "features")


def test_readings_are_told_only_where_they_are_published() -> None:
    """Whatever else is."""
    assert engine_config(Settings(publish=("system-traces",))).tell_measured
    assert not engine_config(Settings(publish=("features", "targets"))).tell_measured


def test_two_applications_in_one_process() -> None:
    """Nothing is global."""
    one, two = create_app(Settings(application_id="one")), create_app(Settings(application_id="two"))
    assert one.positions is not two.positions
    assert (one.conf.id, two.conf.id) == ("one", "two")


def test_a_model_that_cannot_be_built_shows_at_once() -> None:
    """And not when the first partition arrives."""
    with pytest.raises(ModelError):
        create_app(replace(Settings(), model="river.nothing.Here"))


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_wrong_setting_is_one_line_and_code_2(command: list[str]) -> None:
    """The same for both ways to start."""
    done = run(command, WINDOW_SIZE_S="ten")
    expected = "WINDOW_SIZE_S is 'ten', expected whole seconds from 1 to 2678400 (31 days)"
    assert done.stdout == f"pg-streaming-machine-learning: {expected}\n"
    assert done.returncode == 2


def test_a_wrong_model_is_one_line_and_code_2() -> None:
    """The setting's value is in the line."""
    done = run(COMMANDS["faust"], MODEL="river.forest.ARFClasifier")
    assert done.returncode == 2
    assert done.stdout.count("\n") == 1
    assert "river.forest.ARFClasifier" in done.stdout


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_broker_is_lines_and_code_3(command: list[str]) -> None:
    """A line for each attempt, then one that says what to do; the settings were logged before."""
    done = run(command, KAFKA_BOOTSTRAP_SERVER="kafka://127.0.0.1:1", START_TIMEOUT_S="4", SEED="77")
    assert done.returncode == 3, done.stdout
    assert "setting SEED=77" in done.stdout
    assert "waiting, " in done.stdout
    last = done.stdout.rstrip().splitlines()[-1]
    assert "cannot start: no Kafka broker answers at 127.0.0.1:1" in last
    assert last.endswith("ending with exit code 3")
    assert "Traceback" not in done.stdout
