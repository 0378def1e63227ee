"""What a script prints, kept as a page of results."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

__all__ = ["RESULTS", "kept_as"]

RESULTS = Path(__file__).parent.parent / "results"


class _Twice(io.TextIOBase):
    """A stream that prints what is written, and keeps it."""

    def __init__(self) -> None:
        self._printed = sys.stdout
        self.kept = io.StringIO()

    def write(self, text: str) -> int:
        self.kept.write(text)
        return self._printed.write(text)

    def flush(self) -> None:
        self._printed.flush()


@contextmanager
def kept_as(name: str, folder: Path = RESULTS) -> Iterator[None]:
    """Keep what is printed in the context in a page of this name, once it has come to its end.

    Parameters
    ----------
    name : str
        Of the page, without its ending.
    folder : Path
        Where pages are kept.
    """
    twice = _Twice()
    with redirect_stdout(twice):
        yield
    folder.mkdir(exist_ok=True)
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    page = f"# {name}\n\nPrinted by `{command}` on {when}.\n\n{twice.kept.getvalue()}"
    (folder / f"{name}.md").write_text(page, encoding="utf-8")
