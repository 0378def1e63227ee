"""The eleven statistics of a window, and the order they always come in.

Their Avro records (`FeatureKey`, `Feature`, `LabeledFeature`) are declared in ``wire.feature``: declaring
them takes dataclasses-avroschema, which imports Faust where it is installed, and the engine stays free of it.
"""

from __future__ import annotations

__all__ = ["STATISTICS"]

STATISTICS: tuple[str, ...] = (
    "minimum",
    "maximum",
    "mean",
    "standard_deviation",
    "percentile25",
    "median",
    "percentile75",
    "skewness",
    "kurtosis",
    "slope",
    "pearsons_correlation",
)
"""Names of a window's statistics, in the order of the fields of `Feature` on the wire."""
