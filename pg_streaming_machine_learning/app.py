"""The application of this process: ``faust -A pg_streaming_machine_learning.app worker -l INFO``."""

from __future__ import annotations

import sys

from pg_streaming_machine_learning.assembly import create_app
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import PgStreamingError
from pg_streaming_machine_learning.streams.early_log import log_to_stderr
from pg_streaming_machine_learning.streams.ending import interrupted_at_once

__all__ = ["app"]

try:
    with log_to_stderr(), interrupted_at_once():
        app = create_app(Settings.load())
except PgStreamingError as error:
    sys.stderr.write(f"pg-streaming-machine-learning: {error}\n")
    sys.exit(error.exit_code)
