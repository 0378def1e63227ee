"""What the engine makes of closed windows: samples, and predictions about them.

The Avro record of a prediction, `BottleneckPrediction`, is declared in ``wire.prediction``. Nobody changes
what is here. What there is one of for each window is not frozen: it would take three times as long to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pg_streaming_machine_learning.records.feature import Packed, unpack
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window

__all__ = ["Blame", "Concluded", "DurationSummary", "Effect", "Measured", "Prediction", "Sample"]


@dataclass(frozen=True, slots=True)
class DurationSummary:
    """Durations of one host in one window, in milliseconds.

    Parameters
    ----------
    count : int
        How many there are.
    mean_ms, p50_ms, p90_ms, p99_ms, maximum_ms : float
        Percentiles as in `windows.summary.percentile`; NaN throughout if there are none.
    """

    count: int
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    maximum_ms: float


@dataclass(slots=True, unsafe_hash=True)
class Sample:
    """All that is known of one host in one closed window.

    Parameters
    ----------
    host : str
        Name of the host.
    window : Window
        The closed window.
    features : mapping of str to float or str
        ``<METRIC>.<MEASURE>.<UNIT>.<statistic>`` to its value; what is missing or NaN has no entry.
        May be empty.
    label : int or None
        1 if any of its records says 1, 0 if some say 0 and none 1, None if no record has a label.
    metrics : tuple of Metric
        The metrics present, sorted.
    packed : sequence of bytes
        All eleven statistics of each metric (`records.feature.pack`), NaN where one is not defined.
    durations : DurationSummary or None
        Of the durations that began in the window, None if there were none. No features: the label of the same
        window is made of them.
    """

    host: str
    window: Window
    features: Mapping[str, float | str]
    label: int | None
    metrics: tuple[Metric, ...]
    packed: Sequence[Packed] = ()
    durations: DurationSummary | None = None

    @property
    def statistics(self) -> dict[Metric, tuple[float, ...]]:
        """All eleven statistics of each metric."""
        return dict(zip(self.metrics, map(unpack, self.packed), strict=True))


@dataclass(frozen=True, order=True, slots=True)
class Blame:
    """How much one statistic of one metric moved a prediction.

    Parameters
    ----------
    metric, measure, unit : str
        The metric, by the symbols of the contract's enums.
    statistic : str
        One of `records.feature.STATISTICS`.
    contribution : float
        Positive towards class 1, negative towards class 0.
    """

    metric: str
    measure: str
    unit: str
    statistic: str
    contribution: float


@dataclass(slots=True, unsafe_hash=True)
class Prediction:
    """What the model said about a host's window before it learned from it.

    Parameters
    ----------
    host, window
        What it is about.
    horizon_ms : int
        How far ahead of the window's end it speaks, milliseconds; 0 for the window itself.
    predicted_class : int
        1 for a bottleneck, else 0: the probability compared with the decision threshold.
    probability, decision_threshold : float
        Probability of class 1, and from which on class 1 is predicted; 0.0 to 1.0.
    label : int or None
        The true class if it was known when the window closed.
    model_name, model_version : str
        Which model, in which release.
    samples_learned : int
        Labeled samples the model had learned from.
    warming_up : bool
        True until the model has seen enough samples, of both classes.
    metrics : tuple of Metric
        The metrics that were present.
    reasons : tuple of Blame
        The greatest contributions; may be empty.
    """

    host: str
    window: Window
    horizon_ms: int
    predicted_class: int
    probability: float
    decision_threshold: float
    label: int | None
    model_name: str
    model_version: str
    samples_learned: int
    warming_up: bool
    metrics: tuple[Metric, ...]
    reasons: tuple[Blame, ...] = ()

    @property
    def id(self) -> str:
        """Name of the prediction: one id never has two contents.

        Examples
        --------
        >>> Prediction("web", Window(1000, 2000), 0, 1, 0.7, 0.5, None, "m", "1", 9, False, ()).id
        'web@1000+0'
        """
        return f"{self.host}@{self.window.start_ms}+{self.horizon_ms}"


@dataclass(slots=True, unsafe_hash=True)
class Concluded:
    """A closed window, and what was made of it.

    Parameters
    ----------
    sample : Sample
        All that is known of the window.
    prediction : Prediction or None
        None if the window has no metric.
    """

    sample: Sample
    prediction: Prediction | None


@dataclass(frozen=True, slots=True)
class Measured:
    """The value of a metric at one time, as it goes into windows: a gauge, or the rates of counters summed.

    It does not change any more. Those of a host and metric come in the order that their windows have them in.

    Parameters
    ----------
    host, metric : str, Metric
        What it is of.
    timestamp_ms : int
        When, milliseconds since the epoch.
    value : float
        In the metric's unit.
    """

    host: str
    metric: Metric
    timestamp_ms: int
    value: float


Effect = Concluded | Measured
"""What an engine makes of the log."""
