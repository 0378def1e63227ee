"""Pages ``/live`` and ``/ready`` of Faust's web server: what is so, and a status for health checks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from pg_streaming_machine_learning.streams.watchdog import CONSUMER, HEARTBEAT, LOOP, Liveness

__all__ = ["Health", "HealthPages", "Readiness", "Settled", "attach_health", "look_at_health"]

STANDBY = "standby"
READY = "ready"


class Readiness(Protocol):
    """What is known of the partitions of this worker."""

    def assigned(self) -> list[str]:
        """Return the names of the partitions of this worker."""

    def restoring(self) -> list[str]:
        """Return the names of the partitions whose state is not yet as new as what was sent."""

    def stopped(self) -> dict[str, str]:
        """Return the names of the partitions that stand still, with the reason."""


class Settled(Protocol):
    """What is known of partitions changing hands."""

    @property
    def is_open(self) -> bool:
        """Whether the partitions of this worker are known, and its own."""


class HealthPages(Protocol):
    """The application whose web server has the pages."""

    @property
    def gate(self) -> Settled:
        """What is shut while partitions change hands."""

    def page(self, path: str, *, name: str | None = None) -> Callable[[Any], Any]:
        """Return what makes a page of a function."""


@dataclass(frozen=True, slots=True)
class Health:
    """What the pages say.

    Parameters
    ----------
    state : str
        ``stuck``, ``joining`` the consumer group, ``rebalancing``, ``stopped`` (a partition stands still),
        ``restoring``, ``standby`` (no partition is ours, which is in order), ``ready``.
    stuck : str or None
        What stands still.
    loop_tick_age_s, consumer_tick_age_s, heartbeat_age_s : float or None
        How long ago the event loop, the consumer's event loop and the group last gave a sign of life,
        seconds; None if they never did.
    assigned, restoring : list of str
        Names of partitions.
    restored : bool
        Whether the state of all partitions is as new as what was sent.
    stopped : dict of str to str
        Names of the partitions that stand still, with the reason.
    """

    state: str
    stuck: str | None
    loop_tick_age_s: float | None
    consumer_tick_age_s: float | None
    heartbeat_age_s: float | None
    assigned: list[str]
    restoring: list[str]
    restored: bool
    stopped: dict[str, str]

    @property
    def is_live(self) -> bool:
        """Whether the process goes on."""
        return self.stuck is None

    @property
    def is_ready(self) -> bool:
        """Whether it does its work, or would if there were any for it."""
        return self.state in (READY, STANDBY)


def look_at_health(liveness: Liveness, readiness: Readiness, *, is_settled: bool) -> Health:
    """Return how the process is.

    Parameters
    ----------
    liveness : Liveness
        Whether it goes on.
    readiness : Readiness
        How its partitions are.
    is_settled : bool
        Whether no partitions are changing hands just now.
    """
    stuck = liveness.stuck()
    assigned, restoring, stopped = readiness.assigned(), readiness.restoring(), readiness.stopped()
    states = (
        ("stuck", stuck is not None),
        ("joining", not liveness.is_member),
        ("rebalancing", not is_settled),
        ("stopped", bool(stopped)),
        ("restoring", bool(restoring)),
        (STANDBY, not assigned),
    )
    return Health(
        state=next((state for state, is_so in states if is_so), READY),
        stuck=stuck,
        loop_tick_age_s=_tenths(liveness.age_s(LOOP)),
        consumer_tick_age_s=_tenths(liveness.age_s(CONSUMER)),
        heartbeat_age_s=_tenths(liveness.age_s(HEARTBEAT)),
        assigned=assigned,
        restoring=restoring,
        restored=liveness.is_member and is_settled and not restoring,
        stopped=stopped,
    )


def attach_health(app: HealthPages, liveness: Liveness, readiness: Readiness) -> None:
    """Let the application's web server answer ``/live`` and ``/ready``, 200 or 503.

    They are answered by the event loop that also does the work: one that stands still does not answer at all.

    Parameters
    ----------
    app : Application
        The application, not started yet.
    liveness : Liveness
        Whether the process goes on.
    readiness : Readiness
        How its partitions are.
    """

    def look() -> Health:
        return look_at_health(liveness, readiness, is_settled=app.gate.is_open)

    async def live(view: Any, _request: Any) -> Any:
        """Say whether the process goes on."""
        health = look()
        return view.json(asdict(health), status=200 if health.is_live else 503)

    async def ready(view: Any, _request: Any) -> Any:
        """Say whether the process does its work."""
        health = look()
        return view.json(asdict(health), status=200 if health.is_ready else 503)

    app.page("/live", name="live")(live)
    app.page("/ready", name="ready")(ready)


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
