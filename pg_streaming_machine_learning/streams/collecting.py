"""Python's collector of cycles, in a process that keeps much and makes few of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collect_seldom", "collecting_seldom"]

YOUNG = 100_000
"""Objects made and not freed after which the young ones are looked through. A hundred updates make Python's
700, a batch 20,000, and all stay until their windows close: a fifth of a worker's time went into looking at
them."""


def collect_seldom() -> None:
    """Let the collector look for cycles less often, and never at what is there already.

    What a start leaves behind (modules, classes, code) stays to the end, and is most of what a full one
    would go through in the middle of the work. Cycles are still found: asyncio and Faust make some.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Do so for the time of a context in which thousands of records are taken at a time."""
    former = gc.get_threshold()
    collect_seldom()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*former)
