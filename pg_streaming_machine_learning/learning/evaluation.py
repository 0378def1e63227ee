"""How well the model does, since the start and of late, beside what needs no model."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from operator import add

from pg_streaming_machine_learning.errors import SnapshotError
from pg_streaming_machine_learning.records.snapshot import read_state, write_state

__all__ = ["ALWAYS_NO", "CONTESTANTS", "MODEL", "SAME_AS_BEFORE", "Evaluation", "Score", "scores_together"]

MODEL = "model"
SAME_AS_BEFORE = "same as before"
ALWAYS_NO = "always no"
CONTESTANTS = (MODEL, SAME_AS_BEFORE, ALWAYS_NO)
"""The model; the label of the host's window before (0 before its first); class 0 whatever comes."""

_BINS = 1000
_MOST_HOSTS = 100_000


@dataclass(frozen=True, slots=True)
class Score:
    """Figures of merit over some samples.

    Parameters
    ----------
    samples : int
        Labeled samples scored.
    accuracy, f1 : float
        0.0 to 1.0; 0.0 without samples. F1 is of class 1.
    kappa : float
        Cohen's kappa: accuracy beyond chance, 0.0 where it is undefined.
    roc_auc : float
        Area under the ROC curve, NaN until both classes were seen. Probabilities that agree to a thousandth
        count as equal.
    """

    samples: int
    accuracy: float
    kappa: float
    f1: float
    roc_auc: float


class _Tally:
    """Counts of labels by predicted class and by probability: whole numbers, all that the figures need."""

    def __init__(self) -> None:
        self.cells = [[0, 0], [0, 0]]
        self.ranks = [[0] * (_BINS + 1), [0] * (_BINS + 1)]

    def add_all(self, other: _Tally) -> None:
        """Count what another has counted."""
        for ours, theirs in ((self.cells, other.cells), (self.ranks, other.ranks)):
            for row, more in zip(ours, theirs, strict=True):
                row[:] = map(add, row, more)

    def score(self) -> Score:
        """Return the figures; river's metrics take no counts, and in some releases weigh them wrongly."""
        (right_0, wrong_0), (wrong_1, right_1) = self.cells
        samples = right_0 + wrong_0 + wrong_1 + right_1
        right = right_0 + right_1
        slow, called_slow = wrong_1 + right_1, wrong_0 + right_1
        # By chance right, with the same frequencies: samples squared times the probability.
        by_chance = slow * called_slow + (samples - slow) * (samples - called_slow)
        return Score(
            samples=samples,
            accuracy=_share(right, samples),
            kappa=_share(samples * right - by_chance, samples * samples - by_chance),
            f1=_share(2 * right_1, slow + called_slow),
            roc_auc=self._roc_auc(),
        )

    def _roc_auc(self) -> float:
        """Share of pairs of a 1 and a 0 that are in the right order, ties half."""
        negatives, positives = self.ranks
        pairs = sum(negatives) * sum(positives)
        if pairs == 0:
            return math.nan
        up_to = accumulate(negatives)
        counts = zip(positives, negatives, up_to, strict=True)
        return sum(ones * (2 * total - tied) for ones, tied, total in counts) / (2 * pairs)


def _share(part: int, whole: int) -> float:
    """Return a quotient, 0.0 of nothing."""
    return part / whole if whole else 0.0


def scores_together(evaluations: Iterable[Evaluation]) -> dict[str, Score]:
    """Return the scores over all samples of several evaluations, each of other hosts, by contestant.

    Examples
    --------
    >>> one, other = Evaluation(), Evaluation()
    >>> one.score("web", 1, 1, 0.9)
    >>> other.score("db", 0, 1, 0.6)
    >>> scores_together([one, other])["model"].accuracy
    0.5
    """
    together = {name: _Tally() for name in CONTESTANTS}
    for evaluation in evaluations:
        for name, tally in together.items():
            tally.add_all(evaluation._since_start[name])
    return {name: tally.score() for name, tally in together.items()}


class Evaluation:
    """Prequential scores of the model and of two baselines, over all labeled samples and over the last ones.

    Parameters
    ----------
    window : int
        How many of the last labeled samples count as recent.

    Examples
    --------
    >>> evaluation = Evaluation(window=2)
    >>> for label, probability in ((1, 0.4), (1, 0.9), (0, 0.2)):
    ...     evaluation.score("web", label, int(probability >= 0.5), probability)
    >>> evaluation.since_start()["model"].accuracy, evaluation.recent()["model"].accuracy
    (0.6666666666666666, 1.0)
    """

    def __init__(self, window: int = 1000) -> None:
        self._window = window
        self._since_start = {name: _Tally() for name in CONTESTANTS}
        self._recent = {name: _Tally() for name in CONTESTANTS}
        self._last: deque[tuple[int, int, float, int]] = deque()
        self._before: dict[str, int] = {}

    def score(self, host: str, label: int, predicted_class: int, probability: float) -> None:
        """Score a prediction whose label is known, in the order of the windows."""
        before = self._before.pop(host, 0)
        self._before[host] = label
        if len(self._before) > _MOST_HOSTS:
            del self._before[next(iter(self._before))]
        entry = (label, predicted_class, probability, before)
        self._count(self._since_start, entry, 1)
        self._count(self._recent, entry, 1)
        self._last.append(entry)
        if len(self._last) > self._window:
            self._count(self._recent, self._last.popleft(), -1)

    @staticmethod
    def _count(tallies: dict[str, _Tally], entry: tuple[int, int, float, int], count: int) -> None:
        """Count an entry for every contestant; a count of -1 takes it back."""
        label, predicted_class, probability, before = entry
        model, same, no = tallies[MODEL], tallies[SAME_AS_BEFORE], tallies[ALWAYS_NO]
        model.cells[label][predicted_class] += count
        model.ranks[label][int(probability * _BINS)] += count
        same.cells[label][before] += count
        same.ranks[label][before * _BINS] += count
        no.cells[label][0] += count
        no.ranks[label][0] += count

    def since_start(self) -> dict[str, Score]:
        """Return the scores over all samples, by contestant."""
        return {name: tally.score() for name, tally in self._since_start.items()}

    def recent(self) -> dict[str, Score]:
        """Return the scores over the last samples, by contestant."""
        return {name: tally.score() for name, tally in self._recent.items()}

    def snapshot(self) -> bytes:
        """Return the state as bytes."""
        state = {
            "since_start": {name: [each.cells, each.ranks] for name, each in self._since_start.items()},
            "last": [list(entry) for entry in self._last],
            "before": list(self._before.items()),
        }
        return write_state("evaluation", 1, state)

    def restore(self, data: bytes) -> None:
        """Take on the state of a snapshot.

        Raises
        ------
        SnapshotError
            If the bytes are no snapshot of an evaluation.
        """
        state = read_state("evaluation", 1, data)
        fresh = Evaluation(self._window)
        try:
            for name in CONTESTANTS:
                tally = fresh._since_start[name]
                tally.cells, tally.ranks = state["since_start"][name]
            for label, predicted_class, probability, before in state["last"][-self._window :]:
                entry = (label, predicted_class, probability, before)
                fresh._last.append(entry)
                fresh._count(fresh._recent, entry, 1)
            fresh._before = dict(state["before"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise SnapshotError("state of the evaluation is incomplete") from error
        self.__dict__.update(fresh.__dict__)
