"""The eleven statistics of a window, and the order they always come in.

Their Avro records (`FeatureKey`, `Feature`, `LabeledFeature`) are declared in ``wire.feature``: declaring
them takes dataclasses-avroschema, which imports Faust where it is installed, and the engine stays free of it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

__all__ = ["STATISTICS", "Packed", "pack", "pieces", "unpack"]

Packed = bytes
"""Statistics in 8 bytes each, little-endian: open windows keep millions, and as objects of their own they
take three times the memory, and twice the time of whoever looks at them."""

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

_ELEVEN = struct.Struct(f"<{len(STATISTICS)}d")


def pack(statistics: Sequence[float]) -> Packed:
    """Return statistics as bytes, bit by bit.

    Examples
    --------
    >>> unpack(pack((0.5, -0.0)))
    (0.5, -0.0)
    """
    if len(statistics) == len(STATISTICS):
        return _ELEVEN.pack(*statistics)
    return struct.pack(f"<{len(statistics)}d", *statistics)


def unpack(packed: Packed) -> tuple[float, ...]:
    """Return the statistics that were packed."""
    if len(packed) == _ELEVEN.size:
        return _ELEVEN.unpack(packed)
    return struct.unpack(f"<{len(packed) // 8}d", packed)


def pieces(packed: bytes) -> list[Packed]:
    """Return the statistics of each of many, packed one after the other."""
    size = _ELEVEN.size
    return [packed[begin : begin + size] for begin in range(0, len(packed), size)]
