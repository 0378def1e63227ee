"""The log before there is one: what is said while the application is created, on standard error.

Faust sets logging up when its worker starts, which is after the application was imported. The forest may be
compiled in between, for half a minute that nobody should have to guess the reason of.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["log_to_stderr"]

PACKAGE = "pg_streaming_machine_learning"
_FORMAT = "[%(asctime)s] [%(process)s] [%(levelname)s] %(message)s"


@contextmanager
def log_to_stderr() -> Iterator[None]:
    """Print what our package logs, from INFO on, unless somebody has set logging up; undone at the end."""
    if logging.getLogger().handlers:
        yield
        return
    ours = logging.getLogger(PACKAGE)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(_FORMAT))
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
