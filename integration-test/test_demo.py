"""The demo as a user starts it: a process, which shows predictions and leaves nothing behind."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

MINUTES = "8"
"""How much of the recording is replayed: with some minutes of faults, and short enough for a test."""

END_TIMEOUT_S = 150.0
MARK = "PG_DEMO_TEST"

_COMPARED = re.compile(r": 0 missing, (?P<doubled>\d+) doubled, 0 divergent, 0 that it does not have\.")
_PROGRESS = re.compile(r"(?P<predictions>\d+) predictions .* worker pid (?P<pid>\d+)")


class Demo:
    """A run of the demo, marked in its environment so that all its processes can be found.

    Parameters
    ----------
    directory : Path
        Made for it: its temporary files and what it saves.
    arguments : str
        Options of the command.
    """

    def __init__(self, directory: Path, *arguments: str, stdout: int = subprocess.PIPE) -> None:
        self.mark = uuid.uuid4().hex
        self.temporary = directory / "tmp"
        self.temporary.mkdir(parents=True)
        self.saved = directory / "predictions.jsonl"
        command = [sys.executable, "-m", "pg_streaming_machine_learning", "demo", "--minutes", MINUTES]
        self.process = subprocess.Popen(
            [*command, "--speed", "0", "--save", str(self.saved), *arguments],
            cwd=Path(__file__).parent.parent,
            env={
                **os.environ,
                MARK: self.mark,
                "TMPDIR": str(self.temporary),
                "TERM": "xterm-256color",
                "PYTHONUTF8": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def end(self) -> str:
        """Return what it printed, one space between words, after it has ended by itself."""
        output, _ = self.process.communicate(timeout=END_TIMEOUT_S)
        return " ".join(output.decode().split())

    def processes(self) -> list[psutil.Process]:
        """Return what runs of it, itself included."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def worker(self) -> psutil.Process:
        """Return the worker's process, waiting until there is one."""
        found: list[psutil.Process] = []

        def search() -> bool:
            found[:] = [each for each in self.processes() if each.pid != self.process.pid]
            return bool(found)

        wait_until(search)
        return found[0]

    def predictions(self) -> dict[str, object]:
        """Return the saved predictions by id; an id may be saved once only."""
        lines = [json.loads(line) for line in self.saved.read_text(encoding="utf-8").splitlines()]
        assert len({line["id"] for line in lines}) == len(lines)
        return {line["id"]: line for line in lines}

    def leaves_nothing(self) -> bool:
        """Say whether neither a process nor a temporary file is left."""
        return not self.processes() and list(self.temporary.iterdir()) == []

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once something is true."""
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Return what starts the demo; whatever happens, nothing outlives the test."""
    started: list[Demo] = []

    def starting(*arguments: str, stdout: int = subprocess.PIPE) -> Demo:
        started.append(Demo(tmp_path / f"demo-{len(started)}", *arguments, stdout=stdout))
        return started[-1]

    yield starting
    for demo in started:
        for process in demo.processes():
            process.kill()
        demo.process.communicate()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], str]:
    """Return predictions and output of a run that nothing disturbs."""
    demo = Demo(tmp_path_factory.mktemp("undisturbed"))
    output = demo.end()
    assert demo.process.returncode == 0, output
    assert demo.leaves_nothing()
    return demo.predictions(), output


def test_without_a_terminal_it_prints_lines_and_a_summary(
    undisturbed: tuple[dict[str, object], str],
) -> None:
    """Plain text: progress, the model beside the baselines, dead letters, what to try next."""
    predictions, output = undisturbed
    assert "\x1b" not in output
    assert "same label as the host's window before" in output
    assert "10 of 10 bad records became dead letters" in output
    assert "Try next:" in output
    # Readings of 8 minutes lie in 97 windows of 10 s every 5 s; the recording may begin between two starts.
    assert len(predictions) in (97 * 6, 98 * 6)
    assert f"{len(predictions)} predictions from" in output


def test_again_and_two_at_once_it_predicts_the_same(
    start: Callable[..., Demo], undisturbed: tuple[dict[str, object], str]
) -> None:
    """A second and a third run at the same time neither fail nor change anything."""
    demos = [start(), start()]
    for demo in demos:
        output = demo.end()
        assert demo.process.returncode == 0, output
        assert demo.predictions() == undisturbed[0]
        assert demo.leaves_nothing()


def test_its_own_kills_change_no_prediction(
    start: Callable[..., Demo], undisturbed: tuple[dict[str, object], str]
) -> None:
    """`kill -9` and a restart, three times: every id is there, with the same bytes."""
    demo = start("--kill", "3")
    output = demo.end()
    assert demo.process.returncode == 0, output
    assert "The worker was killed 3 times." in output
    assert ", 0 with other contents, 0 missing" in output
    assert demo.predictions() == undisturbed[0]
    assert demo.leaves_nothing()


