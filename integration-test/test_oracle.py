"""The oracle: what is read from the topic equals, bit by bit, a plain loop over the same windows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

import pg_streaming_machine_learning
from pg_streaming_machine_learning.demo.revisions import GRID, RecordedWindows
from pg_streaming_machine_learning.learning.models import ModelSpec
from services.place import MakePlace, Place, StartWorker
from services.predictions import read_predictions
from services.upstream import Sent, Upstream, far_apart, flushing
from tests import nezha
from tests.oracle import FinalWindow, expected_predictions

PATIENCE_S = 240.0
RECORDING = Path(pg_streaming_machine_learning.__file__).parent / "demo" / "recording"


@lru_cache
def recorded() -> tuple[list[FinalWindow], list[FinalWindow]]:
    """Return the windows of the bundled recording: all revisions by time, and the last ones."""
    windows = RecordedWindows.load(RECORDING)
    revisions: list[FinalWindow] = []
    final: list[FinalWindow] = []
    for step in windows.steps():
        found: dict[tuple[str, int], tuple[dict[tuple[str, str, str], tuple[float, ...]], int, bool]] = {}
        for each in step.revisions:
            metric = (each.metric.metric, each.metric.measure, each.metric.unit)
            key = (each.host, each.window_start_ms)
            found.setdefault(key, ({}, each.label, each.is_final))[0][metric] = each.statistics
        for (host, start_ms), (metrics, label, is_final) in found.items():
            window = FinalWindow(host, start_ms, start_ms + GRID.size_ms, metrics, label)
            revisions.append(window)
            if is_final:
                final.append(window)
    return revisions, final


@lru_cache
def nezhas() -> tuple[list[FinalWindow], list[FinalWindow]]:
    """Return the windows of nezha-online-boutique, as `recorded` does."""
    windows = nezha.load()
    moments = [
        (window.start_ms + nezha.WINDOWS.size_ms * count // window.revisions, window.revision(count))
        for window in windows
        for count in sorted({window.revisions, max(1, window.revisions // 2)})
    ]
    revisions = [revision for _, revision in sorted(moments, key=lambda moment: moment[0])]
    return revisions, [window.final for window in windows]


DATA = {
    "recording": (recorded, {"WINDOW_SIZE_S": "10", "WINDOW_HOP_S": "5", "WINDOW_GRACE_S": "10"}),
    "nezha": (nezhas, {"WINDOW_SIZE_S": "600", "WINDOW_HOP_S": "300", "WINDOW_GRACE_S": "300"}),
}


MODELS = {"ours": ModelSpec(), "river's": ModelSpec("river.forest.ARFClassifier")}
"""River's forest takes the samples one by one, and its snapshots are of another kind."""


@lru_cache
def oracle(data: str, model: str) -> dict[str, dict[str, object]]:
    """Return the predictions there have to be, by id."""
    return {each["id"]: each for each in expected_predictions(DATA[data][0]()[1], MODELS[model])}


def records(upstream: Upstream, windows: list[FinalWindow]) -> Iterator[Sent]:
    for window in windows:
        yield from upstream.records(window)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "way", "model"),
    [
        ("recording", "in order", "ours"),
        ("recording", "far apart", "ours"),
        ("recording", "killed", "ours"),
        ("nezha", "killed", "ours"),
        ("nezha", "killed", "river's"),
    ],
)
def test_the_predictions_equal_a_plain_loop(
    broker: str, place: MakePlace, worker: StartWorker, data: str, way: str, model: str
) -> None:
    """In order; with the partitions of the input one after the other; with the worker killed on the way.

    The input has 3 partitions, 4 on the embedded broker, which makes no others.
    """
    load, settings = DATA[data]
    revisions, final = load()
    wanted = oracle(data, model)
    # The recording may be of a later time than this machine's clock shows.
    here = place(broker, **settings, MODEL=MODELS[model].path, IDLE_AFTER_S="120", MAX_AHEAD_S="315360000")
    sent = list(records(here.upstream, revisions))
    running = worker(here)
    if way == "far apart":
        sent = far_apart(sent)
    here.upstream.send(sent)
    here.upstream.send(records(here.upstream, flushing(final)))
    if way == "killed":
        predictions_at(here, len(wanted) // 3)
        running.kill()
        running.start()
    assert predictions_at(here, len(wanted)) == wanted


def predictions_at(here: Place, count: int) -> dict[str, dict[str, object]]:
    topic = here.topic("PREDICTIONS")
    return read_predictions(here.bootstrap, topic, here.registry_url, count, PATIENCE_S)
