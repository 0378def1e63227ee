"""Storms against a real Kafka: whatever happens to workers, nothing is lost, doubled or different.

The storms run once, before the first test that asks for one; those that leave the broker alone run side by
side. ``make storm`` runs more of each (docs/reliability.md).
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

import pytest

from services.kafka import VERSIONS
from services.maven import cache_folder, missing
from storm.arena import arena
from storm.catalog import PROVING, STORMS
from storm.report import Report, mutants_table, table
from storm.run import Order, run_all

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(1500)]

VERSION = os.environ.get("STORM_KAFKA", VERSIONS[-1])
SESSION_S = 2
SEED = int(os.environ.get("STORM_SEED", random.randrange(2**31)))

MUTANTS = {
    "no fencing": ("duplicate", "log_twice"),
    "progress ignored": ("duplicate",),
    "Kafka's committed offset as position": ("divergent",),
    "snapshot without its offset": ("divergent",),
    "snapshot with the offset of the one before": ("states_unequal",),
    "acknowledge on error": ("missing", "log_never", "divergent"),
    "skip on a registry fault": ("log_never",),
}
"""Each defect, and the counts of which at least one has to show it."""

SOUND = "none"


@pytest.fixture(scope="module")
def reports(request: pytest.FixtureRequest) -> Mapping[str, Report]:
    """Return what the storms showed that the tests chosen ask for."""
    why = missing()
    if why is not None:
        pytest.skip(why)
    chosen = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    orders = [
        Order(name, STORMS[name], STORMS[name].short)
        for name in STORMS
        if any(each.get("storm") == name for each in chosen)
    ]
    orders += [
        Order(name, PROVING, 1, mutant="" if name == SOUND else name)
        for name in (SOUND, *MUTANTS)
        if any(each.get("mutant") == name for each in chosen)
    ]
    with arena(VERSION, session_s=SESSION_S, fresh=False) as where:
        found = {report.name: report for report in run_all(where, orders, SEED)}
    for report in found.values():
        report.keep(cache_folder() / "storm" / "short")
    _show(request, found)
    return found


def _show(request: pytest.FixtureRequest, found: Mapping[str, Report]) -> None:
    """Print the tables, and keep them."""
    head = f"Kafka {VERSION}, STORM_SEED={SEED}, SESSION_TIMEOUT_S={SESSION_S}"
    storms = [found[name] for name in STORMS if name in found]
    mutants = [found[name] for name in (SOUND, *MUTANTS) if name in found]
    text = "\n\n".join(
        [head, *([table(storms)] if storms else []), *([mutants_table(mutants)] if mutants else [])]
    )
    folder = cache_folder() / "storm"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "short.md").write_text(text + "\n", encoding="utf-8")
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    assert terminal is not None
    assert capture is not None
    with capture.global_and_fixture_disabled():
        terminal.write_line(f"\n{text}\n")


@pytest.mark.parametrize("storm", sorted(STORMS))
def test_nothing_is_lost_doubled_or_different_in_a_storm(reports: Mapping[str, Report], storm: str) -> None:
    report = reports[storm]
    assert report.failure == "", f"seed {SEED}"
    assert report.counts.nonzero() == {}, f"seed {SEED}"
    assert report.is_good, f"seed {SEED}, exit codes {report.codes}"
    assert report.faults == STORMS[storm].short
    assert report.predictions > 0


@pytest.mark.parametrize("mutant", [SOUND, *MUTANTS])
def test_a_defect_shows_in_the_count_it_should(reports: Mapping[str, Report], mutant: str) -> None:
    """The same faults do no harm to workers without a defect."""
    report = reports[mutant]
    if mutant == SOUND:
        assert report.failure == "", f"seed {SEED}"
        assert report.counts.nonzero() == {}, f"seed {SEED}"
    else:
        assert any(report.counts.nonzero().get(name) for name in MUTANTS[mutant]), f"seed {SEED}: {report}"
