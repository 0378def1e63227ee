"""Whether the group settles: a worker whose partitions change hands for ever is alive, and does nothing."""

from __future__ import annotations

from collections.abc import Callable

from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.watchdog import Liveness

__all__ = ["Settling"]

CALM_LOOKS = 2


class Settling:
    """Tells the watchdog that this worker is settled, or takes partitions over and comes on with it.

    Settled is a worker that may commit and to which records may flow, if the last rebalance was at least two
    looks ago. So are one that waits at its start, one without partitions, and one all of whose partitions are
    held back: nothing is shut. A take-over comes on as long as it takes one step after another, of which each
    has its limit; it may be long because the state is, or because the partitions are many. Neither counts if
    partitions change hands again before the second look: so they may for ever.

    Parameters
    ----------
    gate : CommitGate
        Shut while partitions change hands.
    liveness : Liveness
        Who is told.
    is_flowing : callable
        Says whether the consumer hands on what it fetches.
    longer_s : float
        What a rebalance and the longest step of a take-over may honestly take, seconds.
    """

    def __init__(
        self, gate: CommitGate, liveness: Liveness, is_flowing: Callable[[], bool], longer_s: float
    ) -> None:
        self._gate = gate
        self._liveness = liveness
        self._is_flowing = is_flowing
        self._longer_s = longer_s
        self._shuts = gate.shuts
        self._steps = gate.steps
        self._calm = CALM_LOOKS

    def look(self) -> None:
        """See how it is; called about once a second, in the application's event loop."""
        gate = self._gate
        self._calm = self._calm + 1 if gate.shuts == self._shuts else 0
        is_settled = gate.is_open and self._is_flowing()
        if self._calm >= CALM_LOOKS and (is_settled or gate.steps != self._steps):
            self._liveness.settled(self._longer_s)
        self._shuts, self._steps = gate.shuts, gate.steps
