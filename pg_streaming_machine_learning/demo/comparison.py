"""Whether a run put out what another one did: every prediction, once, with the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pg_streaming_machine_learning.demo.board import Board
from pg_streaming_machine_learning.demo.saved import load_values

__all__ = ["Comparison", "SavedRun"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two runs; nothing, if the worker keeps its word.

    Parameters
    ----------
    expected : int
        Predictions of the other run.
    missing : int
        Those of them that did not come.
    doubled : int
        Records that came although one with their id had.
    divergent : int
        Ids whose records have other bytes than the other run's.
    unexpected : int
        Ids that the other run does not have.
    """

    expected: int
    missing: int
    doubled: int
    divergent: int
    unexpected: int

    @property
    def is_equal(self) -> bool:
        """Say whether nothing differs."""
        return not (self.missing or self.doubled or self.divergent or self.unexpected)


@dataclass(frozen=True)
class SavedRun:
    """A run that was saved, to compare others with.

    Parameters
    ----------
    file : Path
        Where it was saved.
    values : mapping of str to bytes
        The value of each prediction, by its id.
    """

    file: Path
    values: Mapping[str, bytes]

    @classmethod
    def load(cls, file: Path) -> SavedRun:
        """Return the run that a file holds.

        Raises
        ------
        DemoError
            If the file was not saved by ``demo --save``.
        """
        return cls(file, load_values(file))

    def compare(self, board: Board) -> Comparison:
        """Return what differs between this run and the one on the board."""
        ours = board.values
        divergent = {id for id, value in ours.items() if self.values.get(id, value) != value}
        return Comparison(
            expected=len(self.values),
            missing=len(self.values.keys() - ours.keys()),
            doubled=board.repeated,
            divergent=len(divergent | board.contradicted),
            unexpected=len(ours.keys() - self.values.keys()),
        )
