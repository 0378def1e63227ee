"""How much is measured: everything, or a part in a few minutes."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.forest.streams import NAMES

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What all tables keep to.

    Parameters
    ----------
    streams : tuple of str
        Names of the streams.
    seeds : tuple of int
        Of the forests; accuracies are means over them, times are taken with the first.
    runs : int
        How often each time is taken, one process each, the sides in turns.
    rows : int or None
        How much of a stream is used for accuracy and speed; None for all.
    snapshot_rows, peers_memory_rows, memory_rows : int
        Samples learned before a snapshot is taken, or memory is looked at.
    drifting_rows : int
        Of a stream that drifts for ever.
    """

    streams: tuple[str, ...] = NAMES
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    runs: int = 5
    rows: int | None = None
    snapshot_rows: int = 50_000
    peers_memory_rows: int = 100_000
    memory_rows: int = 1_000_000
    drifting_rows: int = 10_000_000

    @classmethod
    def quick(cls, streams: tuple[str, ...] = ("elec", "sea")) -> Plan:
        """Return a plan to see that everything works; its figures say nothing about the bars."""
        return cls(
            streams=streams,
            seeds=(1, 2),
            runs=1,
            rows=4_000,
            snapshot_rows=4_000,
            peers_memory_rows=4_000,
            memory_rows=40_000,
            drifting_rows=100_000,
        )
