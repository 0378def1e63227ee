"""``python -m pg_streaming_machine_learning`` is the command line."""

from __future__ import annotations

from pg_streaming_machine_learning.cli import main

if __name__ == "__main__":
    main(prog_name="pg-streaming-machine-learning")
