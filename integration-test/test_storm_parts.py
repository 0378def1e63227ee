"""The parts of the storm's harness by themselves: what counts has to be able to count."""

from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from confluent_kafka import KafkaException

from pg_streaming_machine_learning.demo.registry import DemoRegistry
from pg_streaming_machine_learning.errors import RegistryUnavailable
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.records.update import Metric, SourcePlace, WindowUpdate
from pg_streaming_machine_learning.wire.log import encode_update
from pg_streaming_machine_learning.wire.registry import Registry
from services.place import register_input_schemas
from storm.control import FOLDER, Control, reached
from storm.faulty_registry import FAULTS, FaultyRegistry
from storm.proxy import Proxy
from storm.report import Report, quantile, table
from storm.truth import Expected, Truth, log_partition
from storm.verdict import Counts, count_letters, count_log, count_predictions

NAMES = "abcde"
WANTED = [Expected(name, b"host", name.encode()) for name in NAMES]


def found(text: str) -> list[InputRecord]:
    """Return predictions as they lie in a partition, one for each letter."""
    return [record(number, b"host", letter.encode()) for number, letter in enumerate(text)]


def record(
    offset: int, key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()
) -> InputRecord:
    return InputRecord("topic", 0, offset, 0, key, value, headers)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("abcde", {}),
        ("abde", {"missing": 1}),
        ("abbcdeab", {"duplicate": 3}),
        ("abXde", {"divergent": 1}),
        ("abcdeX", {"divergent": 1}),
        ("abdce", {"out_of_order": 1}),
        ("", {"missing": 5}),
    ],
)
def test_predictions_are_counted_as_what_they_are(text: str, counted: dict[str, int]) -> None:
    counts = Counts()
    count_predictions(counts, [WANTED], [found(text)])
    assert counts.nonzero() == counted


def update(offset: int, host: str = "host-a") -> WindowUpdate:
    place = SourcePlace("input", 0, offset)
    return WindowUpdate(place, host, Metric("CPU", "UTILIZATION", "PERCENT"), 0, (float("nan"),) * 11, 1)


@pytest.mark.parametrize(
    ("offsets", "counted"),
    [
        ([0, 1, 2], {}),
        ([0, 2], {"log_never": 1}),
        ([0, 1, 1, 2], {"log_twice": 1}),
        ([0, 2, 1], {"log_wrong": 1}),
        ([0, 1, 2, 3], {"log_wrong": 1}),
    ],
)
def test_updates_in_the_log_are_counted(offsets: list[int], counted: dict[str, int]) -> None:
    truth = Truth(updates={update(offset).place: update(offset) for offset in range(3)})
    log: list[list[InputRecord]] = [[], []]
    log[log_partition("host-a", 2)] = [
        record(number, None, encode_update(update(offset))) for number, offset in enumerate(offsets)
    ]
    counts = Counts()
    count_log(counts, truth, log)
    assert counts.nonzero() == counted


def test_an_update_with_other_content_or_in_another_partition_is_wrong() -> None:
    truth = Truth(updates={update(0).place: update(0), update(1).place: update(1)})
    other = replace(update(0), label=0)
    log: list[list[InputRecord]] = [[], []]
    log[log_partition("host-a", 2)] = [record(0, None, encode_update(other))]
    log[1 - log_partition("host-a", 2)] = [record(0, None, encode_update(update(1)))]
    counts = Counts()
    count_log(counts, truth, log)
    assert counts.nonzero() == {"log_wrong": 2}


def letter(offset: int, value: bytes | None, reason: str) -> InputRecord:
    headers = {"topic": "input", "partition": "0", "offset": str(offset), "reason": reason}
    return record(offset, None, value, tuple((name, text.encode()) for name, text in headers.items()))


def test_dead_letters_are_counted() -> None:
    refused = {
        SourcePlace("input", 0, offset): (record(offset, None, b"x"), "null-key") for offset in range(4)
    }
    counts = Counts()
    letters = [letter(0, b"x", "null-key"), letter(0, b"x", "null-key"), letter(1, b"y", "null-key")]
    count_letters(counts, Truth(refused=refused), [*letters, letter(2, b"x", "bad-key")])
    assert counts.nonzero() == {"letters_missing": 1, "letters_double": 1, "letters_wrong": 2}


