"""The picture for documents shows a moment in which something happens."""

from __future__ import annotations

from pg_streaming_machine_learning.demo.board import Board
from pg_streaming_machine_learning.demo.portrait import Portrait
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction


def add(board: Board, host: str, number: int, probability: float, label: int) -> None:
    """Put a prediction on the board."""
    prediction = BottleneckPrediction(
        id=f"{host}@{number}+0",
        host=host,
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
        warming_up=False,
        metrics=[],
        reasons=[],
    )
    board.predicted(prediction, f"{host}{number}".encode(), 101.0)


def test_it_keeps_the_most_eventful_moment() -> None:
    """Not before the middle, not without a bottleneck, and not a lesser one than before."""
    board = Board(("gateway", "cart"), start_ms=0, end_ms=100_000, speed=50, now_s=100.0)
    portrait = Portrait()
    add(board, "cart", 1, 0.9, 1)
    portrait.consider(board, 101.0)
    assert portrait.svg == ""
    board.replayed_to_ms = 60_000
    portrait.consider(board, 102.0)
    first = portrait.svg
    assert first.startswith("<svg")
    assert "cart" in first
    portrait.consider(board, 103.0)
    assert portrait.svg == first
    add(board, "gateway", 1, 0.8, 1)
    portrait.consider(board, 104.0)
    second = portrait.svg
    assert second != first
    add(board, "gateway", 2, 0.1, 0)
    add(board, "cart", 2, 0.1, 0)
    portrait.consider(board, 105.0)
    assert portrait.svg == second
