"""Says that the forest is being compiled, when it is: what a folder holds does not tell.

Numba finds compiled code again only for the same file, unchanged, on the same processor. A second checkout
compiles into the folder of the first, and so does one whose files were written anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numba.core import event

__all__ = ["telling"]

logger = logging.getLogger(__name__)

_KIND = "numba:compile"


class _First(event.Listener):
    """Notes when the first function is compiled, and says so."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self.began_s: float | None = None

    def on_start(self, event: event.Event) -> None:
        if self.began_s is None:
            self.began_s = time.monotonic()
            logger.info("compiling the forest, once, for some 20 s of processor time cache=%s", self._cache)

    def on_end(self, event: event.Event) -> None:
        pass


@contextmanager
def telling(cache: Path) -> Iterator[None]:
    """Log before anything is compiled within, and how long it took; nothing if all is there already.

    Parameters
    ----------
    cache : Path
        Where the compiled code goes.
    """
    with event.install_listener(_KIND, _First(cache)) as first:
        yield
    if first.began_s is not None:
        logger.info("forest compiled seconds=%.1f", time.monotonic() - first.began_s)
