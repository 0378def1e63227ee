from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pg_streaming_machine_learning.testbed.effects import Effects, full_added_ms
from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind
from pg_streaming_machine_learning.testbed.load import LoadShape
from pg_streaming_machine_learning.testbed.shop import SERVICES, SIZES

START_MS = 1_000_000


@dataclass
class HandMovedClock:
    """A clock that stands still until it is moved."""

    now_ms: float = START_MS

    def __call__(self) -> float:
        return self.now_ms


@pytest.fixture
def clock() -> HandMovedClock:
    return HandMovedClock()


@pytest.fixture
def effects_of(tmp_path: Path, clock: HandMovedClock) -> Iterator[Callable[[FaultKind], Effects]]:
    """Make the effects of a fault at the cart that grows for 10 s and stays for another 10 s."""
    made: list[Effects] = []

    def make(kind: FaultKind) -> Effects:
        fault = Fault(kind, "cart", ramp_start_ms=0, full_ms=10_000, end_ms=20_000)
        made.append(Effects("cart", [fault], START_MS, tmp_path, clock))
        return made[-1]

    yield make
    for effects in made:
        effects.close()


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.PROCESSOR])
@pytest.mark.parametrize("service", SERVICES)
def test_full_fault_leaves_the_queue_room(kind: FaultKind, service: str) -> None:
    """At the mean load a fault takes at most 60 % of what is scarce: a queue, but no standstill."""
    rate_per_s = LoadShape().rate_per_s * SIZES[service].share
    assert 0 < full_added_ms(kind, service) * rate_per_s / 1000 <= 0.6


def test_added_time_grows_with_the_ramp(
    effects_of: Callable[[FaultKind], Effects], clock: HandMovedClock
) -> None:
    """Half-way up, a fault adds half of what it adds at full size, and nothing after its end."""
    effects = effects_of(FaultKind.LOCK)
    added_ms = []
    for clock.now_ms in (START_MS, START_MS + 5_000, START_MS + 15_000, START_MS + 20_000):
        added_ms.append(effects.added_ms(FaultKind.LOCK))
    full_ms = full_added_ms(FaultKind.LOCK, "cart")
    assert added_ms == pytest.approx([0, full_ms / 2, full_ms, 0])


def test_faults_of_other_services_do_nothing(tmp_path: Path, clock: HandMovedClock) -> None:
    """Every service is told the whole plan."""
    fault = Fault(FaultKind.LOCK, "cart", 0, 0, 20_000)
    effects = Effects("payment", [fault], START_MS, tmp_path, clock)
    assert effects.level(FaultKind.LOCK) == 0
    effects.close()


def test_leak_grows_and_heals(effects_of: Callable[[FaultKind], Effects], clock: HandMovedClock) -> None:
    """Objects are leaked as the fault grows, and given back when it ends."""
    effects = effects_of(FaultKind.MEMORY)
    leaked = []
    for clock.now_ms in (START_MS, START_MS + 5_000, START_MS + 10_000, START_MS + 20_000):
        effects.pace()
        leaked.append(effects.leaked_objects)
    assert leaked[0] == 0 < leaked[1] < leaked[2]
    assert leaked[3] == 0


def test_answers_grow_while_the_network_is_slow(
    effects_of: Callable[[FaultKind], Effects], clock: HandMovedClock
) -> None:
    """An answer takes its time on a link of 10 MB/s, thus 10,000 bytes for each millisecond."""
    effects = effects_of(FaultKind.NETWORK)
    clock.now_ms = START_MS + 10_000
    padding_bytes = asyncio.run(effects.padding_bytes())
    assert padding_bytes == int(full_added_ms(FaultKind.NETWORK, "cart") * 10_000)
    clock.now_ms = START_MS + 20_000
    assert asyncio.run(effects.padding_bytes()) == 0


def test_disk_fault_leaves_no_file(
    effects_of: Callable[[FaultKind], Effects], clock: HandMovedClock, tmp_path: Path
) -> None:
    """What the disk fault writes has no name in the directory, so nothing is left after a kill."""
    effects = effects_of(FaultKind.DISK)
    clock.now_ms = START_MS + 10_000
    asyncio.run(effects.before_work())
    assert list(tmp_path.iterdir()) == []
    assert 0 < effects.journal_bytes <= 1 << 20


def test_threads_of_a_processor_fault_end(
    effects_of: Callable[[FaultKind], Effects], clock: HandMovedClock
) -> None:
    """Closing waits until the threads have ended, and can be repeated."""
    effects = effects_of(FaultKind.PROCESSOR)
    clock.now_ms = START_MS + 10_000
    effects.pace()
    assert effects.competing_threads == 2
    effects.close()
    effects.close()
    assert effects.competing_threads == 0
