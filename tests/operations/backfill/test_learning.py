"""The account of a backfill: scores of all partitions together, bottlenecks that began."""

from __future__ import annotations

import random
from dataclasses import replace

from pg_streaming_machine_learning.learning.evaluation import Evaluation
from pg_streaming_machine_learning.operations.backfill.account import MOST_NAMED, Account
from pg_streaming_machine_learning.operations.backfill.learning import Learning
from pg_streaming_machine_learning.records.prediction import Prediction
from pg_streaming_machine_learning.records.update import ProgressMark
from pg_streaming_machine_learning.records.window import Window
from pg_streaming_machine_learning.windows.open_windows import Late
from tests.logs import config, fleet, merged
from tests.operations.state_store import log_records, trained

BLANK = Prediction("web", Window(0, 10), 0, 0, 0.0, 0.5, None, "m", "1", 0, False, ())


def said(host: str, *rows: tuple[int | None, int]) -> list[Prediction]:
    """Return predictions of a host's windows: label and predicted class of each."""
    return [
        replace(BLANK, host=host, label=label, predicted_class=predicted, probability=float(predicted))
        for label, predicted in rows
    ]


def test_a_bottleneck_begins_with_the_first_label_1_after_a_0_of_the_same_host() -> None:
    """Of the three that begin the model names one in its first window; an unlabeled one begins nothing."""
    account = Account()
    account.predict(said("web", (0, 0), (1, 1), (1, 0), (0, 0), (1, 0)))
    account.predict(said("db", (1, 1), (0, 0)))
    account.predict(said("db", (1, 0), (None, 0), (1, 1)))
    assert (account.begun, account.begun_seen) == (3, 1)
    assert (account.predictions, account.hosts) == (10, 2)


def test_the_latest_updates_are_named_and_no_more_than_some() -> None:
    """The latest first, whenever they came."""
    account = Account()
    for late_ms in (3, 9, 1, 7, 5, 8, 2):
        account.come_late([Late("web", None, 0, late_ms)])
    assert [each.late_ms for each in account.latest] == [9, 8, 7, 5, 3]
    assert len(account.latest) == MOST_NAMED


def test_a_log_leads_to_the_state_of_an_engine_that_reads_it_piece_by_piece() -> None:
    """The same fingerprint, whatever the pieces."""
    log = log_records()
    learning = Learning(config(), 1)
    for begin in range(0, len(log), 17):
        learning.read(0, log[begin : begin + 17])
    engine = trained(len(log))
    assert learning.engines[0].fingerprint() == engine.fingerprint()
    assert learning.counts == engine.counts
    assert learning.account.predictions == engine.counts.predictions > 0
    assert learning.scores == engine.evaluation.since_start()


def test_the_scores_of_several_models_are_those_of_all_their_predictions() -> None:
    """Hosts are in one partition each, so that what was before is known there."""
    predictions: list[Prediction] = []
    learning = Learning(config(), 2, predictions.extend)
    log = merged(fleet(["a", "b", "c", "d", "e"], 30, seed=5).partitions, random.Random(1))
    marks = [each for each in log if isinstance(each, ProgressMark)]
    learning.take([each for each in log if not isinstance(each, ProgressMark)], marks)
    together = Evaluation()
    for each in predictions:
        if each.label is not None:
            together.score(each.host, each.label, each.predicted_class, each.probability)
    assert all(engine.counts.predictions > 0 for engine in learning.engines)
    assert learning.scores == together.since_start()
