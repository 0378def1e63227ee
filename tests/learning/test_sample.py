"""A closed window → the sample a model learns from."""

from __future__ import annotations

import math

import pytest

from pg_streaming_machine_learning.learning.sample import create_sample
from pg_streaming_machine_learning.records.feature import STATISTICS, pack
from pg_streaming_machine_learning.records.prediction import Sample
from pg_streaming_machine_learning.records.update import Metric
from pg_streaming_machine_learning.records.window import Window

CPU = Metric("CPU", "UTILIZATION", "PERCENT")
DISK = Metric("DISK_READ", "THROUGHPUT", "BYTES_PER_SECOND")
WINDOW = Window(5000, 15_000)
VALUES = tuple(float(number) for number in range(11))

Revision = tuple[tuple[float, ...], int | None]


def sample(revisions: dict[tuple[Metric, str], Revision], *, host_as_feature: bool = False) -> Sample:
    return create_sample(
        "web",
        WINDOW,
        {key: (pack(statistics), label) for key, (statistics, label) in revisions.items()},
        host_as_feature=host_as_feature,
    )


def test_features_are_named_by_metric_and_statistic_in_a_fixed_order() -> None:
    """Metrics in the order of their names, whatever came first, statistics in the contract's."""
    features = sample({(DISK, "labeled"): (VALUES, 0), (CPU, "labeled"): (VALUES, 0)}).features
    assert list(features) == [f"{metric}.{statistic}" for metric in (CPU, DISK) for statistic in STATISTICS]
    assert list(features.values()) == [*VALUES, *VALUES]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.1e100, -1e200])
def test_what_is_missing_or_absurd_has_no_feature(value: float) -> None:
    """NaN stays missing, it does not become 0; a square of what remains is a finite number."""
    features = sample({(CPU, "labeled"): ((value, *VALUES[1:]), None)}).features
    assert list(features) == [f"{CPU}.{statistic}" for statistic in STATISTICS[1:]]


def test_zero_is_a_value() -> None:
    assert sample({(CPU, "labeled"): ((0.0,) * 11, 0)}).features[f"{CPU}.mean"] == 0.0


def test_a_sample_may_have_no_features() -> None:
    """Every statistic of an empty window is NaN."""
    empty = sample({(CPU, "labeled"): ((math.nan,) * 11, 1)})
    assert (dict(empty.features), empty.metrics) == ({}, (CPU,))
    assert list(empty.statistics) == [CPU]


def test_of_two_topics_with_the_same_metric_the_later_name_counts() -> None:
    """The statistics of one topic, never a mixture."""
    features: Revision = ((1.0,) * 11, None)
    labeled: Revision = ((math.nan, *(2.0,) * 10), 1)
    for revisions in (
        {(CPU, "features"): features, (CPU, "labeled-data"): labeled},
        {(CPU, "labeled-data"): labeled, (CPU, "features"): features},
    ):
        joined = sample(revisions)
        assert set(joined.features.values()) == {2.0}
        assert len(joined.features) == 10
        assert joined.metrics == (CPU,)


def test_the_host_is_a_feature_on_demand() -> None:
    revisions: dict[tuple[Metric, str], Revision] = {(CPU, "labeled"): (VALUES, None)}
    assert "host" not in sample(revisions).features
    assert list(sample(revisions, host_as_feature=True).features.items())[-1] == ("host", "web")


def test_it_says_what_it_is_about() -> None:
    about = sample({(DISK, "labeled"): (VALUES, None), (CPU, "features"): (VALUES, None)})
    assert (about.host, about.window, about.metrics) == ("web", WINDOW, (CPU, DISK))
