"""What the demo knows so far: the state that its views show and its summary is made of."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from pg_streaming_machine_learning.learning.evaluation import (
    ALWAYS_NO,
    MODEL,
    SAME_AS_BEFORE,
    Evaluation,
    Score,
)
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction

__all__ = ["CONTESTANT_NAMES", "TRAIL", "Board", "HostRow"]

CONTESTANT_NAMES = {
    MODEL: "the model",
    SAME_AS_BEFORE: "same label as the host's window before",
    ALWAYS_NO: "always no",
}
"""What the evaluation compares, in words."""

TRAIL = 36
"""Windows of a host that its trail shows."""

_RATE_OVER_S = 5.0


@dataclass
class HostRow:
    """What was said of one host.

    Parameters
    ----------
    host : str
        Its name.
    last : BottleneckPrediction or None
        The newest prediction.
    trail : deque of (float, int or None)
        Probability and true label of the newest windows, oldest first.
    predictions, right : int
        Predictions whose true label is known, and those of them that were right.
    begun, begun_seen : int
        Bottlenecks that began (a window with label 1 after one with 0), and those of them the
        model named in their very first window.
    """

    host: str
    last: BottleneckPrediction | None = None
    trail: deque[tuple[float, int | None]] = field(default_factory=lambda: deque(maxlen=TRAIL))
    predictions: int = 0
    right: int = 0
    begun: int = 0
    begun_seen: int = 0

    def add(self, prediction: BottleneckPrediction) -> None:
        """Take in the host's next prediction."""
        before = None if self.last is None else self.last.label
        self.last = prediction
        self.trail.append((prediction.probability, prediction.label))
        if prediction.label is None:
            return
        self.predictions += 1
        self.right += prediction.predicted_class == prediction.label
        if before == 0 and prediction.label == 1:
            self.begun += 1
            self.begun_seen += prediction.predicted_class == 1


class Board:
    """Progress, predictions and refusals of a run of the demo.

    Parameters
    ----------
    hosts : sequence of str
        In the order to show them.
    start_ms, end_ms : int
        The stretch of the recording that is replayed, or of the run, milliseconds since the epoch.
    speed : float
        Recorded seconds per second asked for; 0 is as fast as possible.
    now_s : float
        Monotonic clock, seconds.
    is_live : bool
        Whether it is no recording, but the testbed as it runs.

    Attributes
    ----------
    values : dict of str to bytes
        The value of each prediction as it came first, by its id.
    predictions, repeated : int
        How many ids came, and how many records whose id had come before.
    contradicted : set of str
        Ids that came again with other bytes.
    letters_repeated : int
        Dead letters of a record that had one before.
    kills, restarts : int
        How often the worker ended by SIGKILL, and how often because it asked for a new start.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        start_ms: int,
        end_ms: int,
        speed: float,
        now_s: float,
        is_live: bool = False,
    ) -> None:
        self.rows = {host: HostRow(host) for host in hosts}
        self.start_ms = start_ms
        self.end_ms = end_ms
        self.speed = speed
        self.is_live = is_live
        self.started_s = now_s
        self.phase = "starting the worker"
        self.replayed_to_ms = start_ms
        self.messages_sent = 0
        self.bytes_sent = 0
        self.windows_sent = 0
        self.bad_sent = 0
        self.expected: int | None = None
        self.predictions = 0
        self.repeated = 0
        self.contradicted: set[str] = set()
        self.letters_repeated = 0
        self.refused: Counter[str] = Counter()
        self.worker_pid: int | None = None
        self.kills = 0
        self.restarts = 0
        self.first_prediction_s: float | None = None
        self.last_prediction_s: float | None = None
        self.values: dict[str, bytes] = {}
        self._refused_origins: set[str] = set()
        self._evaluation = Evaluation()
        self._scores: dict[str, Score] | None = None
        self._recent: deque[tuple[float, int]] = deque([(now_s, 0)])

    def predicted(self, prediction: BottleneckPrediction, value: bytes, now_s: float) -> bool:
        """Take in a prediction; False if it is one that was already there.

        Parameters
        ----------
        prediction : BottleneckPrediction
            The record.
        value : bytes
            Its bytes: an id that comes again must have the same ones.
        now_s : float
            Monotonic clock, seconds.
        """
        if prediction.id in self.values:
            self.repeated += 1
            if self.values[prediction.id] != value:
                self.contradicted.add(prediction.id)
            return False
        self.values[prediction.id] = value
        self.predictions += 1
        self.last_prediction_s = now_s
        if self.first_prediction_s is None:
            self.first_prediction_s = now_s
        self.rows.setdefault(prediction.host, HostRow(prediction.host)).add(prediction)
        if prediction.label is not None:
            self._scores = None
            self._evaluation.score(
                prediction.host, prediction.label, prediction.predicted_class, prediction.probability
            )
        return True

    def was_refused(self, origin: str, reason: str) -> None:
        """Take in a dead letter; one of the same origin counts once.

        Parameters
        ----------
        origin : str
            Where the refused record came from, ``topic[partition]@offset``.
        reason : str
            The code it was refused with.
        """
        if origin in self._refused_origins:
            self.letters_repeated += 1
            return
        self._refused_origins.add(origin)
        self.refused[reason] += 1

    def tick(self, now_s: float) -> None:
        """Note how many predictions there are at a time, for the rate."""
        self._recent.append((now_s, self.predictions))
        while len(self._recent) > 2 and self._recent[0][0] < now_s - _RATE_OVER_S:
            self._recent.popleft()

    @property
    def scores(self) -> dict[str, Score]:
        """Return the scores so far, of the model first, by the keys of `CONTESTANT_NAMES`."""
        if self._scores is None:
            self._scores = self._evaluation.since_start()
        return self._scores

    @property
    def predictions_per_s(self) -> float:
        """Return the rate of the last seconds."""
        (first_s, first), (last_s, last) = self._recent[0], self._recent[-1]
        return (last - first) / (last_s - first_s) if last_s > first_s else 0.0

    @property
    def share_replayed(self) -> float:
        """Return how much of the stretch has been sent, 0 to 1."""
        return (self.replayed_to_ms - self.start_ms) / max(1, self.end_ms - self.start_ms)

    @property
    def dead_letters(self) -> int:
        """Return how many records came back as dead letters."""
        return sum(self.refused.values())

    @property
    def missing(self) -> int:
        """Return how many predictions that must come have not; 0 until it is known how many must."""
        return 0 if self.expected is None else max(0, self.expected - self.predictions)

    @property
    def is_complete(self) -> bool:
        """Say whether all predictions and all dead letters have come."""
        return (
            self.expected is not None
            and self.predictions >= self.expected
            and self.dead_letters >= self.bad_sent
        )