def test_killed_by_a_user_again_and_again_it_compares_with_an_undisturbed_run(
    start: Callable[..., Demo], undisturbed: tuple[dict[str, object], str], tmp_path: Path
) -> None:
    """The worker is found by the pid that is shown; once there are predictions, two of them are killed."""
    quiet = tmp_path / "quiet.jsonl"
    quiet.write_text("".join(json.dumps(each) + "\n" for each in undisturbed[0].values()), encoding="utf-8")
    demo = start("--compare", str(quiet), "--speed", "50")
    assert demo.process.stdout is not None
    killed: set[int] = set()
    shown = []
    for line in demo.process.stdout:
        shown.append(line.decode())
        found = _PROGRESS.search(shown[-1])
        if found is not None and int(found["predictions"]) > 0 and len(killed) < 2:
            pid = int(found["pid"])
            if pid not in killed:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
    output = " ".join("".join(shown).split())
    demo.process.wait(END_TIMEOUT_S)
    assert "The worker was killed 2 times." in output
    assert f"Compared with the {len(undisturbed[0])} predictions of" in output
    compared = _COMPARED.search(output)
    assert compared is not None, output
    # A kill that hits the middle of a transaction, which is seldom, leaves records that this broker shows.
    doubled = int(compared["doubled"])
    assert demo.process.returncode == (1 if doubled else 0)
    assert ("The embedded broker shows the records of a transaction" in output) == (doubled > 0)
    assert demo.leaves_nothing()


def test_a_comparison_can_fail(
    start: Callable[..., Demo], undisturbed: tuple[dict[str, object], str], tmp_path: Path
) -> None:
    """Other predictions than those that were saved are told apart, and the exit code says so."""
    saved = [dict(each) for each in undisturbed[0].values() if isinstance(each, dict)]
    saved[0]["id"] = "nobody@0+0"
    saved[1]["value"] = saved[2]["value"]
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps(each) + "\n" for each in saved), encoding="utf-8")
    demo = start("--compare", str(other))
    output = demo.end()
    assert demo.process.returncode == 1
    assert "1 missing, 0 doubled, 1 divergent, 1 that it does not have." in output
    assert demo.leaves_nothing()


def test_what_was_not_saved_by_the_demo_is_no_run_to_compare_with(
    start: Callable[..., Demo], tmp_path: Path
) -> None:
    """It is said before anything starts."""
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "one"}\n', encoding="utf-8")
    demo = start("--compare", str(other))
    output = demo.end()
    assert demo.process.returncode == 70
    assert "is no saved prediction" in output
    assert demo.leaves_nothing()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + 15), (signal.SIGHUP, 128 + 1)]
)
def test_told_to_end_it_ends_everything(start: Callable[..., Demo], number: int, code: int) -> None:
    """Ctrl-C, SIGTERM and a closed terminal: within seconds, and without a traceback."""
    demo = start()
    demo.worker()
    os.kill(demo.process.pid, number)
    told_s = time.monotonic()
    output = demo.end()
    assert demo.process.returncode == code
    assert time.monotonic() - told_s < 15
    assert "Traceback" not in output
    assert demo.leaves_nothing()


def test_a_live_run_comes_to_its_end(start: Callable[..., Demo]) -> None:
    """The services start, their limits are measured, the worker predicts, and nothing is left."""
    demo = start("--live", "--minutes", "0.7")
    output = demo.end()
    assert demo.process.returncode == 0, output
    assert "Six services start on this machine" in output
    assert "payment slow above" in output
    assert "10 of 10 bad records became dead letters" in output
    assert "in real time" in output
    # Readings of 42 s; which windows they lie in depends on when it began.
    assert 8 * 6 <= len(demo.predictions()) <= 11 * 6
    assert demo.leaves_nothing()


def test_a_live_run_ends_when_told_to(start: Callable[..., Demo]) -> None:
    """Ctrl-C, also while it is still measured what is usual: every service ends."""
    demo = start("--live")
    wait_until(lambda: len(demo.processes()) >= 7)
    os.kill(demo.process.pid, signal.SIGINT)
    output = demo.end()
    assert demo.process.returncode == 130
    assert "Traceback" not in output
    assert demo.leaves_nothing()


def test_killed_it_leaves_no_worker(start: Callable[..., Demo]) -> None:
    """`kill -9` runs no clean-up: the worker sees the demo's end, and goes."""
    demo = start()
    demo.worker()
    demo.process.kill()
    wait_until(lambda: demo.processes() == [])


def test_a_worker_that_leaves_is_an_error(start: Callable[..., Demo]) -> None:
    """The demo does not wait for what cannot come."""
    demo = start()
    demo.worker().terminate()
    output = demo.end()
    assert demo.process.returncode == 70
    assert "pg-streaming-machine-learning: the worker left with exit code" in output
    assert demo.leaves_nothing()


def test_in_a_terminal_it_draws_a_table(start: Callable[..., Demo]) -> None:
    """Bars, trails and scores are drawn in place."""
    ours, theirs = pty.openpty()
    demo = start("--minutes", "2", stdout=theirs)
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 65536):
            drawn += chunk
    except OSError:
        pass  # Linux says so when the last writer has closed the terminal
    os.close(ours)
    assert demo.process.wait(timeout=END_TIMEOUT_S) == 0
    text = drawn.decode()
    assert "scored so far" in text
    assert "\x1b[" in text
    assert "Try next:" in text
