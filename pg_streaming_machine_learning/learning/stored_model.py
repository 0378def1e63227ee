"""A model ↔ bytes: our forest writes its own; of river's, a pickle that names nothing but what is on a list.

A pickle may have anything called when it is loaded. This one is restricted three times: what a model is made
of is compared with an exact list when it is written; the bytes are walked through before anything of them
runs; and when they are loaded, each name is looked up in the list again. Whoever cannot sign snapshots does
not come that far (`state.signing`).
"""

from __future__ import annotations

import io
import pickle
from typing import Any

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.forest import AdaptiveRandomForestClassifier
from pg_streaming_machine_learning.learning.forest.snapshot import MAGIC
from pg_streaming_machine_learning.learning.stored_check import check
from pg_streaming_machine_learning.learning.stored_classes import FORMER_MODULES, NAMES
from pg_streaming_machine_learning.learning.stored_parts import TAKEN_APART

__all__ = ["dump_model", "is_own", "load_model"]

MOST_BYTES = 2**30


def dump_model(model: Any) -> bytes:
    """Return a model as bytes.

    Raises
    ------
    SnapshotError
        If it is made of anything that is not on the list, such as a class of one's own.
    """
    if isinstance(model, AdaptiveRandomForestClassifier):
        return model.to_bytes()
    written = io.BytesIO()
    try:
        _Pickler(written, protocol=5).dump(model)
    except SnapshotError:
        raise
    except Exception as error:  # what classes do when they are taken apart is theirs
        raise SnapshotError(f"{type(model).__name__} cannot be stored: {error!r}") from error
    return written.getvalue()


def load_model(data: bytes, limit_bytes: int = MOST_BYTES) -> Any:
    """Return the model that `dump_model` wrote.

    Parameters
    ----------
    data : bytes
        What it wrote.
    limit_bytes : int
        Larger ones are refused.

    Raises
    ------
    SnapshotError
        If the bytes are larger, damaged, or name anything that is not on the list.
    """
    if len(data) > limit_bytes:
        raise SnapshotError(f"model has {len(data)} bytes, expected at most {limit_bytes}")
    if is_own(data):
        return AdaptiveRandomForestClassifier.from_bytes(data)
    check(data, NAMES)
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except SnapshotError:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Rust's panics are no `Exception`
        raise SnapshotError(f"model of {len(data)} bytes is damaged: {error!r}") from error


def is_own(data: bytes) -> bool:
    """Whether bytes are of our own forest, which any release can read."""
    return data.startswith(MAGIC)


class _Pickler(pickle.Pickler):
    """Writes what is on the list."""

    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self._known: set[type] = set()

    def reducer_override(self, part: Any) -> Any:
        """Return how to store a part; `NotImplemented` says as usual."""
        kind = type(part)
        if kind in self._known:
            return NotImplemented
        taken_apart = TAKEN_APART.get(kind)
        if taken_apart is not None:
            return taken_apart(part)
        if hasattr(
            part, "__qualname__"
        ):  # a class or a function, compiled ones too: it is stored by its name
            _accept(part)
        else:
            _accept(kind)
            self._known.add(kind)
        return NotImplemented


def _accept(part: Any) -> None:
    """Accept a class or function that is on the list."""
    name = part.__module__, part.__qualname__
    if name not in NAMES:
        raise SnapshotError(
            f"model has a part {'.'.join(map(str, name))!r}; expected nothing but the parts of river's "
            "classifiers, others have no snapshots"
        )


class _Unpickler(pickle.Unpickler):
    """Finds what is on the list."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function of the list."""
        if (module, name) not in NAMES:
            raise SnapshotError(f"model names {module}.{name!r}, which is on no list")
        return super().find_class(FORMER_MODULES.get(module, module), name)
