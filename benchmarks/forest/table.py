"""A table of results as markdown, and the sentences below it that say which bar is met."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["Table", "at_least", "at_most", "median", "megabytes", "more_than", "times"]


@dataclass
class Table:
    """What one question came to.

    Parameters
    ----------
    title : str
        The question, as a heading.
    columns : sequence of str
        Their heads; all but the first are numbers.
    how : str
        How it was measured, above the table.
    rows : list of sequence of str
        The body.
    verdicts : list of str
        Which bar is met, below the table.
    """

    title: str
    columns: Sequence[str]
    how: str
    rows: list[Sequence[str]] = field(default_factory=list)
    verdicts: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        """Return it as a section."""
        lines = [f"## {self.title}", "", self.how, ""]
        lines.append(f"| {' | '.join(self.columns)} |")
        lines.append(f"| --- |{' ---: |' * (len(self.columns) - 1)}")
        lines += [f"| {' | '.join(row)} |" for row in self.rows]
        for verdict in self.verdicts:
            lines += ["", verdict]
        return "\n".join(lines) + "\n"


def at_least(bar: float, measured: Iterable[tuple[str, float]], unit: str = " ×") -> str:
    """Say on which streams a figure reaches its bar."""
    figures = _known(measured)
    failing = {name: figure for name, figure in figures.items() if figure < bar}
    return _verdict(f"at least {bar:g}{unit}", figures, failing, min(figures.values(), default=0), unit)


def more_than(bar: float, measured: Iterable[tuple[str, float]], unit: str = " ×") -> str:
    """Say on which streams a figure exceeds its bar."""
    figures = _known(measured)
    failing = {name: figure for name, figure in figures.items() if figure <= bar}
    return _verdict(f"more than {bar:g}{unit}", figures, failing, min(figures.values(), default=0), unit)


def at_most(bar: float, measured: Iterable[tuple[str, float]], unit: str = " ×") -> str:
    """Say on which streams a figure stays within its bar."""
    figures = _known(measured)
    failing = {name: figure for name, figure in figures.items() if figure > bar}
    return _verdict(f"at most {bar:g}{unit}", figures, failing, max(figures.values(), default=0), unit)


def _known(measured: Iterable[tuple[str, float]]) -> dict[str, float]:
    return {name: figure for name, figure in measured if not math.isnan(figure)}


def _verdict(
    wanted: str, figures: dict[str, float], failing: dict[str, float], worst: float, unit: str
) -> str:
    if not figures:
        return f"Bar: {wanted}. **Not measured.**"
    if not failing:
        return f"Bar: {wanted}. **Met** on all {len(figures)}; the worst is {worst:.4g}{unit}."
    listed = ", ".join(f"{name} {figure:.4g}{unit}" for name, figure in failing.items())
    return f"Bar: {wanted}. **Not met** on {len(failing)} of {len(figures)}: {listed}."


def median(figures: Iterable[float]) -> float:
    """Return the middle one; NaN of none."""
    known = list(figures)
    return statistics.median(known) if known else math.nan


def times(figure: float) -> str:
    return "–" if math.isnan(figure) else f"{figure:.1f} ×" if figure < 100 else f"{figure:.0f} ×"


def megabytes(count: float) -> str:
    return "–" if math.isnan(count) else f"{count / 1e6:.2f}"
