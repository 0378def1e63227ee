"""A run of the demo, from the first line to the summary."""

from __future__ import annotations

import time
from contextlib import ExitStack

from rich.console import Console

from pg_streaming_machine_learning.demo.comparison import SavedRun
from pg_streaming_machine_learning.demo.ending import Ending
from pg_streaming_machine_learning.demo.options import DemoOptions
from pg_streaming_machine_learning.demo.script import RecordedScript
from pg_streaming_machine_learning.demo.stage import Stage
from pg_streaming_machine_learning.demo.summary import print_comparison, print_summary, print_try_next
from pg_streaming_machine_learning.demo.view import create_view
from pg_streaming_machine_learning.labels.objective import Objective

__all__ = ["run_demo"]


def run_demo(options: DemoOptions, console: Console) -> int:
    """Run the demo to its end and print its summary.

    Returns
    -------
    int
        Exit code: 0, or 1 if a prediction is missing or came twice with different contents, or if anything
        differs from the run to compare with.

    Raises
    ------
    RecordingError
        If there is no recording, or none that can be read.
    DemoError
        If the worker leaves or stands still, or the run to compare with cannot be read.
    KeyboardInterrupt, SystemExit
        If it is told to end by Ctrl-C or a signal; nothing is left running then.
    """
    started_s = time.monotonic()
    objective = Objective(share=options.share, factor=options.factor)
    script = RecordedScript.load(options.recording, options.minutes, objective)
    other = None if options.compare is None else SavedRun.load(options.compare)
    with ExitStack() as stack:
        ending = stack.enter_context(Ending())
        stage = Stage(stack, script, options, started_s)
        with create_view(console, options.plain) as view:
            while not stage.is_over:
                ending.check()
                stage.go_on()
                view.show(stage.board, time.monotonic())
                if options.picture is not None:
                    stage.portrait.consider(stage.board, time.monotonic())
        stage.finish()
        stage.save()
        board = stage.board
        print_summary(console, board, time.monotonic())
        is_right = not board.contradicted and not board.missing
        if other is not None:
            comparison = other.compare(board)
            is_right = is_right and comparison.is_equal
            print_comparison(console, other.file, comparison)
        print_try_next(console)
        if options.hold:
            stage.hold(console, ending)
    return 0 if is_right else 1
