"""A storm from its first fault to its verdict."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from confluent_kafka import KafkaException

from storm.arena import Arena
from storm.capture import Capture
from storm.catalog import Storm
from storm.fault import Fault, NotInjected
from storm.report import Report
from storm.scene import Scene, scene
from storm.states import count_states
from storm.truth import establish
from storm.verdict import count_letters, count_log, count_predictions

__all__ = ["Order", "StandStill", "judge", "rage", "run_all", "run_storm", "settle"]

_MOVED_WITHIN_S = 90.0
_SETTLED_WITHIN_S = 60.0
_CALM_FOR_S = 3.0
_ON_TOP = 0.25
_LONGEST_GAP_S = 1.0
_PAUSE_S = 1.0
"""What is longer between two commits of a partition is a pause."""

Say = Callable[[str], object]


class StandStill(Exception):
    """A partition did not move any more after a fault."""


def rage(scene: Scene, faults: Sequence[Fault], report: Report, say: Say = lambda line: None) -> None:
    """Bring faults about one after the other.

    Each waits until all partitions have moved again, but a quarter of those that may come on top of the one
    before come while the workers still recover.

    Raises
    ------
    StandStill
        If a partition does not move again.
    """
    rng = random.Random(scene.rng.random())
    for number, fault in enumerate(faults):
        fault.do(scene)
        over_s = time.time()
        report.faults += 1
        report.kinds[fault.kind] += 1
        is_last = number + 1 == len(faults)
        if fault.may_pile_up and not is_last and faults[number + 1].may_pile_up and rng.random() < _ON_TOP:
            say(f"{number + 1}/{len(faults)} {fault.kind}, and on top of it:")
            time.sleep(rng.uniform(0.0, _LONGEST_GAP_S))
            continue
        moved = scene.watch.moved_since(over_s, _MOVED_WITHIN_S)
        if moved is None:
            logs = scene.crew.logs()[-6000:]
            raise StandStill(f"after {fault.kind} not all moved within {_MOVED_WITHIN_S:.0f} s:\n{logs}")
        recovery_s = max(moved.values()) - over_s
        report.recoveries_s.setdefault(fault.kind, []).append(recovery_s)
        say(f"{number + 1}/{len(faults)} {fault.kind}: all move after {recovery_s:.1f} s")


def settle(scene: Scene) -> bool:
    """Have upstream finish, and the workers come to the end of everything; return whether they did."""
    scene.feeder.finish()
    scene.input.refresh()
    topic = scene.settings.input_topic
    inputs = {(topic, number): scene.input.end(number) for number in range(len(scene.input.records))}
    if not scene.watch.wait_reached(inputs, _SETTLED_WITHIN_S):
        return False
    return _is_calm(scene)


def _is_calm(scene: Scene) -> bool:
    """Wait until for a while nothing has come to the log or to the predictions."""
    # What was routed last is told to the engines by marks, once a second.
    deadline_s = time.monotonic() + _SETTLED_WITHIN_S
    predictions = Capture(scene.bootstrap, scene.settings.predictions_topic, scene.settings.log_partitions)
    known, since_s = -1, time.monotonic()
    while time.monotonic() < deadline_s:
        for capture in (scene.log, predictions):
            capture.refresh()
        found = sum(len(records) for capture in (scene.log, predictions) for records in capture.records)
        if found != known:
            known, since_s = found, time.monotonic()
        elif time.monotonic() - since_s > _CALM_FOR_S:
            return True
        time.sleep(0.2)
    return False


def judge(scene: Scene, report: Report) -> None:
    """Compare everything that came with everything that must have come; the workers are stopped first."""
    scene.crew.hold(signal.SIGTERM)
    report.seconds = time.time() - scene.began_s
    for capture in (scene.input, scene.log):
        capture.refresh()
    content = [
        [record for record in records if (record.partition, record.offset) not in scene.lost]
        for records in scene.input.records
    ]
    predictions = Capture(scene.bootstrap, scene.settings.predictions_topic, scene.settings.log_partitions)
    letters = Capture(scene.bootstrap, scene.settings.dead_letters_topic, 1)
    predictions.refresh()
    letters.refresh()
    first = next((record.value for records in predictions.records for record in records), None)
    schema_id = int.from_bytes((first or bytes(5))[1:5], "big")
    truth = establish(content, scene.settings, schema_id)
    report.records = sum(len(records) for records in content)
    report.predictions = sum(len(each) for each in truth.predictions)
    report.letters = len(truth.refused)
    count_predictions(report.counts, truth.predictions, predictions.records)
    count_log(report.counts, truth, scene.log.records)
    count_letters(report.counts, truth, letters.records[0])
    count_states(report.counts, scene)
    report.pauses_s = scene.watch.pauses_s(_PAUSE_S)
    report.read_logs(scene.crew.logs())
    report.codes.update(ending.code for ending in scene.crew.endings)
    report.peak_mb = max((ending.peak_kb for ending in scene.crew.endings), default=0) / 1024


@dataclass(frozen=True)
class Order:
    """A storm to run.

    Parameters
    ----------
    name : str
        What to call it.
    storm : Storm
        Its faults.
    number : int
        How many.
    mutant : str
        Name of what is to be wrong with the workers.
    """

    name: str
    storm: Storm
    number: int
    mutant: str = ""


def run_all(arena: Arena, orders: Sequence[Order], seed: int, at_a_time: int = 2) -> list[Report]:
    """Run storms, those that leave the broker to others at the same time; return their reports."""
    together = [order for order in orders if not order.storm.is_alone]
    with ThreadPoolExecutor(at_a_time, "storm") as pool:
        reports = list(pool.map(lambda order: run_storm(arena, order, seed), together))
    return reports + [run_storm(arena, order, seed) for order in orders if order.storm.is_alone]


def run_storm(arena: Arena, order: Order, seed: int, say: Say = lambda line: None) -> Report:
    """Run a storm, and judge it.

    Parameters
    ----------
    arena : Arena
        Where.
    order : Order
        What.
    seed : int
        Of everything left to chance.
    say : callable
        Is told how it goes.
    """
    report = Report(order.name)
    storm = order.storm
    with scene(arena, workers=storm.workers, seed=seed, mutant=order.mutant) as here:
        try:
            rage(here, storm.faults(order.number, random.Random(f"{seed} {order.name}")), report, say)
            if not settle(here):
                report.failure = "the workers did not come to the end of the input"
        except (StandStill, NotInjected, AssertionError, KafkaException, TimeoutError) as error:
            report.failure = f"{type(error).__name__}: {error}"
            settle(here)
        judge(here, report)
    return report
