"""How the process ends: one line and a code, from wherever it happens."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """
import asyncio, logging, sys, threading
from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.streams.ending import ending_on_errors

if "logged" in sys.argv:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

async def work():
    with ending_on_errors("doing it"):
        {body}

thread = threading.Thread(target=lambda: asyncio.run(work()))
thread.start()
thread.join()
print("went on")
"""


def run(body: str, *arguments: str) -> tuple[int, str]:
    """Return exit code and output of a process that fails in a thread."""
    command = [sys.executable, "-c", SCRIPT.format(body=body), *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout


SWALLOWING = """
import signal, sys, time
from pg_streaming_machine_learning.streams.ending import interrupted_at_once

before = signal.getsignal(signal.SIGINT)
with interrupted_at_once():
    print("compiling", flush=True)
    while "goes on" not in sys.argv:
        try:
            time.sleep(0.01)
        except BaseException:
            pass
assert signal.getsignal(signal.SIGINT) is before
"""


def test_ctrl_c_ends_what_would_swallow_it() -> None:
    """As numba does while it compiles: at once, with exit code 130 and a word."""
    with subprocess.Popen(
        [sys.executable, "-c", SWALLOWING], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"compiling\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stdout.read() == b"interrupted\n"


def test_ctrl_c_is_what_it_was_behind_it() -> None:
    subprocess.run([sys.executable, "-c", SWALLOWING, "goes on"], cwd=ROOT, timeout=60, check=True)


@pytest.mark.parametrize("arguments", [("logged",), ()])
def test_an_error_of_ours_is_one_line_and_its_code(arguments: tuple[str, ...]) -> None:
    """With and without logging."""
    code, output = run('raise BrokerUnreachable("no broker:\\n  nowhere")', *arguments)
    assert code == 3
    assert output.removeprefix("CRITICAL ") == "doing it: no broker: nowhere, ending with exit code 3\n"


def test_a_defect_shows_where_it_is() -> None:
    """Exit code 70, and a traceback for those who mend it."""
    code, output = run("[][1]", "logged")
    assert code == 70
    assert output.startswith(
        "CRITICAL doing it: IndexError: list index out of range, ending with exit code 70\n"
    )
    assert "Traceback" in output


def test_a_panic_of_an_extension_ends_the_process_too() -> None:
    """Those written in Rust raise what is no Exception, and would end a task without a word."""
    code, output = run("raise type('PanicException', (BaseException,), {})('index out of bounds')")
    assert code == 70
    assert output == "doing it: PanicException: index out of bounds, ending with exit code 70\n"


@pytest.mark.parametrize("ending", ["KeyboardInterrupt", "SystemExit", "GeneratorExit"])
def test_what_ends_a_process_or_a_generator_by_itself_is_let_through(ending: str) -> None:
    """Somebody asked for it."""
    code, output = run(f"raise {ending}")
    assert code == 0
    assert "doing it" not in output


TASK = """
import asyncio
from pg_streaming_machine_learning.streams.ending import never_ending

async def work():
    {body}

async def run():
    task = never_ending(asyncio.create_task(work()), "working")
    await asyncio.sleep(0)
    {then}
    await asyncio.sleep(0.1)
    print("went on")

asyncio.run(run())
"""


@pytest.mark.parametrize(
    ("body", "then", "code", "says"),
    [
        ("return", "pass", 70, "working: RuntimeError: it ended unasked, ending with exit code 70\n"),
        ("[][1]", "pass", 70, "working: IndexError: list index out of range, ending with exit code 70\n"),
        ("await asyncio.sleep(60)", "task.cancel()", 0, "went on\n"),
    ],
)
def test_a_task_that_must_not_end_ends_the_process_unless_it_is_cancelled(
    body: str, then: str, code: int, says: str
) -> None:
    """Nobody waits for such a task, so nobody else would notice."""
    command = [sys.executable, "-c", TASK.format(body=body, then=then)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (code, says)


def test_being_cancelled_is_no_error() -> None:
    """That is how Faust stops its agents."""
    code, output = run("asyncio.current_task().cancel(); await asyncio.sleep(1)")
    assert code == 0
    assert output.endswith("went on\n")


def test_a_process_whose_log_is_blocked_ends_without_a_word() -> None:
    """Another thread holds the lock of the log's handler, for as long as it stands still."""
    held = (
        "threading.Thread(target=logging.getLogger().handlers[0].acquire).start(); "
        'raise BrokerUnreachable("no broker")'
    )
    assert run(held, "logged") == (3, "")
