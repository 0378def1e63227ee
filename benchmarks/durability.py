"""What durability costs: the worker with it and without it, in turns.

Without means plain sends in place of transactions, no fingerprints and no snapshots (`rig/without.py`). On a
real Kafka where Java 17 and Maven are, else on the embedded broker, which hides nothing and has no disk.

    python benchmarks/durability.py [minutes of the recording] [rounds]
"""

from __future__ import annotations

import statistics
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.broker import start_broker
from benchmarks.rig.run import started, wait_until_restored
from benchmarks.rig.scene import RECORDING, Scene, Sent
from benchmarks.rig.watch import Watch
from pg_streaming_machine_learning.demo.feed import PredictionReader
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.revisions import RecordedWindows
from pg_streaming_machine_learning.demo.worker import CHILD_MODULE
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.log import LogRecord
from pg_streaming_machine_learning.records.update import ProgressMark, WindowUpdate
from pg_streaming_machine_learning.wire.log import decode

WAYS = {"without": "benchmarks.rig.without", "with": CHILD_MODULE}
SPEED = 50.0
"""Times real time, for latencies: some 720 updates and 60 predictions a second."""

LATENCIES = (
    "record sent → update visible in the log",
    "progress mark sent → prediction visible",
    "last record of a window sent → its prediction visible",
)


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    windows = RecordedWindows.load(RECORDING, minutes=minutes)
    with start_broker() as broker, DemoRegistry.start_in_thread() as registry:

        def scene() -> Scene:
            return Scene.make(broker, registry.url)

        report_throughput(windows, rounds, scene)
        report_latencies(windows, rounds, scene)


