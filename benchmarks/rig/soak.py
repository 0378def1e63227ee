"""A long run at 5,000 windows a second: whether the worker keeps up, and its memory stays flat."""

from __future__ import annotations

import multiprocessing
import time

import psutil
from confluent_kafka import Consumer, TopicPartition

from benchmarks.rig.run import started, wait_until_restored
from benchmarks.rig.scene import Scene
from benchmarks.rig.synthetic import send_apart

__all__ = ["PER_S", "soak"]

PER_S = 5_000
WARM_MINUTES = 10
FLAT = 0.05
"""By how much memory may grow after the tenth minute and still be called flat."""


def soak(scene: Scene, hosts: int, seed: int, minutes: float) -> None:
    """Send for some minutes; print each minute how much memory the worker has, and how far it is behind."""
    hops = max(2, int(minutes * 60 * PER_S / hosts))
    print(f"\n{PER_S:,} windows/s for {minutes:g} minutes, {hosts:,} hosts\n")
    print("| minute | resident MB | records of the input left | of the log left |")
    print("| ---: | ---: | ---: | ---: |", flush=True)
    found: list[float] = []
    sending = multiprocessing.get_context("spawn").Process(
        target=send_apart, args=(scene, hosts, seed, hops, float(PER_S)), daemon=True
    )
    with started(scene) as running:
        wait_until_restored(running)
        process = psutil.Process(running.worker.pid)
        sending.start()
        begin_s, minute = time.monotonic(), 0
        while sending.is_alive():
            minute += 1
            sending.join(max(0.0, begin_s + 60 * minute - time.monotonic()))
            if running.worker.exit_code is not None:
                raise RuntimeError("the worker has ended:\n" + "\n".join(running.worker.last_lines(20)))
            found.append(process.memory_info().rss / 2**20)
            left = [_left(scene, kind) for kind in ("INPUT", "LOG")]
            print(f"| {minute} | {found[-1]:.0f} | {left[0]:,} | {left[1]:,} |", flush=True)
    if len(found) > WARM_MINUTES:
        growth = max(found[WARM_MINUTES:]) / found[WARM_MINUTES - 1] - 1
        verdict = "flat" if growth <= FLAT else "NOT FLAT"
        print(f"\nafter minute {WARM_MINUTES}: {growth:+.1%} at most, {verdict}")
    else:
        print(f"\nnot long enough to tell: flat is said of what comes after minute {WARM_MINUTES}")


def _left(scene: Scene, kind: str) -> int:
    """Return how many offsets of a topic are not done, by what the worker told its group."""
    consumer = Consumer(
        {"bootstrap.servers": scene.bootstrap, "group.id": scene.settings["APPLICATION_ID"], "log_level": 0}
    )
    try:
        places = [TopicPartition(scene.topic(kind), each) for each in range(scene.partitions(kind))]
        done = consumer.committed(places, timeout=30)
        ends = [consumer.get_watermark_offsets(place, timeout=30)[1] for place in places]
    finally:
        consumer.close()
    return sum(end - max(0, each.offset) for end, each in zip(ends, done, strict=True))
