"""A run of the demo, from the first line to the summary."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from pg_streaming_machine_learning.demo.comparison import SavedRun
from pg_streaming_machine_learning.demo.ending import Ending
from pg_streaming_machine_learning.demo.live import LIVE_MINUTES, LiveScript
from pg_streaming_machine_learning.demo.options import DemoOptions
from pg_streaming_machine_learning.demo.script import RecordedScript
from pg_streaming_machine_learning.demo.stage import Stage
from pg_streaming_machine_learning.demo.summary import print_comparison, print_summary, print_try_next
from pg_streaming_machine_learning.demo.view import create_view
from pg_streaming_machine_learning.labels.objective import Objective

__all__ = ["run_demo"]

_LOOK_EVERY_S = 0.1


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
        If there is no recording, or none that can be read; or if a service of the testbed ends.
    DemoError
        If the worker leaves or stands still, or the run to compare with cannot be read.
    KeyboardInterrupt, SystemExit
        If it is told to end by Ctrl-C or a signal; nothing is left running then.
    """
    started_s = time.monotonic()
    objective = Objective(share=options.share, factor=options.factor)
    recorded = None if options.live else RecordedScript.load(options.recording, options.minutes, objective)
    other = None if options.compare is None else SavedRun.load(options.compare)
    with ExitStack() as stack:
        ending = stack.enter_context(Ending())
        script = recorded if recorded is not None else _started(stack, options, objective, ending, console)
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


def _started(
    stack: ExitStack, options: DemoOptions, objective: Objective, ending: Ending, console: Console
) -> LiveScript:
    """Start the testbed, and return it once it is known what is usual."""
    directory = Path(stack.enter_context(TemporaryDirectory(prefix="pg-streaming-testbed-")))
    minutes = LIVE_MINUTES if options.minutes is None else options.minutes
    script = LiveScript(minutes, options.seed, objective, directory)
    stack.callback(script.stop)
    script.start()
    console.print("Six services start on this machine; first it is measured what is usual.", markup=False)
    while not script.is_ready:
        ending.check()
        time.sleep(_LOOK_EVERY_S)
    for host, limit_ms in script.thresholds_ms.items():
        console.print(f"  {host:10} slow above {limit_ms:5.1f} ms", markup=False, highlight=False)
    return script
