"""What `/live` and `/ready` say, and that Faust's web server answers them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.health import attach_health, look_at_health
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.watchdog import CONSUMER, LOOP, Liveness
from tests.streams.stand_ins import Clock


@dataclass
class Partitions:
    """Partitions as they are told to be."""

    ours: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    still: dict[str, str] = field(default_factory=dict)

    def assigned(self) -> list[str]:
        """Return those of this worker."""
        return self.ours

    def restoring(self) -> list[str]:
        """Return those not restored."""
        return self.behind

    def stopped(self) -> dict[str, str]:
        """Return those that stand still."""
        return self.still


def member(clock: Clock) -> Liveness:
    """Return a process that is alive and a member of its group."""
    liveness = Liveness(60, monotonic=clock)
    liveness.tick(LOOP)
    liveness.tick(CONSUMER)
    liveness.heartbeat()
    return liveness


@pytest.mark.parametrize(
    ("partitions", "is_settled", "state", "is_ready"),
    [
        (Partitions(["log[0]"]), True, "ready", True),
        (Partitions(), True, "standby", True),
        (Partitions(["log[0]", "log[1]"], ["log[1]"]), True, "restoring", False),
        (Partitions(["in[0]", "log[0]"], [], {"in[0]": "a hole"}), True, "stopped", False),
        (Partitions(["in[0]", "log[0]"], ["log[0]"], {"in[0]": "a hole"}), True, "stopped", False),
        (Partitions(["log[0]"]), False, "rebalancing", False),
        (Partitions(), False, "rebalancing", False),
    ],
)
def test_ready_is_who_works_or_would_if_there_were_work(
    partitions: Partitions, is_settled: bool, state: str, is_ready: bool
) -> None:
    """Without partitions a worker stands by, which is in order; all others are live and not ready."""
    health = look_at_health(member(Clock()), partitions, is_settled=is_settled)
    assert (health.state, health.is_ready, health.is_live) == (state, is_ready, True)
    assert health.restored is (is_settled and not partitions.behind)


def test_who_has_not_joined_is_not_ready() -> None:
    """It has no partitions, and not because there are none for it."""
    liveness = Liveness(60, monotonic=Clock())
    health = look_at_health(liveness, Partitions(), is_settled=True)
    assert (health.state, health.is_ready, health.is_live) == ("joining", False, True)
    assert health.heartbeat_age_s is None
    liveness.joining(60)
    assert look_at_health(liveness, Partitions(), is_settled=True).state == "joining"


def test_who_stands_still_is_neither() -> None:
    """With the sentence that the process ends with."""
    clock = Clock()
    liveness = member(clock)
    clock.now_s += 61.04
    liveness.tick(LOOP)
    health = look_at_health(liveness, Partitions(["log[0]"]), is_settled=True)
    assert (health.state, health.is_ready, health.is_live) == ("stuck", False, False)
    assert (
        health.stuck == "the consumer's event loop stood still for 61 s, expected at most 60 (STUCK_AFTER_S)"
    )
    assert (health.loop_tick_age_s, health.consumer_tick_age_s, health.heartbeat_age_s) == (0.0, 61.0, 61.0)


def test_the_web_server_answers_with_json() -> None:
    """Both pages say everything; the status is what a health check looks at."""
    clock, partitions = Clock(), Partitions()
    app = Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())
    liveness = Liveness(60, monotonic=clock)
    attach_health(app, liveness, partitions)

    async def ask() -> list[tuple[int, int, dict[str, Any]]]:
        found = []
        web: Any = app.web
        async with TestClient(TestServer(web.web_app)) as client:

            async def look() -> None:
                live, ready = await client.get("/live"), await client.get("/ready")
                assert live.content_type == ready.content_type == "application/json"
                answer = await ready.json()
                assert answer == await live.json()
                found.append((live.status, ready.status, answer))

            await look()
            liveness.tick(LOOP)
            liveness.tick(CONSUMER)
            liveness.heartbeat()
            partitions.ours, partitions.behind = ["log[0]"], ["log[0]"]
            await look()
            partitions.behind = []
            await look()
            partitions.still = {"log[0]": "a hole"}
            await look()
            partitions.still = {}
            app.gate.end()
            await look()
            clock.now_s += 61
            await look()
        return found

    found = asyncio.run(ask())
    assert [(live, ready, answer["state"]) for live, ready, answer in found] == [
        (200, 503, "joining"),
        (200, 503, "restoring"),
        (200, 200, "ready"),
        (200, 503, "stopped"),
        (200, 503, "rebalancing"),
        (503, 503, "stuck"),
    ]
    assert found[2][2] == asdict(
        look_at_health(member(Clock()), Partitions(["log[0]"]), is_settled=True),
    )
    assert found[3][2]["stopped"] == {"log[0]": "a hole"}
