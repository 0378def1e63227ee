"""A minute of a real Telegraf on this machine: `make telegraf-test`, which takes longer the first time.

No test of every day: Telegraf is built, which takes minutes, and it has to run as long as it reads.
"""

from __future__ import annotations

import math
import shutil
import time
from collections import defaultdict
from pathlib import Path

import pytest

from pg_streaming_machine_learning.records.feature import STATISTICS
from pg_streaming_machine_learning.wire.windowed_key import split_windowed_key
from services.agents import Message, in_process
from services.maven import missing
from services.place import MakePlace, Place, StartWorker
from services.predictions import decode, read_predictions
from services.telegraf import Telegraf, telegraf_program
from services.topics import create_topic, read_until

HOST = "this-machine"
RUNS_FOR_S = 60
PATIENCE_S = 60.0
SIZE_S = 10
SETTINGS = {"WINDOW_SIZE_S": "10", "WINDOW_HOP_S": "5", "WINDOW_GRACE_S": "10", "IDLE_AFTER_S": "10"}


@pytest.mark.kafka
@pytest.mark.timeout(1800)
def test_this_machines_metrics_arrive_as_features(
    real_broker: str, place: MakePlace, worker: StartWorker, tmp_path: Path
) -> None:
    """Every window of a minute: the processor, memory, and whatever disks and interfaces there are.

    They are what the same messages become in one process, and no number is beyond what a machine can do.
    """
    assert shutil.which("go"), "go not found: Telegraf is built from its module"
    assert missing() is None
    telegraf_program()
    here = place(real_broker, **SETTINGS, SOURCES="telegraf", PUBLISH="features")
    lines, features = (f"{here.topic('INPUT')}-{name}" for name in ("lines", "features"))
    for topic in (lines, features):
        create_topic(here.bootstrap, topic, 2)
    here.settings.update(TELEGRAF_TOPIC=lines, FEATURES_TOPIC=features)
    running = worker(here)
    with Telegraf(here.bootstrap, lines, HOST, 2, tmp_path) as telegraf:
        time.sleep(RUNS_FOR_S)
        assert " E! " not in telegraf.output()
    messages = [
        Message(lines, each.partition, each.timestamp_ms, each.key, each.value)
        for each in read_until(here.bootstrap, lines, lambda read: False, 2.0)
    ]
    assert len(messages) >= 4 * (RUNS_FOR_S // 2 - 5)
    wanted = in_process(here.settings, messages)
    assert wanted.refused == []
    assert len(wanted.predictions) >= (RUNS_FOR_S - 2 * SIZE_S) // 5
    topic = here.topic("PREDICTIONS")
    count = len(wanted.predictions)
    found = read_predictions(here.bootstrap, topic, here.registry_url, count, PATIENCE_S)
    assert found == wanted.predictions
    metrics = {each["window_start_ms"]: each["metrics"] for each in found.values()}
    check_features(here, features, metrics)
    assert running.is_running


def check_features(here: Place, topic: str, metrics: dict[int, list[dict[str, str]]]) -> None:
    """Compare the published features with the metrics predicted of, and with what can be."""
    read = read_until(here.bootstrap, topic, lambda read: False, 3.0)
    published: dict[int, list[dict[str, str]]] = defaultdict(list)
    for record in read:
        assert record.key is not None
        inner, start_ms = split_windowed_key(record.key)
        about = decode(inner, here.registry_url)
        assert about.pop("hostname") == HOST
        statistics = decode(record.value, here.registry_url)
        assert list(statistics) == list(STATISTICS)
        published[start_ms].append(about)
        if about["unit"] == "PERCENT" and about["metric"] in ("CPU", "MEMORY"):
            assert 0 <= statistics["minimum"] <= statistics["maximum"] <= 100
        assert statistics["minimum"] >= 0
        assert not math.isnan(statistics["mean"])
    wanted = {start_ms: {tuple(each.values()) for each in some} for start_ms, some in metrics.items()}
    found = {start_ms: {tuple(each.values()) for each in some} for start_ms, some in published.items()}
    assert found == wanted
    assert set.union(*found.values()) >= {(name, "UTILIZATION", "PERCENT") for name in ("CPU", "MEMORY")}
