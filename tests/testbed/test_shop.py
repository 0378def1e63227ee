from __future__ import annotations

from itertools import chain

import pytest

from pg_streaming_machine_learning.testbed.shop import ENTRY, MIX, SERVICES, SIZES, STAGES


def requests_of(service: str, kind: str) -> list[str]:
    """Return every service that a request reaches, one entry for each time."""
    called = chain.from_iterable(STAGES.get((service, kind), ()))
    return [service, *chain.from_iterable(requests_of(name, kind) for name in called)]


def test_every_service_has_a_size() -> None:
    """A service without one could not work."""
    assert set(SIZES) == set(SERVICES)


def test_shares_of_the_mix_add_up() -> None:
    """Every customer asks for something."""
    assert sum(share for _, share in MIX) == pytest.approx(1.0)


@pytest.mark.parametrize("service", SERVICES)
def test_share_of_a_service_follows_from_mix_and_calls(service: str) -> None:
    """Faults are sized by the share: it must be what the calls make of the mix."""
    expected = sum(share * requests_of(ENTRY, kind).count(service) for kind, share in MIX)
    assert SIZES[service].share == pytest.approx(expected)
