"""Results of the peers that are slow to get: kept until a version, machine, data or seed changes."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.forest.places import cache_folder

__all__ = ["keep", "machine", "recall"]


def keep(work: str, key: dict[str, Any], make: Callable[[], Any]) -> Any:
    """Return a kept result, or make it and keep it.

    Parameters
    ----------
    work : str
        What is measured.
    key : dict
        All it depends on: versions, stream, rows, seed; machine and Python are added.
    make : callable
        Measures; its result must fit into JSON.
    """
    found = recall(work, key)
    if found is not None:
        return found
    begin_s = time.monotonic()
    result = make()
    path = _path(work, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = {"key": _whole(key), "took_s": round(time.monotonic() - begin_s, 1), "result": result}
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(taken, indent=1), encoding="utf-8")
    aside.replace(path)
    return result


def recall(work: str, key: dict[str, Any]) -> Any:
    """Return a kept result, None if there is none."""
    path = _path(work, key)
    return json.loads(path.read_text(encoding="utf-8"))["result"] if path.exists() else None


def machine() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _whole(key: dict[str, Any]) -> dict[str, Any]:
    return {**key, "machine": machine(), "python": platform.python_version()}


def _path(work: str, key: dict[str, Any]) -> Path:
    whole = json.dumps(_whole(key), sort_keys=True)
    digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
    told = "-".join(str(key[part]) for part in ("peer", "stream", "rows", "seed") if part in key)
    return cache_folder() / "results" / f"{work}-{told}-{digest}.json"
