"""What a record of the log can be."""

from __future__ import annotations

from pg_streaming_machine_learning.records.update import ProgressMark, Update
from pg_streaming_machine_learning.records.window_updates import WindowUpdates

__all__ = ["LogRecord", "SingleRecord"]

SingleRecord = Update | ProgressMark
"""One that says one thing."""

LogRecord = SingleRecord | WindowUpdates
