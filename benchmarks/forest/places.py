"""Where data is found, and where what is made or fetched is kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["ROOT", "cache_folder", "data_folder"]

ROOT = Path(__file__).parents[2]


def cache_folder() -> Path:
    """Return where streams, programs and the peers' results are kept from one run to the next."""
    return Path(os.environ.get("PG_TEST_CACHE", ROOT / ".cache")) / "forest"


def data_folder(name: str) -> Path:
    """Return the folder of a recorded data set, which need not be there."""
    return Path(os.environ.get("PG_DATA_DIR", ROOT.parent / "shared" / "data")) / name
