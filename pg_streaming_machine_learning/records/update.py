"""What the log holds: typed updates, ordered per host, and progress marks.

Nobody changes them. Those that there is one of for each record are not frozen, since they would take three
times as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "Duration",
    "DurationsUpdate",
    "InputPartition",
    "LabelUpdate",
    "Metric",
    "ProgressMark",
    "Reading",
    "ReadingsUpdate",
    "SourcePlace",
    "Update",
    "WindowUpdate",
]


@dataclass(frozen=True, order=True, slots=True)
class InputPartition:
    """A partition of an input topic."""

    topic: str
    partition: int


@dataclass(order=True, slots=True, unsafe_hash=True)
class SourcePlace:
    """Where an update comes from: a record of an input topic, and which of its updates.

    Parameters
    ----------
    topic, partition, offset
        The input record.
    index : int
        Number of the update within the record, 0 for the first.
    """

    topic: str
    partition: int
    offset: int
    index: int = 0


class Metric(NamedTuple):
    """What a column of readings is about, by the symbols of the contract's enums.

    A tuple, since it is looked up several times for every update.

    Examples
    --------
    >>> str(Metric("CPU", "UTILIZATION", "PERCENT"))
    'CPU.UTILIZATION.PERCENT'
    """

    metric: str
    measure: str
    unit: str

    def __str__(self) -> str:
        return f"{self.metric}.{self.measure}.{self.unit}"


@dataclass(slots=True, unsafe_hash=True)
class WindowUpdate:
    """A revision of one metric's window of one host.

    Parameters
    ----------
    place : SourcePlace
        Where it comes from.
    host : str
        Name of the host, not empty.
    metric : Metric
        The metric summarised.
    window_start_ms : int
        Start of the window, a multiple of the hop, milliseconds since the epoch.
    statistics : tuple of float
        The eleven statistics in the order of `records.feature.STATISTICS`; NaN is missing.
    label : int or None
        0 or 1 if the record carries a label.
    """

    place: SourcePlace
    host: str
    metric: Metric
    window_start_ms: int
    statistics: tuple[float, ...]
    label: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sensor said of one metric at one time.

    Parameters
    ----------
    metric : Metric
        What it is of.
    timestamp_ms : int
        When, milliseconds since the epoch, not negative.
    value : float
        In the metric's unit, finite; of a counter, the count: in the metric's unit times seconds.
    counter : str
        Empty for a gauge. Else which ever-growing counter of the host this is, such as ``diskio/sda``: its
        increase in a second is what the metric gets, summed over the counters read at the same time.
    """

    metric: Metric
    timestamp_ms: int
    value: float
    counter: str = ""


@dataclass(frozen=True, slots=True)
class ReadingsUpdate:
    """Readings of one host, in their order.

    Parameters
    ----------
    place : SourcePlace
        Where they come from.
    host : str
        Name of the host, not empty.
    readings : tuple of Reading
        At least one.
    """

    place: SourcePlace
    host: str
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Duration:
    """How long a service of a host took for one unit of work.

    Parameters
    ----------
    service : str
        Name of the service, empty if it is not known.
    start_ms : int
        When it began, milliseconds since the epoch, not negative.
    duration_us : int
        How long it took, microseconds, not negative.
    is_error : bool
        Whether it failed.
    """

    service: str
    start_ms: int
    duration_us: int
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class DurationsUpdate:
    """Durations of one host, in their order.

    Parameters
    ----------
    place : SourcePlace
        Where they come from.
    host : str
        Name of the host, not empty.
    durations : tuple of Duration
        At least one.
    """

    place: SourcePlace
    host: str
    durations: tuple[Duration, ...]


@dataclass(frozen=True, slots=True)
class LabelUpdate:
    """A revision of the label of a host's window.

    Parameters
    ----------
    place : SourcePlace
        Where it comes from.
    host : str
        Name of the host, not empty.
    window_start_ms : int
        Start of the window, a multiple of the hop, milliseconds since the epoch.
    label : int
        0 or 1.
    """

    place: SourcePlace
    host: str
    window_start_ms: int
    label: int


@dataclass(frozen=True, slots=True)
class ProgressMark:
    """How far an input partition has come, told to every partition of the log.

    Parameters
    ----------
    input : InputPartition
        The partition spoken of.
    partitions : int
        How many partitions its topic has.
    event_ms : int or None
        Greatest event time its records have reached (start of the newest window), if any was read
        since its router took it over.
    idle : bool
        True if it was read to its end and no record came for `IDLE_AFTER_S`.
    sent_ms : int
        When the mark was sent, by the router's clock: the only notion of passing time in the log.
    """

    input: InputPartition
    partitions: int
    event_ms: int | None
    idle: bool
    sent_ms: int


Update = WindowUpdate | ReadingsUpdate | DurationsUpdate | LabelUpdate
