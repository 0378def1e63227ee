"""A run of the demo, from the first line to the summary."""

from __future__ import annotations

import time
from contextlib import ExitStack

from rich.console import Console

from pg_streaming_machine_learning.demo.ending import Ending
from pg_streaming_machine_learning.demo.options import DemoOptions
from pg_streaming_machine_learning.demo.revisions import RecordedWindows
from pg_streaming_machine_learning.demo.stage import Stage
from pg_streaming_machine_learning.demo.summary import print_summary
from pg_streaming_machine_learning.demo.view import create_view
from pg_streaming_machine_learning.labels.objective import Objective

__all__ = ["run_demo"]


def run_demo(options: DemoOptions, console: Console) -> int:
    """Run the demo to its end and print its summary.

    Returns
    -------
    int
        Exit code: 0, or 1 if a prediction came twice with different contents.

    Raises
    ------
    RecordingError
        If there is no recording, or none that can be read.
    DemoError
        If the worker leaves or stands still.
    KeyboardInterrupt, SystemExit
        If it is told to end by Ctrl-C or a signal; nothing is left running then.
    """
    started_s = time.monotonic()
    objective = Objective(share=options.share, factor=options.factor)
    windows = RecordedWindows.load(options.recording, minutes=options.minutes, objective=objective)
    with ExitStack() as stack:
        ending = stack.enter_context(Ending())
        stage = Stage(stack, windows, options, started_s)
        with create_view(console, options.plain) as view:
            while not stage.board.is_complete:
                ending.check()
                stage.go_on()
                view.show(stage.board, time.monotonic())
                if options.picture is not None:
                    stage.portrait.consider(stage.board, time.monotonic())
        stage.save()
        print_summary(console, stage.board, time.monotonic())
        if options.hold:
            stage.hold(console, ending)
    return 0 if stage.board.contradictions == 0 else 1
