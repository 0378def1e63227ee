"""The board counts each prediction once, and notices one that changes."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.demo.board import Board
from pg_streaming_machine_learning.learning.evaluation import MODEL, SAME_AS_BEFORE
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction


def prediction(
    number: int, probability: float, label: int | None, host: str = "cart"
) -> BottleneckPrediction:
    """Return the prediction of a host's window with a number."""
    start_ms = 5_000 * number
    return BottleneckPrediction(
        id=f"{host}@{start_ms}+0",
        host=host,
        window_start_ms=start_ms,
        window_end_ms=start_ms + 10_000,
        horizon_ms=0,
        predicted_class=int(probability >= 0.5),
        probability=probability,
        decision_threshold=0.5,
        label=label,
        model_name="model",
        model_version="1",
        samples_learned=number,
        warming_up=False,
        metrics=[],
        reasons=[],
    )


def board() -> Board:
    """Return an empty board."""
    return Board(("gateway", "cart"), start_ms=0, end_ms=100_000, speed=50, now_s=100.0)


def test_a_prediction_that_comes_again_counts_once() -> None:
    """After a restart predictions may repeat; only one with other bytes is a contradiction."""
    shown = board()
    first = prediction(1, 0.7, 1)
    assert shown.predicted(first, b"bytes", 101.0)
    assert not shown.predicted(first, bytes([*b"bytes"]), 102.0)
    assert (shown.predictions, shown.repeated, shown.contradicted) == (1, 1, set())
    assert not shown.predicted(first, b"other", 103.0)
    assert (shown.predictions, shown.repeated, shown.contradicted) == (1, 2, {first.id})
    assert shown.values == {first.id: b"bytes"}


def test_a_dead_letter_that_comes_again_counts_once() -> None:
    """The same origin is the same refusal."""
    shown = board()
    for origin in ("in[0]@1", "in[0]@2", "in[0]@1"):
        shown.was_refused(origin, "bad-label")
    assert (shown.dead_letters, dict(shown.refused)) == (2, {"bad-label": 2})
    assert shown.letters_repeated == 1


def test_it_scores_the_model_beside_the_rule_that_nothing_changes() -> None:
    """Labels 0 0 1 1 0, said 0 0 1 1 1: the model is wrong once, the rule twice."""
    shown = board()
    for number, (probability, label) in enumerate([(0.1, 0), (0.2, 0), (0.9, 1), (0.8, 1), (0.6, 0)]):
        shown.predicted(prediction(number, probability, label), bytes([number]), 101.0)
    assert shown.scores[MODEL].accuracy == 0.8
    assert shown.scores[SAME_AS_BEFORE].accuracy == 0.6
    row = shown.rows["cart"]
    assert (row.predictions, row.right, row.begun, row.begun_seen) == (5, 4, 1, 1)


def test_a_bottleneck_begins_where_a_window_with_0_was_before() -> None:
    """The very first window and one after an unknown label do not count as a beginning."""
    shown = board()
    for number, label in enumerate([1, None, 1, 0, 1]):
        shown.predicted(prediction(number, 0.1, label), bytes([number]), 101.0)
    assert (shown.rows["cart"].begun, shown.rows["cart"].begun_seen) == (1, 0)


def test_a_host_nobody_knew_gets_a_row() -> None:
    """What the worker puts out is shown, expected or not."""
    shown = board()
    shown.predicted(prediction(1, 0.1, 0, host="stranger"), b"bytes", 101.0)
    assert list(shown.rows) == ["gateway", "cart", "stranger"]


def test_the_rate_is_of_the_last_seconds() -> None:
    """Ten predictions between the seconds 110 and 112, none until 114."""
    shown = board()
    shown.tick(110.0)
    for number in range(10):
        shown.predicted(prediction(number, 0.1, 0), bytes([number]), 111.0)
    shown.tick(112.0)
    shown.tick(114.0)
    assert shown.predictions_per_s == pytest.approx(10 / 4)


def test_it_is_complete_when_all_predictions_and_dead_letters_are_there() -> None:
    """How many must come is known when everything was sent."""
    shown = board()
    shown.bad_sent = 1
    shown.predicted(prediction(1, 0.1, 0), b"bytes", 101.0)
    assert not shown.is_complete
    assert shown.missing == 0
    shown.expected = 3
    assert shown.missing == 2
    shown.expected = 1
    assert shown.missing == 0
    assert not shown.is_complete
    shown.was_refused("in[0]@1", "bad-label")
    assert shown.is_complete
