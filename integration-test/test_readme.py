"""The README's examples do what it says: they run, with other addresses, against a broker and a worker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from services.kafka import VERSIONS
from services.place import MakePlace, Place, StartWorker
from services.worker import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
WRITE, READ = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SHELL = "\n".join(re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)).replace("\\\n", " ")
COMMANDS = re.findall(r"^pg-streaming-machine-learning (?:inspect|dead-letters) .*", SHELL, re.MULTILINE)

WITHIN_S = 60.0


def elsewhere(text: str, place: Place) -> str:
    """Return an example with the addresses and topics of a place instead of those it names."""
    for said, meant in (
        ('"localhost:9092"', f'"{place.bootstrap}"'),
        ("http://localhost:8081", place.registry_url),
        ("pg-streaming-labeled-data", place.topic("INPUT")),
        ("pg-streaming-predictions", place.topic("PREDICTIONS")),
    ):
        text = text.replace(said, meant)
    return text


def python(code: str) -> subprocess.Popen[str]:
    """Start an example as a reader of the README would, from the checkout."""
    command = [sys.executable, "-W", "ignore", "-u", "-c", code]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def shell(command: str, place: Place) -> str:
    """Run a command line of the README; return what it prints."""
    program = Path(sys.executable).with_name("pg-streaming-machine-learning")
    words = [str(program), *elsewhere(command, place).split()[1:]]
    if not program.exists():
        words[:1] = [sys.executable, "-m", "pg_streaming_machine_learning"]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | place.settings,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "broker", ["embedded", pytest.param(f"kafka-{VERSIONS[-1]}", marks=pytest.mark.kafka)], indirect=True
)
def test_examples_of_the_readme(broker: str, place: MakePlace, worker: StartWorker) -> None:
    """A window that the first Python example writes is a prediction that the second and the shell show."""
    here = place(broker, IDLE_AFTER_S="1")
    worker(here)

    with python(elsewhere(WRITE, here)) as writer:
        printed, _ = writer.communicate(timeout=WITHIN_S)
    assert (writer.returncode, printed) == (0, "")

    only_bottlenecks = 'prediction["predicted_class"] == 1 and not prediction["warming_up"]'
    assert only_bottlenecks in READ
    with python(elsewhere(READ, here).replace(only_bottlenecks, "True")) as reader:
        try:
            assert reader.stdout is not None
            line = reader.stdout.readline()
        finally:
            reader.kill()
    assert re.fullmatch(r"db-1 \d+ 0\.\d+\n", line)

    assert len(COMMANDS) >= 4
    shown = [shell(command, here) for command in COMMANDS]
    assert '"host": "db-1"' in shown[0]