def report_throughput(windows: RecordedWindows, rounds: int, scene: Callable[[], Scene]) -> None:
    """Print windows a second of both ways."""
    time_worker(windows, scene(), WAYS["with"])  # the broker's virtual machine warms up
    runs: dict[str, list[Run]] = {way: [] for way in WAYS}
    for number in range(rounds):
        for way in _in_turns(number):
            runs[way].append(time_worker(windows, scene(), WAYS[way]))
    count = runs["with"][0].windows
    print(f"\n{count} windows of a host from topic to topic, median of {rounds} rounds in turns\n")
    print("| durability | seconds | windows/s | ratio | processor s | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for way in WAYS:
        seconds = statistics.median(run.seconds for run in runs[way])
        busy_s = statistics.median(run.processor_s for run in runs[way])
        pairs = list(zip(runs["without"], runs[way], strict=True))
        ratio = statistics.median(without.seconds / run.seconds for without, run in pairs)
        busy = statistics.median(without.processor_s / run.processor_s for without, run in pairs)
        rate = count / seconds
        print(f"| {way} | {seconds:.2f} | {rate:.0f} | {ratio:.0%} | {busy_s:.2f} | {busy:.0%} |", flush=True)


@dataclass(frozen=True)
class Run:
    """What one run took.

    Parameters
    ----------
    windows : int
        Windows of a host.
    seconds : float
        From the first record of the log to the last prediction.
    processor_s : float
        Of the worker, in that time.
    """

    windows: int
    seconds: float
    processor_s: float


def time_worker(windows: RecordedWindows, scene: Scene, module: str) -> Run:
    """Return what a run takes.

    The last twentieth is taken to come at the same rate: the last windows wait for `IDLE_AFTER_S`.
    """
    sent = scene.send(windows)
    count = len(sent.windows)
    wanted = count * 19 // 20
    with started(scene, module) as running, Watch(scene, ("LOG",)) as log:
        first_s = next(log.arrivals())[0]
        process = psutil.Process(running.worker.pid)
        begin_s = _processor_s(process)
        with Watch(scene, ("PREDICTIONS",)) as predictions:
            arrivals = predictions.arrivals()
            for _ in range(wanted - 1):
                next(arrivals)
            last_s = next(arrivals)[0]
        busy_s = _processor_s(process) - begin_s
    return Run(count, (last_s - first_s) * count / wanted, busy_s * count / wanted)


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def report_latencies(windows: RecordedWindows, rounds: int, scene: Callable[[], Scene]) -> None:
    """Print how long records take, both ways, and what durability adds."""
    taken = {way: {name: [] for name in LATENCIES} for way in WAYS}  # type: dict[str, dict[str, list[float]]]
    for number in range(rounds):
        for way in _in_turns(number):
            for name, values in measure_latencies(windows, scene(), WAYS[way]).items():
                taken[way][name] += values
    print(f"\nmilliseconds at {SPEED:g} times real time, {rounds} rounds in turns\n")
    print("| latency | without, p50 / p95 | with, p50 / p95 | added |\n| --- | ---: | ---: | ---: |")
    for name in LATENCIES:
        (low, high), (low_with, high_with) = (_quantiles(taken[way][name]) for way in ("without", "with"))
        added = f"{low_with - low:+.0f} / {high_with - high:+.0f}"
        print(f"| {name} | {low:.0f} / {high:.0f} | {low_with:.0f} / {high_with:.0f} | {added} |", flush=True)


@dataclass
class Seen:
    """What was seen of one run: log records by offset, predictions with their time of arrival."""

    log: dict[int, tuple[float, LogRecord]] = field(default_factory=dict)
    predictions: list[tuple[float, InputRecord]] = field(default_factory=list)


def measure_latencies(windows: RecordedWindows, scene: Scene, module: str) -> dict[str, list[float]]:
    """Return all latencies of one run, milliseconds, by name."""
    seen, sent = Seen(), list[Sent]()
    with started(scene, module) as worker, PredictionReader(scene.settings["SCHEMA_REGISTRY_URL"]) as reader:
        wait_until_restored(worker)
        with Watch(scene, ("LOG", "PREDICTIONS", "INPUT")) as watch:
            sending = threading.Thread(target=lambda: sent.append(scene.send(windows, SPEED)))
            sending.start()
            inputs: dict[tuple[int, int], int] = {}
            for at_s, record in watch.arrivals():
                if record.topic == scene.topic("INPUT"):
                    inputs[record.partition, record.offset] = record.timestamp_ms
                elif record.topic == scene.topic("LOG"):
                    seen.log[record.offset] = (at_s, decode(record.value or b""))
                else:
                    seen.predictions.append((at_s, record))
                if sent and len(seen.predictions) >= len(sent[0].windows) * 19 // 20:
                    break
            sending.join()
        return _latencies(seen, sent[0], inputs, reader)


def _latencies(
    seen: Seen, sent: Sent, inputs: dict[tuple[int, int], int], reader: PredictionReader
) -> dict[str, list[float]]:
    to_log, from_mark, in_all = (list[float]() for _ in LATENCIES)
    for at_s, logged in seen.log.values():
        if isinstance(logged, WindowUpdate):
            place = (logged.place.partition, logged.place.offset)
            if place in inputs:
                to_log.append(at_s * 1000 - inputs[place])
    for at_s, record in seen.predictions:
        cause = seen.log.get(int(dict(record.headers)["log-offset"]))
        if cause is not None and isinstance(cause[1], ProgressMark):
            from_mark.append(at_s * 1000 - cause[1].sent_ms)
        prediction = reader.read(record)
        in_all.append((at_s - sent.windows[prediction.host, prediction.window_start_ms]) * 1000)
    return dict(zip(LATENCIES, (to_log, from_mark, in_all), strict=True))


def _in_turns(number: int) -> Sequence[str]:
    """Return the ways in the order of a round: each begins as often as the other."""
    ways = list(WAYS)
    return ways if number % 2 == 0 else ways[::-1]


def _quantiles(values: list[float]) -> tuple[float, float]:
    """Return the median, and what one in twenty exceeds."""
    cuts = statistics.quantiles(values, n=20)
    return cuts[9], cuts[18]


if __name__ == "__main__":
    main()
