"""Beyond labeled windows: the second input, and dead letters sent back."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from confluent_kafka import Producer

from pg_streaming_machine_learning.learning.models import ModelSpec
from pg_streaming_machine_learning.wire.codec import AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.feature import Feature
from services.place import MakePlace, Place, StartWorker, register_schema
from services.predictions import read_predictions
from services.topics import create_topic, partitions_of, read_until
from services.windows import SETTINGS, in_revisions, made_up
from services.worker import ROOT
from tests.oracle import FinalWindow, expected_predictions

PATIENCE_S = 120.0
HOSTS = ("web", "db")


def test_metrics_of_both_inputs_meet_in_one_sample(
    broker: str, place: MakePlace, worker: StartWorker
) -> None:
    """Half of the metrics come labeled, half without; some windows come without a label at all."""
    here = place(broker, **SETTINGS | {"IDLE_AFTER_S": "3"})
    features = here.topic("INPUT") + "-features"
    if broker != "embedded":
        create_topic(here.bootstrap, features, 2)
    partitions_of(here.bootstrap, features)
    windows = [
        replace(window, label=None if number % 10 == 9 else window.label)
        for number, window in enumerate(made_up(HOSTS, 40))
    ]
    for window in windows:
        send_halves(here, features, window)
    worker(here, SOURCES="labeled-data,features", FEATURES_TOPIC=features)
    topic = here.topic("PREDICTIONS")
    found = read_predictions(here.bootstrap, topic, here.registry_url, len(windows), PATIENCE_S)
    assert found == {each["id"]: each for each in expected_predictions(windows, ModelSpec())}


def send_halves(here: Place, features: str, window: FinalWindow) -> None:
    """Send the metrics in turns to the labeled and to the other input; without a label all to the other."""
    encoder = AvroEncoder(Feature, register_schema(here.registry_url, "features-value", schema_of(Feature)))
    producer = Producer({"bootstrap.servers": here.bootstrap})
    labeled = replace(window, label=0 if window.label is None else window.label)
    for number, (record, symbols) in enumerate(
        zip(here.upstream.records(labeled), sorted(window.metrics), strict=True)
    ):
        if number % 2 == 0 and window.label is not None:
            here.upstream.send([record])
        else:
            value = encoder.encode(Feature(*window.metrics[symbols]))
            producer.produce(features, value, record.key, partition=number % 2)
    assert producer.flush(30) == 0


def test_dead_letters_go_back_to_where_they_came_from(
    broker: str, place: MakePlace, worker: StartWorker
) -> None:
    """The same bytes, to the same partition, counted; and refused again, since nothing was mended."""
    here = place(broker, **SETTINGS)
    good = next(iter(in_revisions(here.upstream, made_up(HOSTS, 1))))
    assert good.value is not None
    here.upstream.send([replace(good, value=good.value[:-3]), replace(good, key=None)])
    worker(here)
    letters = read_until(here.bootstrap, here.topic("DEAD_LETTERS"), lambda read: len(read) >= 2, PATIENCE_S)
    assert len(letters) == 2
    command = [sys.executable, "-m", "pg_streaming_machine_learning", "dead-letters", "replay"]
    done = subprocess.run(
        [*command, "--reason", "bad-avro", "--yes"],
        cwd=ROOT,
        env=os.environ | here.settings,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1 records sent back\n"), done.stderr
    read = read_until(here.bootstrap, here.topic("INPUT"), lambda read: len(read) >= 3, PATIENCE_S)
    again = [record for record in read if record.headers.get("dead-letter-replays") == b"1"]
    assert [(record.partition, record.key, record.value) for record in again] == [
        (good.partition, good.key, good.value[:-3])
    ]
    letters = read_until(here.bootstrap, here.topic("DEAD_LETTERS"), lambda read: len(read) >= 3, PATIENCE_S)
    assert sorted(letter.headers["reason"] for letter in letters) == [b"bad-avro", b"bad-avro", b"null-key"]
