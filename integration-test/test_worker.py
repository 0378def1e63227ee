"""The worker as a process, between topics: windows in, predictions and dead letters out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.learning.models import ModelSpec
from services.place import MakePlace, Place, StartWorker, register_input_schemas
from services.predictions import by_id, read_predictions
from services.topics import Read, read_until, wait_until
from services.upstream import Sent, flushing
from services.windows import HOP_MS, SETTINGS, in_revisions, made_up
from services.worker import ENDS_WITHIN_S
from tests.oracle import FinalWindow, expected_predictions

PATIENCE_S = 120.0
HOSTS = ("192.168.0.101", "web-é")


def expected(windows: list[FinalWindow]) -> dict[str, dict[str, object]]:
    return {each["id"]: each for each in expected_predictions(windows, ModelSpec())}


def predictions_at(place: Place, count: int, timeout_s: float = PATIENCE_S) -> dict[str, dict[str, object]]:
    return read_predictions(place.bootstrap, place.topic("PREDICTIONS"), place.registry_url, count, timeout_s)


def all_predictions_at(place: Place) -> list[Read]:
    """Return what there is once nothing more comes."""
    return read_until(place.bootstrap, place.topic("PREDICTIONS"), lambda read: False, 2.0)


def dead_letters_at(place: Place, count: int, timeout_s: float = PATIENCE_S) -> list[Read]:
    topic = place.topic("DEAD_LETTERS")
    return read_until(place.bootstrap, topic, lambda read: len(read) >= count, timeout_s)


def bad_records(good: Sent) -> list[tuple[Sent, str]]:
    """Return records nobody can use, and the reason each should be given."""
    assert good.key is not None
    assert good.value is not None
    off_grid = good.key[:-8] + (good.event_ms + 1).to_bytes(8, "big")
    absurd = good.key[:-8] + (2**62).to_bytes(8, "big")
    return [
        (replace(good, key=None), "null-key"),
        (replace(good, value=None), "null-value"),
        (replace(good, key=b""), "bad-key"),
        (replace(good, value=b""), "bad-framing"),
        (replace(good, value=b'{"label": 1}'), "bad-framing"),
        (replace(good, value=good.value[:-3]), "bad-avro"),
        (replace(good, value=good.value + b"\0"), "bad-avro"),
        (replace(good, key=good.key + bytes(8)), "bad-key"),
        (replace(good, key=off_grid), "bad-window"),
        (replace(good, key=absurd), "bad-window"),
        (replace(good, value=good.value[:-1] + b"\x04"), "bad-label"),
        (replace(good, value=good.value[:5] + b"\0\0\0\0\0\0\xf0\x7f" + good.value[13:]), "not-finite"),
    ]


def test_revisions_of_two_hosts_with_bad_records_between_become_the_oracles_predictions(
    broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(broker, **SETTINGS)
    windows = made_up(HOSTS, 60)
    records = list(in_revisions(here.upstream, windows))
    bad = bad_records(records[0])
    for number, (record, _) in enumerate(bad):
        records.insert(20 + 37 * number, replace(record, partition=number % here.upstream.partitions))
    with worker(here) as running:
        here.upstream.send(records)
        here.upstream.send(record for each in flushing(windows) for record in here.upstream.records(each))
        assert predictions_at(here, len(windows)) == expected(windows)
        letters = dead_letters_at(here, len(bad))
        assert running.stop() < ENDS_WITHIN_S
    assert len(by_id(all_predictions_at(here), here.registry_url)) == len(windows)
    assert len(letters) == len(bad)
    untouched = {(letter.key, letter.value, letter.headers["reason"].decode()) for letter in letters}
    assert untouched == {(record.key, record.value, reason) for record, reason in bad}
    for letter in letters:
        assert set(letter.headers) >= {"detail", "topic", "partition", "offset", "timestamp"}
        assert letter.headers["topic"].decode() == here.topic("INPUT")


def test_a_stream_that_stops_closes_its_last_windows(
    broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(broker, **SETTINGS | {"IDLE_AFTER_S": "3"})
    windows = made_up(HOSTS, 10)
    here.upstream.send(in_revisions(here.upstream, windows))
    worker(here)
    assert predictions_at(here, len(windows)) == expected(windows)


def test_updates_after_their_window_has_closed_are_logged_with_how_late_they_are(
    broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(broker, **SETTINGS | {"IDLE_AFTER_S": "3"})
    windows = made_up(HOSTS, 10)
    here.upstream.send(in_revisions(here.upstream, windows))
    running = worker(here)
    predictions_at(here, len(windows))
    here.upstream.send(here.upstream.records(replace(windows[0], label=1)))
    wait_until(lambda: "late updates" in running.output(), PATIENCE_S, "the worker tells of late updates")
    assert len(by_id(all_predictions_at(here), here.registry_url)) == len(windows)


@pytest.mark.parametrize("ending", ["SIGTERM", "SIGKILL"])
def test_a_worker_that_ended_in_the_middle_goes_on_where_it_was(
    broker: str, place: MakePlace, worker: StartWorker, ending: str
) -> None:
    here = place(broker, **SETTINGS)
    windows = made_up(HOSTS, 120)
    records = list(in_revisions(here.upstream, windows))
    here.upstream.send(records[: len(records) // 2])
    with worker(here) as first:
        assert len(predictions_at(here, len(windows) // 3)) >= len(windows) // 3
        if ending == "SIGTERM":
            assert first.stop() < ENDS_WITHIN_S
        else:
            first.kill()
    here.upstream.send(records[len(records) // 2 :])
    here.upstream.send(record for each in flushing(windows) for record in here.upstream.records(each))
    worker(here)
    assert predictions_at(here, len(windows)) == expected(windows)


def test_two_workers_share_the_partitions_and_one_takes_over_when_the_other_is_killed(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(real_broker, **SETTINGS | {"LOG_PARTITIONS": "2"})
    hosts = ("a", "b", "c", "d")
    windows = made_up(hosts, 80)
    records = list(in_revisions(here.upstream, windows))
    first, second = worker(here), worker(here)
    here.upstream.send(records[: len(records) // 2])
    predictions_at(here, len(windows) // 3)
    first.kill()
    here.upstream.send(records[len(records) // 2 :])
    here.upstream.send(record for each in flushing(windows) for record in here.upstream.records(each))
    found = predictions_at(here, len(windows))
    assert second.is_running
    partitions = {read.key: read.partition for read in all_predictions_at(here)}
    assert set(partitions.values()) == {0, 1}
    for number in (0, 1):  # each partition of the log is a model of its own
        own = [window for window in windows if partitions[window.host.encode()] == number]
        assert {name: each for name, each in found.items() if each["host"] in {w.host for w in own}} == (
            expected(own)
        )


def test_ten_thousand_bad_records_do_not_hold_up_the_good_ones_behind_them(
    broker: str, place: MakePlace, worker: StartWorker
) -> None:
    here = place(broker, **SETTINGS | {"IDLE_AFTER_S": "3"})
    windows = made_up(HOSTS, 10)
    bad = [record for record, _ in bad_records(next(here.upstream.records(windows[0])))]
    count = 10_000
    here.upstream.send(
        replace(bad[number % len(bad)], partition=number % here.upstream.partitions)
        for number in range(count)
    )
    here.upstream.send(in_revisions(here.upstream, windows))
    worker(here)
    assert predictions_at(here, len(windows), 60.0) == expected(windows)
    assert len(dead_letters_at(here, count)) == count


def test_a_registry_that_is_away_makes_the_worker_wait_and_loses_nothing(
    real_broker: str, place: MakePlace, worker: StartWorker
) -> None:
    windows = made_up(HOSTS, 10)
    with DemoRegistry.start_in_thread() as registry:
        port = int(registry.url.rsplit(":", 1)[1])
        register_input_schemas(registry.url)
        settings = SETTINGS | {"IDLE_AFTER_S": "3", "SCHEMA_REGISTRY_URL": registry.url}
        here = place(real_broker, **settings)
        running = worker(here)
        wait_until(
            lambda: "partitions assigned" in running.output(), PATIENCE_S, "the worker has its partitions"
        )
    here.upstream.send(in_revisions(here.upstream, windows))
    wait_until(
        lambda: "waiting for the registry" in running.output(), PATIENCE_S, "the worker misses the registry"
    )
    with DemoRegistry.start_in_thread(port) as registry:
        register_input_schemas(registry.url)
        read = read_until(
            here.bootstrap, here.topic("PREDICTIONS"), lambda read: len(read) >= len(windows), PATIENCE_S
        )
    assert len(read) == len(windows)
    assert dead_letters_at(here, 1, 1.0) == []


def test_the_hop_decides_what_is_on_the_grid(broker: str, place: MakePlace, worker: StartWorker) -> None:
    here = place(broker, **SETTINGS | {"WINDOW_SIZE_S": "20", "WINDOW_HOP_S": "10", "IDLE_AFTER_S": "3"})
    windows = made_up(HOSTS[:1], 4)
    here.upstream.send(record for window in windows for record in here.upstream.records(window))
    worker(here)
    off_grid = [window for window in windows if window.start_ms % (2 * HOP_MS) != 0]
    letters = dead_letters_at(here, 6 * len(off_grid))
    assert len(letters) == 6 * len(off_grid)
    assert {letter.headers["reason"] for letter in letters} == {b"bad-window"}
