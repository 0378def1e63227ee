"""The supervisor of the demo's worker: a worker that was killed is started again."""

from __future__ import annotations

import signal

from pg_streaming_machine_learning.demo.worker import DemoWorker
from pg_streaming_machine_learning.errors import DemoError, TransactionError

__all__ = ["Supervisor"]

COMPILING = "compiling the forest"
"""What the worker says before it does so, and then nothing for half a minute."""

_LINES_OF_THE_WORKER = 6


class Supervisor:
    """Start a worker, and start it again when it was killed or asks for it.

    Parameters
    ----------
    worker : DemoWorker
        Who is watched.

    Attributes
    ----------
    killed : int
        How often the worker ended by SIGKILL, whoever sent it.
    restarted : int
        How often it ended with the exit code that says that a new start mends it.
    """

    def __init__(self, worker: DemoWorker) -> None:
        self._worker = worker
        self.killed = 0
        self.restarted = 0

    @property
    def pid(self) -> int | None:
        """Return the worker's process id, None before the first start."""
        return self._worker.pid

    def start(self) -> None:
        """Start the worker for the first time."""
        self._worker.start()

    def kill(self) -> None:
        """End the worker as ``kill -9`` does; the next look finds it, as if somebody else had done it."""
        self._worker.kill()

    def look(self) -> bool:
        """Start the worker again if it has ended; say so.

        Raises
        ------
        DemoError
            If it ended in another way than by SIGKILL or with exit code 75.
        """
        code = self._worker.exit_code
        if code is None:
            return False
        if code == -signal.SIGKILL:
            self.killed += 1
        elif code == TransactionError.exit_code:
            self.restarted += 1
        else:
            raise DemoError(f"the worker left with exit code {code}{self.last_words()}")
        self._worker.start()
        return True

    @property
    def is_compiling(self) -> bool:
        """Say whether the worker's last line is that it compiles the forest, which it does the first time."""
        return any(COMPILING in line for line in self._worker.last_lines(1))

    def last_words(self) -> str:
        """Return the last lines that the worker printed, each on a line of its own."""
        lines = self._worker.last_lines(_LINES_OF_THE_WORKER)
        return "".join(f"\n  worker: {line}" for line in lines)
