"""What counts as slow in the demo: a file of objectives, made of what is usual on each host."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["LEAST_SPANS", "objectives_text"]

LEAST_SPANS = 5
"""With fewer spans a window is not slow: a percentile of two or three says little."""

_GREATEST_SHARE = 0.999


def objectives_text(thresholds_ms: Mapping[str, float], share: float) -> str:
    """Return a file of objectives, TOML, as the setting ``OBJECTIVES`` names one.

    Parameters
    ----------
    thresholds_ms : mapping of str to float
        Above which the quantile makes a window slow, milliseconds, by host; NaN is not known, such a host has
        the default objective.
    share : float
        Which quantile, 0.5 to 1; above 0.999 it is any span.

    Examples
    --------
    >>> print(objectives_text({"cart": 48.0}, 0.9))
    [[objective]]
    host = "cart"
    slower_than = "48.000ms"
    rule = "p90"
    least = 5
    <BLANKLINE>
    """
    rule = "any" if share > _GREATEST_SHARE else f"p{100 * share:.3f}".rstrip("0").rstrip(".")
    return "\n".join(
        f'[[objective]]\nhost = "{host}"\nslower_than = "{limit_ms:.3f}ms"\nrule = "{rule}"\n'
        f"least = {LEAST_SPANS}\n"
        for host, limit_ms in thresholds_ms.items()
        if not math.isnan(limit_ms)
    )
