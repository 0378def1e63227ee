"""Run commands at the same time: `side_by_side.py COMMAND [-- COMMAND]...`; fail if one fails.

The first one prints as it goes, the others when they have ended, so that lines do not mix. Pytest's exit code
5 (no test was chosen) is no failure as long as one command ran tests.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack

NOTHING_CHOSEN = 5


def split(arguments: Sequence[str]) -> list[list[str]]:
    """Return the commands between the dashes."""
    commands: list[list[str]] = [[]]
    for argument in arguments:
        if argument == "--":
            commands.append([])
        else:
            commands[-1].append(argument)
    return [command for command in commands if command]


def run(commands: Sequence[Sequence[str]]) -> int:
    """Run commands to their ends; return 0 if all went well."""
    with ExitStack() as stack:
        outputs = [stack.enter_context(tempfile.TemporaryFile()) for _ in commands[1:]]
        running = [subprocess.Popen(commands[0])]
        for command, output in zip(commands[1:], outputs, strict=True):
            running.append(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT))
        # Ctrl-C reaches all of them from the terminal; what is sent to this process alone is handed on.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda number, _: _tell(running, number))
        codes = [process.wait() for process in running]
        for output in outputs:
            output.seek(0)
            sys.stdout.buffer.write(output.read())
            sys.stdout.flush()
    bad = [code for code in codes if code not in (0, NOTHING_CHOSEN)]
    return bad[0] if bad else min(codes)


def _tell(running: Sequence[subprocess.Popen[bytes]], number: int) -> None:
    for process in running:
        process.send_signal(number)


if __name__ == "__main__":
    sys.exit(run(split(sys.argv[1:])))
