"""The page of results: a section a table, with what it was measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import time
from pathlib import Path

from benchmarks.forest import moa_peer
from benchmarks.forest.child import how_pinned
from benchmarks.forest.kept import machine
from benchmarks.forest.places import ROOT
from benchmarks.forest.table import Table

__all__ = ["PAGE", "circumstances", "write"]

PAGE = ROOT / "benchmarks" / "results" / "forest.md"
HEAD = """# The forest beside river's and MOA's

Made by `python benchmarks/forest_bars.py`; each section says when and on what it was measured.
"""
LIBRARIES = ("river", "numpy", "numba")


def circumstances() -> str:
    """Return machine, versions and state of the code, one sentence."""
    versions = [f"{name} {_version(name)}" for name in LIBRARIES]
    why = moa_peer.absent()
    peer = f"no MOA ({why})" if why else f"{moa_peer.VERSION} on {moa_peer.java_version()}"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    on = f"{machine()}, {os.cpu_count()} processors, {platform.system()}"
    return f"{when}, commit {_commit()}; {on}; {python}, {', '.join(versions)}; {peer}; {how_pinned()}."


def write(tables: list[Table], told: str, page: Path = PAGE) -> None:
    """Put sections into the page in place of those with the same heading; the others stay."""
    text = page.read_text(encoding="utf-8") if page.exists() else HEAD
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    for table in tables:
        section = f"{table.markdown()}\n*Measured {told}*\n"
        heading = section.partition("\n")[0]
        same = [number for number, each in enumerate(sections) if each.partition("\n")[0] == heading]
        if same:
            sections[same[0]] = section
        else:
            sections.append(section)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(part.strip("\n") + "\n" for part in [head, *sections]), encoding="utf-8")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _commit() -> str:
    """Return the commit, with a mark if the package is not as it was committed."""
    try:
        command = ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
