"""MOA's adaptive random forest, `meta.AdaptiveRandomForest -s 10`, in a Java of its own.

MOA comes from Maven when it is first asked for; it is under the GPL, and no part of it is kept here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forest.places import ROOT, cache_folder
from benchmarks.forest.streams import Stream, load

sys.path.insert(0, str(ROOT / "integration-test"))

from services.maven import fetch_dependencies, missing

__all__ = ["VERSION", "absent", "java_version", "run"]

RELEASE = "2024.07.0"
VERSION = f"MOA {RELEASE}"
ARTIFACT = f"nz.ac.waikato.cms.moa:moa:{RELEASE}"
TIMEOUT_S = 3_600
SOURCE = Path(__file__).parent / "MoaPeer.java"


@cache
def absent() -> str | None:
    """Return why MOA cannot be run here, None if it can; fetches it, once."""
    why = missing()
    if why is not None:
        return why
    try:
        _libraries()
    except (subprocess.SubprocessError, OSError) as error:
        return f"MOA could not be fetched: {error}"
    return None


@cache
def java_version() -> str:
    """Return the version of Java as it tells it."""
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True, timeout=60)
    return told.stderr.splitlines()[0]


def run(stream: str, seed: int, rows: int | None, warm_up: int) -> dict[str, Any]:
    """Predict, then learn each sample, and return the seconds and the matrix, label times prediction.

    Parameters
    ----------
    stream : str
        Its name.
    seed : int
        Of the forest.
    rows : int or None
        How much of the stream; None for all.
    warm_up : int
        Rows that another forest goes over before the clock starts.
    """
    data = load(stream).first(rows)
    with tempfile.TemporaryDirectory(prefix="pg-streaming-bench-") as folder:
        path = Path(folder) / "stream"
        np.column_stack([data.x, data.y]).astype("<f8").tofile(path)
        command = ["java", "-cp", str(_libraries() / "*"), str(SOURCE), str(path), str(data.rows)]
        command += [str(len(data.features)), str(data.n_classes), _codes(data), str(seed), str(warm_up)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"MOA ended with {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**answer, "rows": data.rows}


def _codes(data: Stream) -> str:
    """Return for each column how many codes it has, 0 for a number."""
    return ",".join(
        str(int(column.max()) + 1) if name in data.nominal else "0"
        for name, column in zip(data.features, data.x.T, strict=True)
    )


def _libraries() -> Path:
    return fetch_dependencies(cache_folder() / f"moa-{RELEASE}", ARTIFACT)
