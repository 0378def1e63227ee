"""The plan of a run: how long, with which seed, and which faults when."""

from __future__ import annotations

from dataclasses import dataclass

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.faults import Fault, FaultTimes, plan_faults


@dataclass(frozen=True)
class RunPlan:
    """What a run is going to be.

    Parameters
    ----------
    minutes, quiet_minutes : float
        Length, and the first part of it without faults.
    seed : int
        Seed of faults, load and work.
    faults : tuple of Fault
        What goes wrong when.
    """

    minutes: float
    quiet_minutes: float
    seed: int
    faults: tuple[Fault, ...]

    @classmethod
    def draw(
        cls, minutes: float, quiet_minutes: float, seed: int, fault_times: FaultTimes | None = None
    ) -> RunPlan:
        """Draw the faults of a run from its seed.

        Raises
        ------
        RecordingError
            If the length is not positive, or the quiet part is negative or longer than it.
        """
        if not (minutes > 0 and 0 <= quiet_minutes <= minutes):
            raise RecordingError(
                f"recording of {minutes!r} minutes with the first {quiet_minutes!r} quiet, "
                "expected a positive length, and 0 <= quiet <= length"
            )
        return cls(minutes, quiet_minutes, seed, plan_faults(seed, minutes, quiet_minutes, fault_times))

    @property
    def length_ms(self) -> int:
        """Return the length, milliseconds."""
        return round(self.minutes * 60_000)

    @property
    def quiet_ms(self) -> int:
        """Return the length of the first part without faults, milliseconds."""
        return round(self.quiet_minutes * 60_000)
