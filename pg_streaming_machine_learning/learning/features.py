"""The features of a sample, by name, made only when somebody looks at them."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from functools import lru_cache

from pg_streaming_machine_learning.records.feature import STATISTICS, Packed, unpack
from pg_streaming_machine_learning.records.update import Metric

__all__ = ["GREATEST_MAGNITUDE", "HOST_FEATURE", "Features", "feature_names"]

HOST_FEATURE = "host"
"""Name of the feature that holds the host, where hosts are a feature."""

GREATEST_MAGNITUDE = 1e100
"""Values beyond this are missing: no reading has them, and their squares leave the range of a double."""


class Features(Mapping[str, "float | str"]):
    """The statistics of a sample's metrics by name, in the order of metric, then statistic, the host last.

    What is NaN or beyond `GREATEST_MAGNITUDE` is left out. A dictionary of 66 names takes as long to make as
    all else that is done with a closed window, and models that take many samples at a time need none.

    Parameters
    ----------
    metrics : sequence of Metric
        In their order.
    packed : sequence of bytes
        The eleven statistics of each.
    host : str or None
        The host, if it is a feature.

    Examples
    --------
    >>> from pg_streaming_machine_learning.records.feature import pack
    >>> cpu = Metric("CPU", "UTILIZATION", "PERCENT")
    >>> features = Features([cpu], [pack((5.0, float("nan"), *(1.0,) * 9))], "web")
    >>> len(features), features["CPU.UTILIZATION.PERCENT.minimum"], list(features)[-1]
    (11, 5.0, 'host')
    """

    __slots__ = ("_found", "_host", "_metrics", "_packed")

    def __init__(self, metrics: Sequence[Metric], packed: Sequence[Packed], host: str | None = None) -> None:
        self._metrics = metrics
        self._packed = packed
        self._host = host
        self._found: dict[str, float | str] | None = None

    def _all(self) -> dict[str, float | str]:
        """Return them as a dictionary, which is not to be changed."""
        if self._found is None:
            self._found = {
                name: value
                for metric, packed in zip(self._metrics, self._packed, strict=True)
                for name, value in zip(feature_names(metric), unpack(packed), strict=True)
                if -GREATEST_MAGNITUDE <= value <= GREATEST_MAGNITUDE  # false for NaN
            }
            if self._host is not None:
                self._found[HOST_FEATURE] = self._host
        return self._found

    def __getitem__(self, name: str) -> float | str:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    # Those of a dictionary are several times faster than those that `Mapping` makes of the methods above.

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._all().keys()

    def values(self) -> ValuesView[float | str]:
        """Return the values."""
        return self._all().values()

    def items(self) -> ItemsView[str, float | str]:
        """Return names and values."""
        return self._all().items()


@lru_cache(maxsize=1024)
def feature_names(metric: Metric) -> tuple[str, ...]:
    """Return the names of a metric's features, in the order of the statistics."""
    return tuple(f"{metric}.{statistic}" for statistic in STATISTICS)
