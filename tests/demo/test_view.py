"""The demo can be watched in a terminal and read in a file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from pg_streaming_machine_learning.demo.board import Board
from pg_streaming_machine_learning.demo.comparison import Comparison
from pg_streaming_machine_learning.demo.summary import (
    print_comparison,
    print_summary,
    print_try_next,
    verdict,
)
from pg_streaming_machine_learning.demo.view import LinesView, LiveView, clock, create_view, line, picture
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction


def predictions(labels: list[int], said: list[float]) -> Iterator[BottleneckPrediction]:
    """Yield predictions of one host."""
    for number, (label, probability) in enumerate(zip(labels, said, strict=True)):
        yield BottleneckPrediction(
            id=f"cart@{number}+0",
            host="cart",
            window_start_ms=5_000 * number,
            window_end_ms=5_000 * number + 10_000,
            horizon_ms=0,
            predicted_class=int(probability >= 0.5),
            probability=probability,
            decision_threshold=0.5,
            label=label,
            model_name="model",
            model_version="1",
            samples_learned=number,
            warming_up=number < 2,
            metrics=[],
            reasons=[],
        )


def board(labels: list[int], said: list[float]) -> Board:
    """Return a board after these predictions for one of two hosts."""
    shown = Board(("gateway", "cart"), start_ms=0, end_ms=100_000, speed=50, now_s=100.0)
    shown.phase = "predicting"
    shown.replayed_to_ms = 65_000
    shown.messages_sent, shown.bytes_sent, shown.bad_sent = 120, 60_000, 2
    shown.was_refused("in[0]@1", "bad-label")
    shown.was_refused("in[0]@2", "bad-key")
    for number, prediction in enumerate(predictions(labels, said)):
        shown.predicted(prediction, b"%d" % number, 101.0 + number)
    shown.tick(105.0)
    return shown


def text_of(shown: Board) -> str:
    """Return the picture as a terminal of 100 columns shows it, without colours."""
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None, record=True)
    console.print(picture(shown, 112.0))
    return console.export_text()


def test_the_picture_shows_hosts_scores_and_progress() -> None:
    """Whoever looks sees what was said, what was true, how good it is and how far it has come."""
    text = text_of(board([0, 0, 1, 1], [0.1, 0.2, 0.9, 0.81]))
    words = " ".join(text.split())
    assert "gateway waiting" in words
    assert "0.81 slow slow ▁▂█▇ 100 %" in words
    assert "same label as the host's window before" in text
    assert "1:05 of 1:40 recorded, at 50 ×" in text
    assert max(map(len, text.splitlines())) == 100


def test_the_picture_of_nothing_yet() -> None:
    """Before the first prediction there are no figures, and no division by zero."""
    text = text_of(board([], []))
    assert text.count("waiting") == 2
    assert "always no" in text


def test_a_line_says_the_same_in_plain_letters() -> None:
    """A log file holds ASCII."""
    text = line(board([0, 1], [0.1, 0.9]), 112.0)
    assert text.isascii()
    assert text.startswith(" 12.0 s  predicting: replayed 1:05 of 1:40, 2 predictions")
    assert text.endswith("kappa 1.000, F1 1.000 - slow now: cart")


def test_the_worker_can_be_killed_by_what_is_shown() -> None:
    """Its process id, and how often those before it ended, in the table and in the lines."""
    shown = board([0, 1], [0.1, 0.9])
    shown.worker_pid, shown.kills, shown.restarts = 4711, 2, 1
    words = " ".join(text_of(shown).split())
    assert "worker pid 4711, killed 2 times, restarted once kill -9 4711 if you like" in words
    assert "worker pid 4711, killed 2 times, restarted once" in line(shown, 112.0)


@pytest.mark.parametrize(
    ("terminal", "plain", "kind"),
    [(True, False, LiveView), (True, True, LinesView), (False, False, LinesView)],
)
def test_a_table_only_for_terminals(terminal: bool, plain: bool, kind: type) -> None:
    """Without a terminal, or if asked for, there are lines."""
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "utf-8"), force_terminal=terminal)
    assert isinstance(create_view(console, plain), kind)


def test_a_terminal_that_knows_only_ascii_gets_lines() -> None:
    """Bars of blocks would end the demo with an encoding error."""
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), force_terminal=True)
    assert isinstance(create_view(console, plain=False), LinesView)


def test_lines_come_seconds_apart_or_with_a_new_phase() -> None:
    """Eight looks a second do not make eight lines a second."""
    console = Console(file=io.StringIO(), width=80)
    shown = board([0], [0.1])
    with LinesView(console) as view:
        for now_s in (100.0, 101.0, 104.9, 105.0):
            view.show(shown, now_s)
        shown.phase = "done"
        view.show(shown, 105.1)
    output = console.file
    assert isinstance(output, io.StringIO)
    assert [text.split("s  ")[0].strip() for text in output.getvalue().splitlines()] == ["0.0", "5.0", "5.1"]


def test_the_live_table_can_be_shown_and_ends() -> None:
    """The last picture stays on the screen."""
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with LiveView(console) as view:
        view.show(board([0], [0.1]), 101.0)
    output = console.file
    assert isinstance(output, io.StringIO)
    assert "scored so far" in output.getvalue()


def test_the_verdict_does_not_flatter() -> None:
    """The rule is right except where something changes; the model here is right less often."""
    shown = board([0, 0, 1, 1, 1, 1, 0, 0], [0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1])
    first, second = verdict(shown)
    assert 'does not beat "same label as the host\'s window before"' in first
    assert "began (1 times), the model named 1 in the very first window" in second


def test_the_verdict_says_so_if_the_model_is_better() -> None:
    """Figures of both are named."""
    first, _ = verdict(board([0, 1, 0, 1, 0, 1], [0.1, 0.9, 0.1, 0.9, 0.1, 0.9]))
    assert first.startswith("By kappa the model (1.000) beats")


def test_no_verdict_without_both_classes() -> None:
    """Nothing is claimed of what was not seen."""
    assert verdict(board([0, 0], [0.1, 0.1])) == [
        "There were no labels of both classes: nothing can be said of the model."
    ]


def test_the_summary_is_plain_text_without_a_terminal() -> None:
    """It can be read in a log that knows only ASCII."""
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=100)
    with console.capture() as capture:
        print_summary(console, board([0, 1], [0.1, 0.9]), 112.0)
    text = capture.get()
    assert text.isascii()
    assert "2 of 2 bad records became dead letters: bad-key 1, bad-label 1." in text
    assert "All in all 12 s." in text
    assert "came twice" not in text


def printed(print_it: Callable[[Console], None]) -> str:
    """Return what is printed, one space between words."""
    console = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=100)
    with console.capture() as capture:
        print_it(console)
    return " ".join(capture.get().split())


def test_the_summary_says_what_kills_led_to() -> None:
    """Zeros are what is promised; the embedded broker is named only if there is something to explain."""
    shown = board([0, 1], [0.1, 0.9])
    shown.kills, shown.restarts = 3, 1
    text = printed(lambda console: print_summary(console, shown, 112.0))
    assert "The worker was killed 3 times, and asked for a new start once." in text
    assert "Predictions: 0 came twice, 0 with other contents, 0 missing; dead letters: 0 came twice." in text
    assert "embedded broker" not in text


def test_the_summary_explains_what_came_twice() -> None:
    """A record of a transaction that was not committed is seen on the embedded broker only."""
    shown = board([0, 1], [0.1, 0.9])
    shown.kills, shown.expected = 1, 3
    shown.predicted(next(predictions([0], [0.1])), b"0", 111.0)
    text = printed(lambda console: print_summary(console, shown, 112.0))
    assert "Predictions: 1 came twice, 0 with other contents, 1 missing" in text
    assert "The embedded broker shows the records of a transaction although it was not committed" in text


def test_a_comparison_is_one_sentence() -> None:
    """With the count of what it was compared with, so that four zeros mean something."""
    comparison = Comparison(expected=4674, missing=1, doubled=2, divergent=3, unexpected=4)
    assert printed(lambda console: print_comparison(console, Path("quiet.jsonl"), comparison)) == (
        "Compared with the 4674 predictions of quiet.jsonl, byte by byte: 1 missing, 2 doubled, 3 divergent, "
        "4 that it does not have."
    )


def test_what_to_try_next_are_commands() -> None:
    """Each in a line of its own, to be copied."""
    text = printed(print_try_next)
    assert "pg-streaming-machine-learning demo --kill 3 the worker is killed three times" in text
    assert "demo --compare quiet.jsonl" in text


def test_clock() -> None:
    """Minutes may exceed an hour; nothing is before the start."""
    assert [clock(span_ms) for span_ms in (0, 59_999, 3_900_000, -5)] == ["0:00", "0:59", "65:00", "0:00"]
