"""A river model ↔ bytes."""

from __future__ import annotations

import pickle
from typing import Any

__all__ = ["dump_model", "load_model"]


def dump_model(model: Any) -> bytes:
    """Return a model as bytes."""
    return pickle.dumps(model, protocol=5)


def load_model(data: bytes, limit_bytes: int = 2**32) -> Any:
    """Return a model."""
    return pickle.loads(data)
