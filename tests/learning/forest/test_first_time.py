"""Whoever waits for the compiler reads it in the log; whoever does not wait reads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from numba import njit

from pg_streaming_machine_learning.learning.forest.first_time import telling


def uncompiled() -> Any:
    """Return a function that is compiled when it is first called."""

    def one_more(number: int) -> int:
        return number + 1

    return njit(one_more)


def test_it_is_said_once_when_something_is_compiled(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """However many functions there are; then how long it took."""
    caplog.set_level("INFO")
    with telling(tmp_path):
        assert caplog.messages == []
        assert uncompiled()(1) == 2
        assert len(caplog.messages) == 1
        assert uncompiled()(2) == 3
    said, done = caplog.messages
    assert said.startswith("compiling the forest, once")
    assert str(tmp_path) in said
    assert done.startswith("forest compiled seconds=")


def test_nothing_is_said_where_all_is_there(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """A function that was compiled before; and what is compiled afterwards, by others, is not told."""
    caplog.set_level("INFO")
    compiled = uncompiled()
    assert compiled(1) == 2
    with telling(tmp_path):
        assert compiled(2) == 3
    assert uncompiled()(3) == 4
    assert caplog.messages == []
