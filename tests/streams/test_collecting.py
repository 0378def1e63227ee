"""The collector of cycles is asked less often, and still asked."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from pg_streaming_machine_learning.streams.collecting import YOUNG, collect_seldom

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


class Knot:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_are_still_collected() -> None:
    """By themselves, after so many objects; nobody calls the collector."""
    collect_seldom()
    gone = weakref.ref(Knot())
    kept = [[number] for number in range(2 * YOUNG)]
    assert len(kept) == 2 * YOUNG
    assert gone() is None


def test_what_was_there_is_not_looked_at_again() -> None:
    collect_seldom()
    assert gc.get_freeze_count() > 10_000


def test_the_worker_does_so() -> None:
    """Before Faust takes over."""
    script = """
import gc
import faust
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.worker import Worker

def instead(self):
    print(gc.get_threshold()[0], gc.get_freeze_count() > 10_000)
    raise SystemExit(0)

faust.Worker.execute_from_commandline = instead
Worker(Application(Settings(), Positions())).execute_from_commandline()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == (f"{YOUNG} True\n", 0), done.stderr
