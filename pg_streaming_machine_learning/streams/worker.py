"""Faust's worker, which ends when it is told to and with exit codes that mean something."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

import faust
from aiokafka.errors import KafkaConnectionError

from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.streams.collecting import collect_seldom
from pg_streaming_machine_learning.streams.ending import OTHERWISE, end_process

__all__ = ["Worker", "run_worker"]

APPLICATION = "pg_streaming_machine_learning.app"

STOP_WITHIN_S = 8.0
"""How long an orderly stop may take. After it the process leaves as it is, which is as safe as a crash."""


class Worker(faust.Worker):
    """Faust's worker with a deadline for stopping, and no web server unless the settings say so."""

    def __init__(self, app: Any, *services: Any, **kwargs: Any) -> None:
        # The command line switches the web server on by default, and a second worker finds its port taken.
        app.conf.web_enabled = app.our_settings.web_enabled
        super().__init__(app, *services, **kwargs)

    async def start(self) -> None:
        """Start; a broker that goes away in the middle ends the process as one that was never there."""
        try:
            await super().start()
        except KafkaConnectionError as error:
            servers = self.app.our_settings.bootstrap_servers  # type: ignore[attr-defined]
            gone = BrokerUnreachable(
                f"the Kafka broker at {servers} went away while the worker started ({error})"
            )
            end_process(gone, "cannot start")

    def _schedule_shutdown(self, signal: signal.Signals) -> None:
        timer = threading.Timer(STOP_WITHIN_S, os._exit, (0,))
        timer.daemon = True
        self.app.gate.end()  # type: ignore[attr-defined]
        self.app.liveness.end()  # type: ignore[attr-defined]
        timer.start()
        super()._schedule_shutdown(signal)

    def execute_from_commandline(self) -> NoReturn:
        """Run until stopped; an error that Faust ended with is one that nobody could foresee."""
        collect_seldom()
        try:
            super().execute_from_commandline()
        except SystemExit as ending:
            code = 0 if ending.code in (None, 0) else OTHERWISE
            sys.stdout.flush()
            raise SystemExit(code) from None


def run_worker(arguments: Sequence[str]) -> int:
    """Run ``faust -A pg_streaming_machine_learning.app worker`` in this process.

    Parameters
    ----------
    arguments : sequence of str
        What follows ``worker``, such as ``-l INFO``.

    Returns
    -------
    int
        The exit code.
    """
    from faust.cli.faust import cli

    try:
        cli(args=["-A", APPLICATION, "worker", *arguments], prog_name="faust")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return 0
