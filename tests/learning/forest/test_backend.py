"""Compiled where it can be, kept where it can be written, else the reference, with a warning."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent

LEARN = """
import logging
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
forest = AdaptiveRandomForestClassifier(n_models=2, grace_period=20, delta=0.1, seed=3)
for n in range(300):
    forest.learn_one({"a": n % 10, "b": n % 7}, n % 10 > 4)
print(forest.backend, forest.predict_proba_one({"a": 4, "b": 1})[True].hex())
"""

BLOCKED = """
import sys
class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "numba":
            raise ImportError("numba is blocked")
sys.meta_path.insert(0, Nowhere())
"""


def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, with a home of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
def test_the_folder_that_is_named_keeps_the_code(tmp_path: Path) -> None:
    """The first start compiles into it and says so; the second finds it, and says nothing.

    The same holds for the folder of caches of the user, where none is named.
    """
    cold = run(LEARN, FOREST_CACHE_DIR=str(tmp_path / "code"))
    assert cold.stdout.startswith("numba ")
    assert "INFO compiling the forest, once" in cold.stderr
    assert "INFO forest compiled seconds=" in cold.stderr
    assert list((tmp_path / "code").rglob("*.nbc"))
    warm = run(LEARN, FOREST_CACHE_DIR=str(tmp_path / "code"))
    assert warm.stdout == cold.stdout
    assert warm.stderr == ""
    for home in ({"XDG_CACHE_HOME": str(tmp_path / "caches")}, {"XDG_CACHE_HOME": "", "HOME": str(tmp_path)}):
        folder = (
            tmp_path / ("caches" if home["XDG_CACHE_HOME"] else ".cache") / "pg-streaming-machine-learning"
        )
        shutil.copytree(tmp_path / "code", folder)
        found = run(LEARN, FOREST_CACHE_DIR="", **home)
        assert (found.stdout, found.stderr) == (cold.stdout, "")


@pytest.mark.slow
def test_without_a_folder_to_write_to_it_is_compiled_for_the_run(tmp_path: Path) -> None:
    """A file stands where the folder should be: code goes to a temporary folder, with a warning."""
    (tmp_path / "file").write_text("")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(LEARN, FOREST_CACHE_DIR=str(tmp_path / "file"), TMPDIR=str(temporary))
    assert done.stdout.startswith("numba ")
    assert "WARNING compiled code is kept for this run only, in " in done.stderr
    assert "name a folder by FOREST_CACHE_DIR" in done.stderr
    assert list(temporary.rglob("*.nbc"))


def test_without_numba_the_reference_learns_the_same_and_says_so() -> None:
    """Slowly, with a warning, with the same bits."""
    compiled, plain = run(LEARN), run(BLOCKED + LEARN)
    assert compiled.stdout.split()[0] == "numba"
    assert plain.stdout.split()[0] == "reference"
    assert plain.stdout.split()[1] == compiled.stdout.split()[1]
    assert "WARNING the forest cannot be compiled here (ImportError: numba is blocked)" in plain.stderr
