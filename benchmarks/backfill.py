"""How fast a backfill is, beside a bare librdkafka loop that only reads and decodes the same records.

The bundled recording, again and again, goes into the input topic: windows of six metrics, each in two
revisions. The bare loop consumes batches and decodes keys and values with fastavro. The command `backfill`
reads the same topic with the model of the settings (`MODEL` in the environment is another). Both in turns in
this process, after a round that is not counted; on a real Kafka where Java 17 and Maven are, else on the
embedded broker, which keeps some 150,000. What is printed is kept in `benchmarks/results/`.

    python benchmarks/backfill.py [records] [rounds]
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from io import BytesIO, StringIO
from pathlib import Path
from statistics import median

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.rig.broker import start_broker
from benchmarks.rig.machine import print_described
from benchmarks.rig.page import kept_as
from benchmarks.rig.scene import RECORDING, Scene
from pg_streaming_machine_learning.cli.backfill_run import BackfillOptions, run_backfill
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.demo.revisions import RecordedWindows
from pg_streaming_machine_learning.wire.codec import schema_of
from pg_streaming_machine_learning.wire.feature import FeatureKey, LabeledFeature
from services.topics import partitions_of

MINUTES = 20.0
OPTIONS = BackfillOptions(
    from_ms=None, to_ms=None, source="inputs", save=None, snapshot=None, name="bench", force=False, plain=True
)
FRAME_BYTES, START_BYTES = 5, 8


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 600_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    windows = RecordedWindows.load(RECORDING, minutes=MINUTES)
    in_a_pass = sum(len(step.revisions) for step in windows.steps())
    with kept_as("backfill"), start_broker() as broker, DemoRegistry.start_in_thread() as registry:
        scene = Scene.make(broker, registry.url)
        sent = scene.send(windows, passes=max(1, round(records / in_a_pass)))
        report(scene, sent.updates, len(sent.windows), rounds)


def report(scene: Scene, records: int, windows: int, rounds: int) -> None:
    """Print records and windows a second of each way."""
    model = Settings.load().model
    ways: dict[str, Callable[[], float]] = {
        "bare loop: consume, decode": lambda: time_loop(scene, records),
        "the same without decoding": lambda: time_loop(scene, records, decodes=False),
        f"backfill, {model.rpartition('.')[2]}": lambda: time_backfill(scene.settings, windows),
    }
    taken = [{name: run() for name, run in ways.items()} for _ in range(rounds + 1)][1:]
    print_described()
    print(f"{records} records, {windows} windows of a host, median of {rounds} rounds in turns\n")
    print("| way | seconds | records/s | windows/s | beside the bare loop |")
    print("| --- | ---: | ---: | ---: | ---: |")
    bare, *_ = ways
    for name in ways:
        spent_s = median(each[name] for each in taken)
        share = median(each[bare] / each[name] for each in taken)
        print(
            f"| {name} | {spent_s:.2f} | {records / spent_s:,.0f} | {windows / spent_s:,.0f} | {share:.0%} |"
        )


def time_loop(scene: Scene, records: int, *, decodes: bool = True) -> float:
    """Return the seconds a loop needs that reads all records and decodes keys and values, nothing more."""
    key_schema = fastavro.parse_schema(schema_of(FeatureKey))
    value_schema = fastavro.parse_schema(schema_of(LabeledFeature))
    topic = scene.topic("INPUT")
    partitions = partitions_of(scene.bootstrap, topic)
    begin_s = time.perf_counter()
    consumer = Consumer(
        {
            "bootstrap.servers": scene.bootstrap,
            "group.id": "bare",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 50,
        }
    )
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
    read = 0
    while read < records:
        for message in consumer.consume(5_000, 0.1):
            read += 1
            if decodes:
                key, value = message.key(), message.value()
                assert key is not None
                assert value is not None
                fastavro.schemaless_reader(BytesIO(key[FRAME_BYTES:-START_BYTES]), key_schema, None)
                fastavro.schemaless_reader(BytesIO(value[FRAME_BYTES:]), value_schema, None)
    spent_s = time.perf_counter() - begin_s
    consumer.close()
    return spent_s


def time_backfill(settings: Mapping[str, str], windows: int) -> float:
    """Return the seconds the command needs, from settings to scores."""
    out = Console(file=StringIO(), width=200)
    former = dict(os.environ)
    os.environ.update(settings)
    try:
        begin_s = time.perf_counter()
        run_backfill(OPTIONS, out, Console(file=StringIO()))
        spent_s = time.perf_counter() - begin_s
    finally:
        os.environ.clear()
        os.environ.update(former)
    assert isinstance(out.file, StringIO)
    text = out.file.getvalue()
    assert f"{windows:,} predictions of " in text, text
    return spent_s


if __name__ == "__main__":
    main()
