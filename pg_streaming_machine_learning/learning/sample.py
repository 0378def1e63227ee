"""A closed window of a host → the sample a model learns from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pg_streaming_machine_learning.learning.features import GREATEST_MAGNITUDE, HOST_FEATURE, Features
from pg_streaming_machine_learning.records.feature import Packed
from pg_streaming_machine_learning.records.prediction import DurationSummary, Sample
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window

__all__ = ["GREATEST_MAGNITUDE", "HOST_FEATURE", "create_sample"]

_Key = tuple[Metric, str]


def create_sample(
    host: str,
    window: Window,
    revisions: Mapping[tuple[Metric, str], tuple[Packed, int | None]],
    label: int | None = None,
    durations: DurationSummary | None = None,
    *,
    host_as_feature: bool = False,
) -> Sample:
    """Return the sample of a host's closed window, over all its metrics.

    Parameters
    ----------
    host, window
        What it is about.
    revisions : mapping
        The last revision by metric and input topic: the eleven statistics, packed, and a label, which is not
        looked at. Where two topics have the same metric, the statistics of the later topic (by name) count.
    label : int or None
        Whether the host was slow, None if nobody knows.
    durations : DurationSummary or None
        Of the durations that began in the window.
    host_as_feature : bool
        Whether the host's name is a feature.

    Returns
    -------
    Sample
        Features in the order of metric, then statistic, the host last. What is NaN or beyond
        `GREATEST_MAGNITUDE` is left out.

    Examples
    --------
    >>> nan = float("nan")
    >>> from pg_streaming_machine_learning.records.feature import pack
    >>> cpu = pack((5.0, 5.0, 5.0, 0.0, 5.0, 5.0, 5.0, nan, nan, nan, 0.0))
    >>> revisions = {(Metric("CPU", "UTILIZATION", "PERCENT"), "labeled"): (cpu, 1)}
    >>> sample = create_sample("web", Window(0, 10_000), revisions, label=1)
    >>> sample.label, len(sample.features), sample.features["CPU.UTILIZATION.PERCENT.mean"]
    (1, 8, 5.0)
    """
    metrics, places = _order(tuple(revisions))
    found = list(revisions.values())
    packed = [found[place][0] for place in places]
    features = Features(metrics, packed, host if host_as_feature else None)
    return Sample(host, window, features, label, metrics, packed, durations)


@lru_cache(maxsize=4096)
def _order(keys: tuple[_Key, ...]) -> tuple[tuple[Metric, ...], tuple[int, ...]]:
    """Return the metrics of revisions in their order, and for each which of the revisions counts.

    Hosts send their metrics in the same order again and again: it is found once.
    """
    ordered = sorted(range(len(keys)), key=lambda place: (str(keys[place][0]), keys[place][1]))
    counting = {keys[place][0]: place for place in ordered}
    return tuple(counting), tuple(counting.values())
