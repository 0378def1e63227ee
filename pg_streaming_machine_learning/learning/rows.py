"""Samples → rows of one matrix, for models that predict and learn many samples at a time."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.learning.features import GREATEST_MAGNITUDE, feature_names
from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.records.prediction import Sample
from pg_streaming_machine_learning.records.update import Metric

__all__ = ["Rows", "rows_of"]

_Floats = NDArray[np.float64]
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Rows:
    """The statistics of some samples side by side.

    Parameters
    ----------
    matrix : array, shape (n_samples, n_columns)
        A row for each sample, in their order; NaN is missing.
    names : tuple of str
        Of the features in the columns, ascending.
    contents : sequence of bytes
        The metrics of each sample and its values, the same however many others it comes with.
    """

    matrix: _Floats
    names: tuple[str, ...]
    contents: Sequence[bytes]


def rows_of(samples: Sequence[Sample]) -> Rows:
    """Return the rows of samples.

    Parameters
    ----------
    samples : sequence of Sample
        At least one, with at least one metric each. Their hosts are no features here.

    Returns
    -------
    Rows
        With a column for each feature of any of them. What is NaN or beyond `GREATEST_MAGNITUDE` is missing.

    Examples
    --------
    >>> from pg_streaming_machine_learning.learning.sample import create_sample
    >>> from pg_streaming_machine_learning.records.feature import pack
    >>> from pg_streaming_machine_learning.records.window import Window
    >>> cpu = Metric("CPU", "UTILIZATION", "PERCENT")
    >>> packed = pack((float("inf"), *(1.0,) * 10))
    >>> sample = create_sample("web", Window(0, 10), {(cpu, "labeled"): (packed, 1)})
    >>> rows = rows_of([sample])
    >>> rows.names[:3], rows.matrix[0, 3:6].tolist()
    (('CPU.UTILIZATION.PERCENT.kurtosis', 'CPU.UTILIZATION.PERCENT.maximum', 'CPU.UTILIZATION.PERCENT.mean'),
     [1.0, nan, 1.0])
    """
    groups = _groups(samples)
    values = {metrics: _values([samples[place] for place in places]) for metrics, places in groups.items()}
    contents = [b""] * len(samples)
    for metrics, places in groups.items():
        begin, row = _described(metrics), values[metrics]
        for place, numbers in zip(places, row, strict=True):
            contents[place] = begin + numbers.tobytes()
    if len(groups) == 1:
        ((metrics, only),) = values.items()
        names, order = _columns(metrics)
        return Rows(only[:, order], names, contents)
    names = tuple(sorted({name for metrics in groups for name in _columns(metrics)[0]}))
    columns = {name: column for column, name in enumerate(names)}
    matrix = np.full((len(samples), len(names)), np.nan)
    for metrics, places in groups.items():
        own, order = _columns(metrics)
        matrix[np.ix_(places, [columns[name] for name in own])] = values[metrics][:, order]
    return Rows(matrix, names, contents)


def _groups(samples: Sequence[Sample]) -> dict[tuple[Metric, ...], list[int]]:
    """Return which samples have the same metrics; most often all have."""
    groups: dict[tuple[Metric, ...], list[int]] = {}
    last: tuple[Metric, ...] = ()
    for place, sample in enumerate(samples):
        if sample.metrics is not last:  # a group is found by its metrics, which takes longer
            last = sample.metrics
            group = groups.setdefault(last, [])
        group.append(place)
    return groups


def _values(samples: Sequence[Sample]) -> _Floats:
    """Return the statistics of samples with the same metrics, metric by metric, NaN for what is missing."""
    packed = b"".join([each for sample in samples for each in sample.packed])
    matrix: _Floats = np.frombuffer(packed, "<f8").reshape(len(samples), -1).copy()
    # NaN has many bits, of which a snapshot of open windows keeps none.
    matrix[~(np.abs(matrix) <= GREATEST_MAGNITUDE)] = np.nan
    return matrix


@lru_cache(maxsize=1024)
def _described(metrics: tuple[Metric, ...]) -> bytes:
    """Return what says which metrics there are."""
    text = ",".join(map(str, metrics)).encode()
    return _LENGTH.pack(len(text)) + text


@lru_cache(maxsize=1024)
def _columns(metrics: tuple[Metric, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the names of the features of metrics, ascending, and where each is among their statistics."""
    names = [name for metric in metrics for name in feature_names(metric)]
    assert len(names) == len(metrics) * len(STATISTICS)
    order = sorted(range(len(names)), key=names.__getitem__)
    return tuple(names[place] for place in order), tuple(order)
