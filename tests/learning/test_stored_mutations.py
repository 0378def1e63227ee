"""Changed bytes of models and snapshots never do harm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MUTATIONS = 18_000


@pytest.mark.slow
def test_thousands_of_changed_models_and_snapshots_are_read_or_refused() -> None:
    """In a process with 512 MB to spare: no crash, no hang, no huge memory, no import, no other exception.

    Those with a checksum that fits stand for what somebody with the key could write.
    """
    script = Path(__file__).parent / "stored_mutations.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script), str(MUTATIONS)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        # Where river's drift detector meets bytes it cannot read, it writes about it before it raises.
        env={**os.environ, "RUST_BACKTRACE": "0"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["imported"] == []
    for kind in ("models", "snapshots", "sealed"):
        assert found[kind]["refused"] > found[kind]["read"]
    assert sum(found["models"].values()) == MUTATIONS
    assert sum(found["snapshots"].values()) + sum(found["sealed"].values()) == MUTATIONS
