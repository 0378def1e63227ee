"""A simulation in files: lines, spans and truth."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.simulation.messages import span_messages
from pg_streaming_machine_learning.simulation.simulation import Cycle
from pg_streaming_machine_learning.simulation.truth import TRUTH_COLUMNS, TruthRow

__all__ = ["LINES_FILE", "SPANS_FILE", "TRUTH_FILE", "Files", "TruthFile"]

LINES_FILE = "telegraf.lines"
SPANS_FILE = "spans.jsonl"
TRUTH_FILE = "truth.csv"


class _CycleFile:
    """A file that only ever holds whole cycles, unless the machine itself stops.

    Parameters
    ----------
    path : Path
        Which file.
    replace : bool
        Whether a file that is there is replaced.

    Raises
    ------
    RecordingError
        If it cannot be written, or is there and not to be replaced.
    """

    def __init__(self, path: Path, replace: bool) -> None:
        self._path = path
        self._size = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecordingError(f"directory {path.parent} cannot be made: {error.strerror}") from error
        try:
            self._file = path.open("wb" if replace else "xb", buffering=0)
        except FileExistsError as error:
            raise RecordingError(f"{path} is there already; choose another place, or --force") from error
        except OSError as error:
            raise RecordingError(f"{path} cannot be written: {error.strerror}") from error

    def append(self, text: str) -> None:
        """Write all of it, or nothing."""
        data = memoryview(text.encode())
        written = 0
        try:
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(self._path, self._size)
            raise RecordingError(f"{self._path} cannot be written: {error.strerror}") from error
        self._size += written

    def close(self) -> None:
        self._file.close()


class TruthFile:
    """The truth as a table, a row once it is over.

    Parameters
    ----------
    path : Path
        Which file.
    replace : bool
        Whether a file that is there is replaced.
    """

    def __init__(self, path: Path, replace: bool = False) -> None:
        self._file = _CycleFile(path, replace)
        self._file.append(",".join(TRUTH_COLUMNS) + "\n")

    def write(self, rows: Iterable[TruthRow]) -> None:
        """Append rows."""
        self._file.append("".join(f"{row.line()}\n" for row in rows))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Files:
    """Lines and spans in files of a directory.

    Parameters
    ----------
    directory : Path
        Made if it is missing.
    replace : bool
        Whether files that are there are replaced.
    """

    def __init__(self, directory: Path, replace: bool = False) -> None:
        self._lines = _CycleFile(directory / LINES_FILE, replace)
        try:
            self._spans = _CycleFile(directory / SPANS_FILE, replace)
        except RecordingError:
            self._lines.close()
            raise

    def write(self, cycle: Cycle) -> int:
        """Write a cycle; return how many lines of the files it is."""
        lines = [line for _, lines_of_host in cycle.lines for line in lines_of_host]
        spans = span_messages(cycle)
        self._lines.append("".join(lines))
        self._spans.append("".join(f"{message}\n" for message in spans))
        return len(lines) + len(spans)

    def close(self) -> None:
        """Close the files."""
        self._lines.close()
        self._spans.close()
