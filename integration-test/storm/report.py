"""What a storm showed, and tables of it in Markdown."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from storm.verdict import Counts

__all__ = ["Report", "mutants_table", "quantile", "table"]

_USUAL_CODES = {-15, -9, 0, 3, 4, 75}
"""Ended before it could listen to SIGTERM; killed; ended in order; no broker; an input trimmed under its
reader (what else ends with 4 ends the next start too, and stands still); a transaction that failed."""

_READ_AGAIN = re.compile(r"state restored .* read_again=(\d+)")


@dataclass
class Report:
    """What a storm showed.

    Parameters
    ----------
    name : str
        Of the storm.
    faults : int
        How many were brought about.
    records, predictions, letters : int
        Input records committed; predictions, and dead letters, that had to come of them.
    counts : Counts
        What must be zero.
    kinds : Counter of str
        How many faults of each kind there were.
    recoveries_s : mapping of str to list of float
        By kind of fault, of those on top of which no other came: from its end until every partition moved.
    pauses_s : list of float
        Times in which a partition did not move.
    restored : list of int
        Records of the log read again, for each time that a partition was taken over.
    peak_mb : float
        The most memory that a worker held.
    codes : Counter of int
        Exit codes of the workers that ended; minus the signal that ended them.
    seconds : float
        How long it took.
    failure : str
        Why it did not come to its end; empty if it did.
    printed : str
        All that the workers printed.
    """

    name: str
    faults: int = 0
    records: int = 0
    predictions: int = 0
    letters: int = 0
    counts: Counts = field(default_factory=Counts)
    kinds: Counter[str] = field(default_factory=Counter)
    recoveries_s: dict[str, list[float]] = field(default_factory=dict)
    pauses_s: list[float] = field(default_factory=list)
    restored: list[int] = field(default_factory=list)
    peak_mb: float = 0.0
    codes: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    failure: str = ""
    printed: str = field(default="", repr=False)

    def read_logs(self, text: str) -> None:
        """Keep what the workers printed, and take from it how much they read again."""
        self.printed = text
        self.restored = [int(found) for found in _READ_AGAIN.findall(text)]

    @property
    def is_good(self) -> bool:
        """Whether it came to its end, all is zero, and no worker met an error that it does not know."""
        return not self.failure and not self.counts.nonzero() and set(self.codes) <= _USUAL_CODES

    def keep(self, folder: Path) -> None:
        """Write what the workers printed into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.log").write_text(self.printed, encoding="utf-8")

    @property
    def all_recoveries_s(self) -> list[float]:
        """The recoveries of all kinds."""
        return sorted(seconds for kind in self.recoveries_s.values() for seconds in kind)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that a share of the values does not exceed, NaN if there are none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(reports: Sequence[Report]) -> str:
    """Return three tables: what must be zero, how long it took, and each kind of fault."""
    return "\n\n".join((_zeros(reports), _figures(reports), _kinds(reports)))


def mutants_table(reports: Sequence[Report]) -> str:
    """Return a table of what was counted with each defect put in."""
    head = (
        "defect", "predictions", "missing", "duplicate", "divergent", "out of order", "final state",
        "in the log never / twice / wrong", "exit codes", "also",
    )  # fmt: skip
    rows = []
    for report in reports:
        counts = report.counts
        rows.append(
            (
                report.name,
                report.predictions,
                counts.missing,
                counts.duplicate,
                counts.divergent,
                counts.out_of_order,
                "differs" if counts.states_unequal else "equal",
                f"{counts.log_never} / {counts.log_twice} / {counts.log_wrong}",
                _codes(report.codes),
                report.failure.split("\n")[0][:100],
            )
        )
    return _markdown(head, rows)


def _zeros(reports: Sequence[Report]) -> str:
    head = (
        "storm", "faults", "input records", "predictions", "missing", "duplicate", "divergent",
        "out of order", "final state", "dead letters", "missing / double / wrong",
        "in the log never / twice / wrong", "late",
    )  # fmt: skip
    rows = []
    for report in reports:
        counts = report.counts
        rows.append(
            (
                report.name,
                report.faults,
                report.records,
                report.predictions,
                counts.missing,
                counts.duplicate,
                counts.divergent,
                counts.out_of_order,
                "differs" if counts.states_unequal else "equal",
                report.letters,
                f"{counts.letters_missing} / {counts.letters_double} / {counts.letters_wrong}",
                f"{counts.log_never} / {counts.log_twice} / {counts.log_wrong}",
                counts.late,
            )
        )
    return _markdown(head, rows)


def _figures(reports: Sequence[Report]) -> str:
    head = (
        "storm", "pauses p50 / p95 / longest, s", "recovery p50 / p95, s", "takeovers",
        "log records read again p50 / most", "peak memory, MB", "exit codes", "took, s",
    )  # fmt: skip
    rows = []
    for report in reports:
        pauses, recoveries, restored = report.pauses_s, report.all_recoveries_s, report.restored
        rows.append(
            (
                report.name,
                _seconds(quantile(pauses, 0.5), quantile(pauses, 0.95), max(pauses, default=math.nan)),
                _seconds(quantile(recoveries, 0.5), quantile(recoveries, 0.95)),
                len(restored),
                f"{quantile(restored, 0.5):.0f} / {max(restored, default=0)}",
                f"{report.peak_mb:.0f}",
                _codes(report.codes),
                f"{report.seconds:.0f}",
            )
        )
    return _markdown(head, rows)


def _kinds(reports: Sequence[Report]) -> str:
    times: Counter[str] = Counter()
    together: dict[str, list[float]] = {}
    for report in reports:
        times += report.kinds
        for kind, seconds in report.recoveries_s.items():
            together.setdefault(kind, []).extend(seconds)
    rows = []
    for kind in sorted(times):
        seconds = together.get(kind, [])
        longest = max(seconds, default=math.nan)
        rows.append((kind, times[kind], _seconds(quantile(seconds, 0.5), quantile(seconds, 0.95), longest)))
    return _markdown(("fault", "times", "recovery p50 / p95 / longest, s"), rows)


def _codes(codes: Mapping[int, int]) -> str:
    named = {-9: "SIGKILL", -15: "SIGTERM"}
    return ", ".join(f"{count} × {named.get(code, code)}" for code, count in sorted(codes.items()))


def _seconds(*values: float) -> str:
    return " / ".join("–" if math.isnan(value) else f"{value:.1f}" for value in values)


def _markdown(head: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    cells = [[str(cell) for cell in head]]
    cells.append(["---"] * len(cells[0]))
    cells.extend([str(cell) for cell in row] for row in rows)
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
