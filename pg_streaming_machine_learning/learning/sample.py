"""A closed window of a host → the sample a model learns from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.prediction import DurationSummary, Sample
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window

__all__ = ["GREATEST_MAGNITUDE", "HOST_FEATURE", "create_sample"]

HOST_FEATURE = "host"
"""Name of the feature that holds the host, where hosts are a feature."""

GREATEST_MAGNITUDE = 1e100
"""Values beyond this are missing: no reading has them, and their squares leave the range of a double."""


def create_sample(
    host: str,
    window: Window,
    revisions: Mapping[tuple[Metric, str], tuple[tuple[float, ...], int | None]],
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
        The last revision by metric and input topic: the eleven statistics, and a label, which is not looked
        at. Where two topics have the same metric, the statistics of the later topic (by name) count.
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
    >>> cpu = (5.0, 5.0, 5.0, 0.0, 5.0, 5.0, 5.0, nan, nan, nan, 0.0)
    >>> revisions = {(Metric("CPU", "UTILIZATION", "PERCENT"), "labeled"): (cpu, 1)}
    >>> sample = create_sample("web", Window(0, 10_000), revisions, label=1)
    >>> sample.label, len(sample.features), sample.features["CPU.UTILIZATION.PERCENT.mean"]
    (1, 8, 5.0)
    """
    ordered = sorted(revisions.items(), key=lambda revision: (str(revision[0][0]), revision[0][1]))
    statistics = {metric: values for (metric, _), (values, _) in ordered}
    features: dict[str, float | str] = {
        name: value
        for metric, values in statistics.items()
        for name, value in zip(_names(metric), values, strict=True)
        if -GREATEST_MAGNITUDE <= value <= GREATEST_MAGNITUDE  # false for NaN
    }
    if host_as_feature:
        features[HOST_FEATURE] = host
    return Sample(host, window, features, label, tuple(statistics), statistics, durations)


@lru_cache(maxsize=1024)
def _names(metric: Metric) -> tuple[str, ...]:
    """Return the feature names of a metric."""
    return tuple(f"{metric}.{statistic}" for statistic in STATISTICS)
