"""How fast one worker process is from topic to topic, and how long a prediction takes.

On a real Kafka where Java 17 and Maven are, else on the embedded broker. Windows are made up from a seed
(`rig/synthetic.py`) and, but for latencies and the soak, lie in the topic before the clock starts. The clock
of the worker, a process of its own with its ordinary settings, runs from when its first record of the log is
made to when its last prediction is seen. Beside it runs, in turns, a bare aiokafka loop that only decodes the
same records with fastavro (`rig/bare.py`).

What a whole run prints is kept in `benchmarks/results/`.

    python benchmarks/topic_to_topic.py [--quick] [--seed N] [--only rate river hosts latency]
    python benchmarks/topic_to_topic.py --soak MINUTES [--seed N]
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.broker import BenchBroker, start_broker
from benchmarks.rig.machine import print_described
from benchmarks.rig.page import kept_as
from benchmarks.rig.run import started, wait_until_restored
from benchmarks.rig.scene import Scene
from benchmarks.rig.soak import soak
from benchmarks.rig.synthetic import GRACE_S, HOP_S, METRICS, SIZE_S, send_apart
from benchmarks.rig.watch import Watch
from pg_streaming_machine_learning.demo.feed import PredictionReader
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.learning.models import DEFAULT_MODEL
from pg_streaming_machine_learning.streams.transactions import KafkaTransactions, Outgoing

RIVER = "river.forest.ARFClassifier"
ROOT = Path(__file__).parent.parent
OF_BARE, OF_RIVER, P50_MS, P99_MS, ALIKE = 0.5, 20.0, 20.0, 100.0, 0.2
PARTS = ("rate", "river", "hosts", "latency")


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Parameters
    ----------
    windows, river_windows : int
        Windows of a run, and of one with river's forest.
    rounds : int
        Runs, of which the median counts.
    hosts : int
        Of the fleet, where it is not said otherwise.
    seconds : int
        How long latencies are measured.
    """

    windows: int
    river_windows: int
    rounds: int
    hosts: int
    seconds: int


MOST_EMBEDDED = 20_000
"""Windows that the embedded broker keeps; it forgets what is older than some 150,000 records."""

WHOLE = Size(windows=90_000, river_windows=3_000, rounds=5, hosts=1_000, seconds=60)
QUICK = Size(windows=12_000, river_windows=1_000, rounds=1, hosts=1_000, seconds=10)


@dataclass(frozen=True)
class Bench:
    """What all parts of the benchmark share."""

    broker: BenchBroker
    registry_url: str
    size: Size
    seed: int

    def scene(self, **settings: str) -> Scene:
        """Return a scene for the windows of a fleet."""
        grid = {"WINDOW_SIZE_S": SIZE_S, "WINDOW_HOP_S": HOP_S, "WINDOW_GRACE_S": GRACE_S}
        return Scene.make(
            self.broker,
            self.registry_url,
            **{name: str(value) for name, value in grid.items()},
            **settings,
        )

    def worker_rate(self, hosts: int, windows: int, **settings: str) -> tuple[float, float]:
        """Return windows a second of the worker, and of the bare loop over the same topic."""
        scene, hops = self.scene(**settings), max(2, windows // hosts)
        send_apart(scene, hosts, self.seed, hops)
        total = hosts * hops
        bare_s = self.bare_seconds(scene, total)
        with started(scene), Watch(scene, ("LOG",)) as log:
            first_s = next(log.arrivals())[1].timestamp_ms / 1000
            with Watch(scene, ("PREDICTIONS",)) as predictions:
                arrivals = predictions.arrivals()
                for _ in range(total - 1):
                    next(arrivals)
                worker_s = next(arrivals)[0] - first_s
        return total / worker_s, total / bare_s

    def bare_seconds(self, scene: Scene, windows: int) -> float:
        """Return the seconds of the bare loop."""
        command = [sys.executable, "-m", "benchmarks.rig.bare", scene.bootstrap, scene.topic("INPUT")]
        numbers = [str(scene.partitions("INPUT")), str(windows * len(METRICS))]
        done = subprocess.run(
            [*command, *numbers], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="One worker process from topic to topic.")
    parser.add_argument("--quick", action="store_true", help="a short run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts of the table")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="run at 5,000 windows/s instead")
    options = parser.parse_args()
    size = QUICK if options.quick else WHOLE
    is_whole = not options.quick and list(options.only) == list(PARTS)
    name = "topic_to_topic" if options.soak is None else "soak"
    with kept_as(name) if is_whole else nullcontext():
        measure(size, options)


