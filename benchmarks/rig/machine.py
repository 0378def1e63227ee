"""What a table of figures is of: the machine, and the versions of all that is measured."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

__all__ = ["described"]

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


def described() -> list[str]:
    """Return the lines that go above a table."""
    load = os.getloadavg()[0]
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"machine: {_processor()}, {os.cpu_count()} cores, {memory:.0f} GB, load {load:.1f} at the beginning",
        f"{platform.python_implementation()} {platform.python_version()}, "
        + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    ]


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
