"""What a table of figures is of: the machine, and the versions of all that is measured."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

__all__ = ["print_described"]

_PACKAGES = (
    "aiokafka",
    "confluent-kafka",
    "fastavro",
    "faust-streaming",
    "numba",
    "numpy",
    "pg-streaming-machine-learning",
    "river",
)


def print_described() -> None:
    """Print the lines that go above a table, each a line of its own in markdown."""
    load = os.getloadavg()[0]
    memory = psutil.virtual_memory().total / 2**30
    has = f"{os.cpu_count()} cores, {memory:.0f} GB"
    print(f"machine: {_processor()}, {has}, load {load:.1f} at the beginning  ")
    versions = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES)
    print(f"{platform.python_implementation()} {platform.python_version()}, {versions}  ")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
