from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC
from pg_streaming_machine_learning.testbed.record import record
from pg_streaming_machine_learning.testbed.recording import Recording
from pg_streaming_machine_learning.testbed.shop import SERVICES

SCRIPT = """
import sys
from pathlib import Path
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC
from pg_streaming_machine_learning.testbed.record import record
try:
    record(Path(sys.argv[1]), progress=lambda line: print(line, flush=True))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_real_run_is_recorded(tmp_path: Path) -> None:
    """Two seconds of the real shop are recorded and written, over an earlier recording, with nothing left."""
    out = tmp_path / "recording"
    out.mkdir()
    (out / "of-an-earlier-one").touch()
    lines: list[str] = []
    recording = record(out, minutes=1 / 30, quiet_minutes=1 / 30, progress=lines.append, warm_up_s=0)
    assert "gateway" in {SERVICES[index] for index in np.unique(recording.request_services)}
    assert np.all(recording.request_us >= 0)
    assert 2 <= len(recording.rows_ms) <= 4
    kept = Recording.load(out)
    # Of the messages as the services' client library has encoded them.
    assert kept.checksum == recording.checksum == kept.checksum_of_messages()
    assert {message.topic for message in kept.messages()} == {LINES_TOPIC, SPANS_TOPIC}
    assert lines[-1].startswith("wrote ")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "README.md",
        "meta.json",
        "readings.csv.gz",
        "recording",
        "spans.npz.xz",
        "truth.csv",
    ]


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a recorder in a process of its own, up to its first line of progress."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "recording")], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert "warming up" in process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_leaves_nothing(
    recorder: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    """At Ctrl-C and SIGTERM the services end before the recorder does, and no file stays."""
    services = psutil.Process(recorder.pid).children()
    assert len(services) == len(SERVICES)
    recorder.send_signal(number)
    assert recorder.wait(timeout=30) == 130
    assert not any(service.is_running() for service in services)
    assert list(tmp_path.iterdir()) == []


def test_services_end_when_the_recorder_is_killed(recorder: subprocess.Popen[str]) -> None:
    """A recorder that had no time to tell its services leaves none running all the same."""
    services = psutil.Process(recorder.pid).children()
    recorder.kill()
    _, alive = psutil.wait_procs(services, timeout=30)
    assert alive == []


def test_impossible_length_is_refused_before_anything_starts(tmp_path: Path) -> None:
    """Nothing is made when the arguments do not go together."""
    with pytest.raises(RecordingError, match="expected a positive length"):
        record(tmp_path / "recording", minutes=0)
    assert list(tmp_path.iterdir()) == []