def test_an_order_is_carried_out_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    control = Control(tmp_path)
    control.order("fail", "a-point")
    reached("another")
    with pytest.raises(KafkaException, match="the storm says so"):
        reached("a-point")
    reached("a-point")
    assert control.taken("fail", "a-point", 1.0) is not None
    assert control.taken("fail", "a-point", 0.0) is None
    control.order("kill", "a-point")
    assert control.withdraw("kill", "a-point")
    assert not control.withdraw("kill", "a-point")


class Echo(socketserver.BaseRequestHandler):
    """Says what it hears."""

    def handle(self) -> None:
        with suppress(ConnectionResetError):
            while data := self.request.recv(1000):
                self.request.sendall(data)


@contextmanager
def echo() -> Iterator[int]:
    """Serve a port that says what it hears."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_the_proxy_passes_on_delays_cuts_resets_and_refuses() -> None:
    with echo() as port, Proxy() as proxy:
        proxy.target = port
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as here:
            here.sendall(b"one")
            assert here.recv(10) == b"one"
            proxy.delay_s = 0.2
            began_s = time.monotonic()
            here.sendall(b"two")
            assert here.recv(10) == b"two"
            assert time.monotonic() - began_s >= 0.4
            proxy.cut()
            here.settimeout(0.5)
            here.sendall(b"three")
            with pytest.raises(TimeoutError):
                here.recv(10)
            proxy.heal()
            here.settimeout(5)
            assert here.recv(10) == b"three"
            proxy.reset()
            with pytest.raises(ConnectionResetError):
                here.recv(10)
        proxy.refuse()
        with (
            pytest.raises(ConnectionResetError),
            socket.create_connection(("127.0.0.1", proxy.port), 5) as here,
        ):
            here.recv(10)
        proxy.heal()
        with socket.create_connection(("127.0.0.1", proxy.port), 5) as here:
            here.sendall(b"five")
            assert here.recv(10) == b"five"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_faulty_registry_fails_as_told_and_works_again(fault: str) -> None:
    async def ask(url: str) -> object:
        return await Registry(url, timeout_s=0.5).schema(1)

    with DemoRegistry.start_in_thread() as demo, FaultyRegistry(demo.url) as registry:
        register_input_schemas(registry.url)
        registry.fail(fault)
        with pytest.raises(RegistryUnavailable):
            asyncio.run(ask(registry.url))
        assert registry.asked > 0
        registry.heal()
        assert asyncio.run(ask(registry.url)) is not None


def test_the_faulty_registry_hides_an_id() -> None:
    with DemoRegistry.start_in_thread() as demo, FaultyRegistry(demo.url) as registry:
        register_input_schemas(registry.url)
        registry.hide(1)
        assert httpx.get(f"{registry.url}/schemas/ids/1").status_code == 404
        assert httpx.get(f"{registry.url}/schemas/ids/2").status_code == 200
        registry.heal()
        assert httpx.get(f"{registry.url}/schemas/ids/1").status_code == 200


def test_the_tables_are_markdown() -> None:
    report = Report("kills", faults=2, predictions=10)
    report.counts.duplicate = 3
    report.kinds.update({"kill -9": 2, "SIGTERM": 1})
    report.recoveries_s = {"kill -9": [1.0, 2.0]}
    report.codes.update([-9, -9, 0])
    report.read_logs("state restored partition=log[0] offset=9 seconds=0.1 read_again=7 Counts()\n")
    text = table([report])
    assert "| kills | 2 | 0 | 10 | 0 | 3 |" in text
    assert "| 2 × SIGKILL, 1 × 0 |" in text
    assert "| kill -9 | 2 | 1.0 / 2.0 / 2.0 |" in text
    assert "| 7 / 7 |" in text
    assert {line[0] for line in text.split("\n") if line} == {"|"}


def test_quantiles() -> None:
    assert [quantile([3.0, 1.0, 2.0, 4.0], share) for share in (0.5, 0.95, 1.0)] == [2.0, 4.0, 4.0]
