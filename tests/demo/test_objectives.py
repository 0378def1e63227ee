"""The demo's objectives are what the worker reads of their file."""

from __future__ import annotations

import math

import pytest

from pg_streaming_machine_learning.demo.objectives import objectives_text
from pg_streaming_machine_learning.labels.objective_file import read_objectives


@pytest.mark.parametrize(
    ("share", "rule"), [(0.5, "p50"), (0.9, "p90"), (0.975, "p97.5"), (0.999, "p99.9"), (1.0, "any")]
)
def test_hosts_have_their_own_limits(share: float, rule: str) -> None:
    """Microseconds of them; a host of which nothing is known has the default."""
    text = objectives_text({"cart": 48.0121, "new": math.nan, "payment": 7.5}, share)
    assert read_objectives(text, "demo").describe() == (
        f'[["cart","*",48012.0,"{rule}",5,false],["payment","*",7500.0,"{rule}",5,false],'
        '["*","*",1000000.0,"any",null,false]]'
    ).replace(f'"{rule}",5' if rule == "any" else "\0", f'"{rule}",null')
