"""What a user can ask of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pg_streaming_machine_learning.testbed.figures import OBJECTIVE

__all__ = ["DemoOptions"]


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a user can ask of the demo.

    Parameters
    ----------
    recording : Path
        Directory of the recording to replay.
    speed : float
        Recorded seconds per second; 0 is as fast as the worker can.
    live : bool
        Run the testbed itself instead of a recording of it.
    seed : int
        Seed of that run.
    minutes : float or None
        Replay only the first minutes; None replays everything. Of a live run the length.
    share, factor : float
        Slow is a window whose quantile `share` of response times is above `factor` times the median of
        the host's fault-free minutes.
    kill : int
        How often to kill the worker (``kill -9``), spread over the run.
    plain : bool
        Lines of text even in a terminal.
    hold : bool
        Keep everything running at the end, until Ctrl-C.
    save : Path or None
        File for the predictions, one JSON object a line.
    compare : Path or None
        File of such predictions, of another run, to compare with.
    picture : Path or None
        File for a picture of the table in its most eventful moment, SVG.
    log : Path or None
        File for what the worker prints; None keeps it for the time of the demo only.
    """

    recording: Path
    speed: float
    live: bool = False
    seed: int = 1
    minutes: float | None = None
    share: float = OBJECTIVE.share
    factor: float = OBJECTIVE.factor
    kill: int = 0
    plain: bool = False
    hold: bool = False
    save: Path | None = None
    compare: Path | None = None
    picture: Path | None = None
    log: Path | None = None
