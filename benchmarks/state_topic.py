"""How the state topic grows, on a real Kafka, with its own settings for segments and compaction.

The worker reads a stream at a steady rate with default settings. Every record is counted by a reader that is
there when it is written, and the partition's folder, where compaction works, is measured every other second.

    python benchmarks/state_topic.py [minutes]
"""

from __future__ import annotations

import math
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.broker import start_broker
from benchmarks.rig.run import started, wait_until_restored
from benchmarks.rig.scene import RECORDING, Scene
from benchmarks.rig.watch import Watch
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.revisions import RecordedWindows
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.state.layout import PROGRESS_KEY

SPEED = 50.0
"""Times real time: some 720 updates and 60 predictions a second."""

LOOK_EVERY_S = 2.0
SECONDS_AN_HOUR = 3600.0


@dataclass
class Growth:
    """What was written, and what lay in the folder each time it was looked at.

    Parameters
    ----------
    progress, progress_bytes : int
        Records of progress.
    snapshots, snapshot_bytes : int
        Snapshots, by their manifests, and the bytes of all their records.
    sizes : list of int
        Bytes of the partition's segments.
    """

    progress: int = 0
    progress_bytes: int = 0
    snapshots: int = 0
    snapshot_bytes: int = 0
    sizes: list[int] = field(default_factory=list)

    def add(self, record: InputRecord) -> None:
        """Count a record."""
        key, size = record.key or b"", len(record.key or b"") + len(record.value or b"")
        if key == PROGRESS_KEY:
            self.progress += 1
            self.progress_bytes += size
        else:
            self.snapshots += key.endswith(b"/manifest")
            self.snapshot_bytes += size


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    windows = RecordedWindows.load(RECORDING)
    recorded_s = (windows.end_ms - windows.start_ms) / 1000
    passes = max(1, math.ceil(60 * minutes * SPEED / recorded_s))
    with start_broker() as broker, DemoRegistry.start_in_thread() as registry:
        if broker.data is None:
            print("not run: the embedded broker keeps nothing on disk and compacts nothing")
            return
        scene = Scene.make(broker, registry.url)
        report(*measure(scene, windows, passes, broker.data / f"{scene.topic('STATE')}-0"))


def measure(scene: Scene, windows: RecordedWindows, passes: int, folder: Path) -> tuple[Growth, float]:
    """Return what became of the state topic, and the seconds it took."""
    growth, looked_s = Growth(), time.monotonic()
    with started(scene) as running:
        wait_until_restored(running)
        sending = threading.Thread(target=scene.send, args=(windows, SPEED, passes), daemon=True)
        begin_s = time.monotonic()
        sending.start()
        with Watch(scene, ("STATE",)) as watch:
            for _, record in watch.arrivals():
                growth.add(record)
                if time.monotonic() - looked_s >= LOOK_EVERY_S:
                    looked_s = time.monotonic()
                    growth.sizes.append(_size(folder))
                    if not sending.is_alive():
                        break
        return growth, time.monotonic() - begin_s


def report(growth: Growth, seconds: float) -> None:
    """Print what was written in an hour at this rate, and what is left of it."""
    hour = SECONDS_AN_HOUR / seconds
    print(f"{seconds:.0f} s at {SPEED:g} times real time, default settings\n")
    print("| written | records | bytes each | MB an hour |\n| --- | ---: | ---: | ---: |")
    for name, count, size in (
        ("progress", growth.progress, growth.progress_bytes),
        ("snapshots", growth.snapshots, growth.snapshot_bytes),
    ):
        print(f"| {name} | {count} | {size / max(1, count):,.0f} | {size / 1e6 * hour:.0f} |")
    halves = growth.sizes[: len(growth.sizes) // 2], growth.sizes[len(growth.sizes) // 2 :]
    print(
        f"\nIn the folder: at most {max(halves[0]) / 1e6:.1f} MB in the first half, "
        f"{max(halves[1]) / 1e6:.1f} MB in the second, {growth.sizes[-1] / 1e6:.1f} MB at the end"
    )


def _size(folder: Path) -> int:
    """Return the bytes of a partition's segments; one may be removed at this moment."""
    total = 0
    for file in folder.glob("*.log*"):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total


if __name__ == "__main__":
    main()
