"""Predictions that were saved can be compared with, byte by byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.demo.board import Board
from pg_streaming_machine_learning.demo.comparison import Comparison, SavedRun
from pg_streaming_machine_learning.demo.saved import load_values, saved_line
from pg_streaming_machine_learning.errors import DemoError
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction


def prediction(id: str) -> BottleneckPrediction:
    """Return a prediction with an id."""
    return BottleneckPrediction(
        id=id,
        host="cart",
        window_start_ms=0,
        window_end_ms=10_000,
        horizon_ms=0,
        predicted_class=1,
        probability=0.75,
        decision_threshold=0.5,
        label=None,
        model_name="model",
        model_version="1",
        samples_learned=3,
        warming_up=False,
        metrics=[],
        reasons=[],
    )


def board(*records: tuple[str, bytes]) -> Board:
    """Return a board that has seen ids and values."""
    shown = Board(("cart",), start_ms=0, end_ms=100_000, speed=50, now_s=100.0)
    for id, value in records:
        shown.predicted(prediction(id), value, 101.0)
    return shown


@given(st.dictionaries(st.text(min_size=1), st.binary(), max_size=5))
def test_bytes_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, bytes]
) -> None:
    """Whatever the ids and the bytes are."""
    file = tmp_path_factory.mktemp("saved") / "run.jsonl"
    file.write_text(
        "".join(saved_line(prediction(id), value) for id, value in values.items()), encoding="utf-8"
    )
    assert load_values(file) == values


def test_a_line_can_be_read_by_other_programs() -> None:
    """The fields of the prediction are there by their names."""
    fields = json.loads(saved_line(prediction("cart@0+0"), b"\x00\xff"))
    assert (fields["id"], fields["probability"], fields["label"]) == ("cart@0+0", 0.75, None)
    assert fields["value"] == "AP8="


@pytest.mark.parametrize(
    "line",
    ['{"id": "a"}', '{"value": ""}', "[]", "no JSON", '{"id": "a", "value": "?"}', '{"id": "a", "value": 7}'],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, line: str) -> None:
    """With the place, before anything is started."""
    file = tmp_path / "other.jsonl"
    file.write_text(saved_line(prediction("a"), b"") + line + "\n", encoding="utf-8")
    with pytest.raises(
        DemoError, match=r"^line 2 of .*other.jsonl is no saved prediction .*, expected a file of"
    ):
        SavedRun.load(file)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """And one that is not there."""
    file = tmp_path / "other"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(DemoError, match=r"other cannot be read"):
        SavedRun.load(file)
    with pytest.raises(DemoError, match=r"absent cannot be read"):
        SavedRun.load(tmp_path / "absent")


def test_the_same_run_is_equal() -> None:
    """In whichever order it came."""
    run = SavedRun(Path("quiet"), {"a": b"1", "b": b"2"})
    comparison = run.compare(board(("b", b"2"), ("a", b"1")))
    assert comparison == Comparison(expected=2, missing=0, doubled=0, divergent=0, unexpected=0)
    assert comparison.is_equal


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([("a", b"1")], Comparison(2, missing=1, doubled=0, divergent=0, unexpected=0)),
        ([("a", b"1"), ("b", b"2"), ("b", b"2")], Comparison(2, 0, doubled=1, divergent=0, unexpected=0)),
        ([("a", b"1"), ("b", b"x")], Comparison(2, 0, 0, divergent=1, unexpected=0)),
        ([("a", b"1"), ("b", b"2"), ("b", b"x")], Comparison(2, 0, doubled=1, divergent=1, unexpected=0)),
        ([("a", b"1"), ("b", b"2"), ("c", b"3")], Comparison(2, 0, 0, 0, unexpected=1)),
    ],
)
def test_each_difference_is_counted_as_what_it_is(
    records: list[tuple[str, bytes]], expected: Comparison
) -> None:
    """Not there, there again, there with other bytes, there although it should not be."""
    comparison = SavedRun(Path("quiet"), {"a": b"1", "b": b"2"}).compare(board(*records))
    assert comparison == expected
    assert not comparison.is_equal