def measure(size: Size, options: argparse.Namespace) -> None:
    """Print what was measured, and on what."""
    print_described()
    print(f"seed {options.seed}, model {DEFAULT_MODEL}, windows of {len(METRICS)} metrics in one revision  ")
    print(f"windows of {SIZE_S} s every {HOP_S} s; {size}", flush=True)
    with start_broker() as broker, DemoRegistry.start_in_thread() as registry:
        if not broker.is_real:
            size = replace(size, windows=min(size.windows, MOST_EMBEDDED))
        bench = Bench(broker, registry.url, size, options.seed)
        if options.soak is not None:
            soak(bench.scene(), size.hosts, bench.seed, options.soak)
            return
        bench.worker_rate(size.hosts, size.windows // 5)  # the broker's virtual machine warms up
        print("\n| measured | value | wanted | |\n| --- | ---: | ---: | --- |", flush=True)
        for part in options.only:
            _MEASURED[part](bench)


def row(name: str, value: str, wanted: str = "", reached: bool | None = None) -> None:
    """Print a row of the table."""
    verdict = "" if reached is None else "reached" if reached else "NOT REACHED"
    print(f"| {name} | {value} | {wanted} | {verdict} |", flush=True)


def measure_rate(bench: Bench) -> None:
    """Print windows a second beside the bare loop."""
    size = bench.size
    runs = [bench.worker_rate(size.hosts, size.windows) for _ in range(size.rounds)]
    ratio = statistics.median(worker / bare for worker, bare in runs)
    row(f"worker, windows/s, {size.hosts} hosts", f"{statistics.median(worker for worker, _ in runs):,.0f}")
    row("bare getmany and fastavro, windows/s", f"{statistics.median(bare for _, bare in runs):,.0f}")
    row("worker beside bare loop", f"{ratio:.0%}", f"≥ {OF_BARE:.0%}", ratio >= OF_BARE)


def measure_river(bench: Bench) -> None:
    """Print windows a second beside the same worker with river's forest, which gets fewer: it is slow."""
    hosts, windows = min(bench.size.hosts, 100), bench.size.river_windows
    river = statistics.median(
        bench.worker_rate(hosts, windows, MODEL=RIVER)[0] for _ in range(bench.size.rounds)
    )
    ours = statistics.median(
        bench.worker_rate(hosts, bench.size.windows)[0] for _ in range(bench.size.rounds)
    )
    row("worker with river's forest, windows/s", f"{river:,.0f}")
    times = ours / river
    row("worker beside river's forest", f"{times:.1f} ×", f"≥ {OF_RIVER:g} ×", times >= OF_RIVER)


def measure_hosts(bench: Bench) -> None:
    """Print windows a second by the number of hosts."""
    rates = []
    for hosts in (10, 1_000, 10_000):
        windows = max(bench.size.windows // 2, 3 * hosts)
        rates.append(
            statistics.median(bench.worker_rate(hosts, windows)[0] for _ in range(bench.size.rounds))
        )
        row(f"windows/s, {hosts:,} hosts", f"{rates[-1]:,.0f}")
    apart = 1 - min(rates) / max(rates)
    row("slowest below fastest", f"{apart:.0%}", f"≤ {ALIKE:.0%}", apart <= ALIKE)


def measure_latency(bench: Bench) -> None:
    """Print how long predictions take at 1,000 windows/s.

    From the moment at which the record was sent that lets a window close (the first of its hop in the last
    partition that gets one) to the moment at which its prediction is seen in the topic.
    """
    hosts, per_s = 100, 1_000
    scene = bench.scene()
    hops = per_s * bench.size.seconds // hosts
    waited = (SIZE_S + GRACE_S) * 1000
    latencies: list[float] = []
    with (
        started(scene) as running,
        PredictionReader(bench.registry_url) as reader,
        multiprocessing.get_context("spawn").Pool(1) as pool,
    ):
        wait_until_restored(running)
        arrivals = []
        with Watch(scene, ("PREDICTIONS",)) as watch:
            sending = pool.apply_async(send_apart, (scene, hosts, bench.seed, hops, float(per_s)))
            for arrival in watch.arrivals():
                arrivals.append(arrival)
                if len(arrivals) == hosts * hops:
                    break
        sent = sending.get(60)
        for seen_s, record in arrivals[len(arrivals) // 10 :]:
            closing_ms = reader.read(record).window_start_ms + waited
            if closing_ms in sent:
                latencies.append((seen_s - sent[closing_ms]) * 1000)
    row(
        "a transaction with nothing else to do, p50; a prediction takes two",
        f"{transaction_ms(scene):.1f} ms",
    )
    cuts = statistics.quantiles(latencies, n=100)
    for name, value, limit in (("p50", cuts[49], P50_MS), ("p99", cuts[98], P99_MS)):
        row(
            f"latency at {per_s:,} windows/s, {hosts} hosts, {name}",
            f"{value:.0f} ms",
            f"≤ {limit:g} ms",
            value <= limit,
        )


def transaction_ms(scene: Scene) -> float:
    """Return how long transactions like the routers' take with nothing else to do, median, milliseconds.

    One of each of as many writers as the input has partitions, at once, ten times a second.
    """
    count = scene.partitions("INPUT")
    topics = [scene.topic("DEAD_LETTERS"), scene.topic("PROGRESS")]
    together = threading.Barrier(count)
    taken_ms: list[float] = []

    def write(number: int) -> None:
        writer = KafkaTransactions(scene.bootstrap, f"benchmark-{number}")
        writer.fence()
        for _ in range(100):
            together.wait(60)
            begin_s = time.perf_counter()
            writer.write([Outgoing(topic, 0, b"benchmark", None) for topic in topics])
            taken_ms.append((time.perf_counter() - begin_s) * 1000)
            time.sleep(0.1)
        writer.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.median(taken_ms)


_MEASURED: dict[str, Callable[[Bench], None]] = {
    "rate": measure_rate,
    "river": measure_river,
    "hosts": measure_hosts,
    "latency": measure_latency,
}

if __name__ == "__main__":
    main()
