"""The named points at which a storm hits a worker, wrapped around methods of the product.

The product knows nothing of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from pg_streaming_machine_learning.wire.log import FORMAT_VERSION, PROGRESS_MARK
from storm.control import FOLDER, reached

__all__ = ["CHUNK_BYTES", "KILL_POINTS", "install", "replace_everywhere"]

CHUNK_BYTES = "STORM_CHUNK_BYTES"
"""Variable of the environment: how long a piece of a snapshot is, so that small models have several."""

KILL_POINTS = (
    "decoded",
    "before-transaction",
    "before-commit",
    "after-transaction",
    "between-chunks",
    "before-manifest",
    "fencing",
    "loading",
)
"""Where a worker can be killed: all decoded and nothing written; a batch learned and nothing written; all
written and not committed; committed and not noted; in a snapshot; fenced and nothing read; read and nothing
restored."""

_PACKAGE = "pg_streaming_machine_learning"


def install() -> None:
    """Wrap the methods, in a worker."""
    if FOLDER not in os.environ:
        return
    from pg_streaming_machine_learning.state import layout
    from pg_streaming_machine_learning.streams import state_reader
    from pg_streaming_machine_learning.streams.transactions import KafkaTransactions

    if CHUNK_BYTES in os.environ:
        layout.CHUNK_BYTES = int(os.environ[CHUNK_BYTES])
    _wrap(KafkaTransactions, "fence", _fence)
    _wrap(KafkaTransactions, "write", _write)
    _wrap(KafkaTransactions, "produce", _produce)
    _wrap(KafkaTransactions, "finish", _finish)
    read = state_reader.read_last_values

    def read_last_values(*arguments: Any, **named: Any) -> Any:
        values = read(*arguments, **named)
        reached("loading")
        return values

    replace_everywhere(read, read_last_values)


def replace_everywhere(old: Any, new: Any) -> None:
    """Put a function into the place of another in every module of the product that has it by now."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == _PACKAGE:
            for attribute, value in list(vars(module).items()):
                if value is old:
                    setattr(module, attribute, new)


def _wrap(owner: type, name: str, around: Callable[..., Any]) -> None:
    inner = getattr(owner, name)

    def outer(self: Any, *arguments: Any) -> Any:
        return around(self, inner, *arguments)

    setattr(owner, name, outer)


def _fence(self: Any, inner: Callable[..., Any]) -> None:
    inner(self)
    reached("fencing")


def _write(self: Any, inner: Callable[..., Any], records: Any) -> None:
    for topic in ("log", "predictions"):
        if any(record.topic.endswith(f"-{topic}") and not _is_mark(record) for record in records):
            reached(f"with-{topic}")  # the storm names its topics so
    if "-router-" in self.transactional_id:
        reached("decoded")
    elif not any(_is_of_snapshot(record) for record in records):
        reached("before-transaction")
    inner(self, records)


def _produce(self: Any, inner: Callable[..., Any], record: Any) -> None:
    if _is_of_snapshot(record):
        if record.key.endswith(b"/manifest"):
            reached("before-manifest")
        elif not record.key.endswith(b"/0000"):
            reached("between-chunks")
    inner(self, record)


def _finish(self: Any, inner: Callable[..., Any]) -> None:
    self.producer.flush(1.0)  # at the point the records are in the broker, as they are after a slow commit
    reached("before-commit")
    reached("before-router-commit" if "-router-" in self.transactional_id else "before-engine-commit")
    inner(self)
    reached("after-transaction")


def _is_mark(record: Any) -> bool:
    return record.value is not None and record.value[:2] == bytes((FORMAT_VERSION, PROGRESS_MARK))


def _is_of_snapshot(record: Any) -> bool:
    return record.key is not None and record.key.startswith(b"slot-")
