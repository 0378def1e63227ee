"""The command line: one module a command, thin; each imports what it needs when it is called."""

from pg_streaming_machine_learning.cli.program import main

__all__ = ["main"]
