"""Snapshots as lines for people and as values for programs."""

from __future__ import annotations

from pg_streaming_machine_learning.operations.snapshot_judge import PartitionReport, SnapshotReport, Start
from pg_streaming_machine_learning.state.manifest import Manifest

__all__ = ["age", "amount", "as_values", "lines"]

_HEAD = (
    "snapshot",
    "position",
    "size",
    "age",
    "gen",
    "made by",
    "learned",
    "kappa",
    "f1",
    "roc auc",
    "usable",
)
_RIGHT = {1, 2, 3, 4, 6, 7, 8, 9}
_UNKNOWN = "-"


def lines(report: PartitionReport, now_ms: int) -> list[str]:
    """Return what there is of a partition, for people."""
    rows = [_HEAD, *(_row(one, now_ms) for one in report.snapshots)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    table = ["  " + _aligned(row, widths) for row in rows] if report.snapshots else ["  no snapshot yet"]
    head = f"partition {report.state.partition}: {_progress(report)}"
    return [head, f"  {_start(report.start)}", *table]


def as_values(report: PartitionReport, now_ms: int) -> dict[str, object]:
    """Return the same, for programs."""
    state, progress, order = report.state, report.state.stored.progress, report.state.pending
    return {
        "partition": state.partition,
        "sent_to": None if progress is None else progress.end,
        "generation": None if progress is None else progress.generation,
        "model_version": None if progress is None else progress.model_version,
        "ordered": None if order is None else {"generation": order.number, "model": order.model},
        "log": {"begin": state.log.begin, "end": state.log.end},
        "start": {
            "from": report.start.source,
            "position": report.start.position,
            "replays": report.start.replays,
            "problem": report.start.problem or None,
        },
        "snapshots": [_snapshot_values(one, now_ms) for one in report.snapshots],
    }


def amount(size_bytes: int) -> str:
    """Return a size for people.

    Examples
    --------
    >>> amount(740), amount(1_234_567)
    ('740 B', '1.2 MB')
    """
    if size_bytes < 1000:
        return f"{size_bytes} B"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB"
    return f"{size_bytes / 1_000_000:.1f} MB"


def age(seconds: float) -> str:
    """Return a time that has passed, for people.

    Examples
    --------
    >>> age(59), age(3600), age(200_000), age(-5)
    ('59 s', '60 min', '2 days', '0 s')
    """
    if seconds < 60:
        return f"{max(0, seconds):.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def _progress(report: PartitionReport) -> str:
    progress, order = report.state.stored.progress, report.state.pending
    if progress is None:
        text = "no prediction sent yet"
    else:
        text = f"predictions sent up to offset {progress.end:,}, generation {progress.generation}"
    if order is not None:
        text += f"; generation {order.number} is ordered, from {order.model!r}"
    return text


def _start(start: Start) -> str:
    if start.problem:
        return f"a start stops: {start.problem}"
    return f"a start reads at most {start.replays:,} updates again, from {start.source}"


def _row(report: SnapshotReport, now_ms: int) -> tuple[str, ...]:
    manifest = report.slot.manifest
    if manifest is None:
        return (report.name, *[_UNKNOWN] * (len(_HEAD) - 2), _usable(report))
    return (
        report.name,
        f"{manifest.position:,}",
        amount(manifest.size_bytes),
        age((now_ms - manifest.created_ms) / 1000),
        str(manifest.generation),
        _versions(manifest),
        *(_figure(manifest, name) for name in ("samples_learned", "kappa", "f1", "roc_auc")),
        _usable(report),
    )


def _usable(report: SnapshotReport) -> str:
    if report.fault is not None:
        return f"no: {report.fault}"
    return "yes, signed" if report.is_signed else "yes, not signed"


def _versions(manifest: Manifest) -> str:
    package, river, python = (manifest.versions.get(name, "?") for name in ("package", "river", "python"))
    return f"{package}, river {river}, python {python}"


def _figure(manifest: Manifest, name: str) -> str:
    value = manifest.figures.get(name)
    if value is None:
        return _UNKNOWN
    return f"{value:,}" if name == "samples_learned" else f"{value:.3f}"


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _snapshot_values(report: SnapshotReport, now_ms: int) -> dict[str, object]:
    manifest = report.slot.manifest
    known: dict[str, object] = {}
    if manifest is not None:
        known = {
            "application": manifest.application,
            "position": manifest.position,
            "generation": manifest.generation,
            "size_bytes": manifest.size_bytes,
            "created_ms": manifest.created_ms,
            "age_s": round((now_ms - manifest.created_ms) / 1000, 1),
            "versions": dict(manifest.versions),
            "figures": dict(manifest.figures),
        }
    return {
        "name": report.name,
        "named": report.is_named,
        **known,
        "signed": report.is_signed,
        "usable": report.fault is None,
        "fault": report.fault,
    }
