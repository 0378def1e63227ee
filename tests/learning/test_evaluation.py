"""How well the model does, beside what needs no model."""

# mypy: untyped-calls-exclude=river

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import metrics

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.learning.evaluation import (
    ALWAYS_NO,
    CONTESTANTS,
    MODEL,
    SAME_AS_BEFORE,
    Evaluation,
)

SCORED = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(0, 20).map(lambda n: n / 20)),
    max_size=60,
)


def scored(entries: list[tuple[str, int, float]], window: int = 1000) -> Evaluation:
    evaluation = Evaluation(window)
    for host, label, probability in entries:
        evaluation.score(host, label, int(probability >= 0.5), probability)
    return evaluation


def test_the_baselines_stand_beside_the_model() -> None:
    """Two hosts, each compared with its own label before; the first of a host with 0."""
    evaluation = scored([("a", 1, 0.9), ("b", 0, 0.2), ("a", 1, 0.8), ("b", 1, 0.4), ("a", 0, 0.1)])
    accuracy = {name: score.accuracy for name, score in evaluation.since_start().items()}
    assert accuracy == {MODEL: 0.8, SAME_AS_BEFORE: 0.4, ALWAYS_NO: 0.4}


def test_always_no_is_right_often_and_worth_nothing() -> None:
    """That is why kappa and F1 are printed beside accuracy."""
    score = scored([("a", int(n == 5), 0.0) for n in range(10)]).since_start()[ALWAYS_NO]
    assert (score.samples, score.accuracy, score.kappa, score.f1, score.roc_auc) == (10, 0.9, 0.0, 0.0, 0.5)


def test_without_samples_there_is_nothing_to_say() -> None:
    score = Evaluation().since_start()[MODEL]
    assert (score.samples, score.accuracy, score.kappa, score.f1) == (0, 0.0, 0.0, 0.0)
    assert math.isnan(score.roc_auc)


def test_the_recent_window_forgets() -> None:
    """After three wrong answers come three right ones."""
    evaluation = scored([("a", 1, 0.1)] * 3 + [("a", 0, 0.1), ("a", 1, 0.9), ("a", 1, 0.9)], window=3)
    assert evaluation.since_start()[MODEL].accuracy == 0.5
    assert evaluation.recent()[MODEL].accuracy == 1.0
    assert {score.samples for score in evaluation.recent().values()} == {3}


@given(SCORED)
def test_the_figures_are_those_of_river(entries: list[tuple[str, int, float]]) -> None:
    """Fed one by one."""
    accuracy, kappa, f1 = metrics.Accuracy(), metrics.CohenKappa(), metrics.F1(pos_val=1)
    for _, label, probability in entries:
        for metric in (accuracy, kappa, f1):
            metric.update(label, int(probability >= 0.5))
    score = scored(entries).since_start()[MODEL]
    assert (score.accuracy, score.kappa, score.f1) == pytest.approx((accuracy.get(), kappa.get(), f1.get()))


@given(SCORED)
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(entries: list[tuple[str, int, float]]) -> None:
    """Brute force over all pairs of a 1 and a 0, ties half."""
    ones = [probability for _, label, probability in entries if label == 1]
    zeros = [probability for _, label, probability in entries if label == 0]
    pairs = [(one > zero) + 0.5 * (one == zero) for one in ones for zero in zeros]
    expected = sum(pairs) / len(pairs) if pairs else math.nan
    assert scored(entries).since_start()[MODEL].roc_auc == pytest.approx(expected, nan_ok=True)


@given(SCORED, st.integers(1, 10))
def test_the_recent_scores_are_those_of_the_last_samples_alone(
    entries: list[tuple[str, int, float]], window: int
) -> None:
    recent = scored(entries, window).recent()
    alone = scored(entries[-window:]).since_start()
    assert repr(recent[MODEL]) == repr(alone[MODEL])
    assert repr(recent[ALWAYS_NO]) == repr(alone[ALWAYS_NO])


@given(SCORED, SCORED, st.integers(1, 10))
def test_stop_restore_and_go_on_equals_never_stopping(
    before: list[tuple[str, int, float]], after: list[tuple[str, int, float]], window: int
) -> None:
    never_stopped, stopped = scored(before, window), Evaluation(window)
    stopped.restore(never_stopped.snapshot())
    for host, label, probability in after:
        for evaluation in (never_stopped, stopped):
            evaluation.score(host, label, int(probability >= 0.5), probability)
    assert stopped.snapshot() == never_stopped.snapshot()
    assert repr(stopped.since_start()) == repr(never_stopped.since_start())
    assert repr(stopped.recent()) == repr(never_stopped.recent())


def test_contestants_are_named_once() -> None:
    assert tuple(Evaluation().since_start()) == tuple(Evaluation().recent()) == CONTESTANTS


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(SnapshotError, match="2 bytes are no state of 'evaluation'"):
        Evaluation().restore(b"{}")
