"""A run goes at its pace, can be stopped, and leaves whole cycles and its truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from pg_streaming_machine_learning.errors import BrokerUnreachable, RecordingError, TopicError
from pg_streaming_machine_learning.simulation.delivery import Delivery
from pg_streaming_machine_learning.simulation.files import Files, TruthFile
from pg_streaming_machine_learning.simulation.messages import Grouping, line_messages, span_messages
from pg_streaming_machine_learning.simulation.plan import Scenario, SimulationPlan
from pg_streaming_machine_learning.simulation.run import Figures, run_cycles
from pg_streaming_machine_learning.simulation.simulation import Cycle, Simulation
from pg_streaming_machine_learning.simulation.truth import TRUTH_COLUMNS

PLAN = SimulationPlan(hosts=4, services=2, scenarios=())


class HandMoved:
    """A clock that moves when it is slept on."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float, /) -> None:
        self.now_s += seconds


class Listed:
    """A sink that keeps when each cycle came."""

    def __init__(self, clock: HandMoved, takes_s: float = 0.0) -> None:
        self.clock = clock
        self.takes_s = takes_s
        self.came: list[tuple[int, float]] = []
        self.is_closed = False

    def write(self, cycle: Cycle) -> int:
        self.came.append((cycle.at_ms, self.clock.now_s))
        self.clock.now_s += self.takes_s
        return 1

    def close(self) -> None:
        self.is_closed = True


class Failing(Listed):
    """A sink that takes two cycles, and then fails, also to close."""

    def write(self, cycle: Cycle) -> int:
        if len(self.came) == 2:
            raise RecordingError("disk is full")
        return super().write(cycle)

    def close(self) -> None:
        raise RecordingError("close is worse")


@pytest.mark.parametrize(("speed", "apart_s"), [(1.0, 10.0), (4.0, 2.5), (0.0, 0.0)])
def test_cycles_come_at_their_time(speed: float, apart_s: float) -> None:
    """At a speed each comes at its end; without one at once."""
    clock = HandMoved()
    sink = Listed(clock)
    run_cycles(Simulation(PLAN), sink, None, 4, speed=speed, clock=clock)
    expected = [(PLAN.start_ms + 10_000 * n, 1_000 + apart_s * n) for n in range(1, 5)]
    assert [at_ms for at_ms, _ in sink.came] == [at_ms for at_ms, _ in expected]
    assert [s for _, s in sink.came] == pytest.approx([s for _, s in expected])
    assert sink.is_closed


def test_the_first_cycle_ends_on_the_grid() -> None:
    """A run that begins within a cycle waits only for the rest of it."""
    clock = HandMoved()
    sink = Listed(clock)
    run_cycles(Simulation(PLAN), sink, None, 2, speed=1, begun_ms=PLAN.start_ms + 7_000, clock=clock)
    assert [s - 1_000 for _, s in sink.came] == pytest.approx([3, 13])


def test_a_run_that_fell_behind_catches_up() -> None:
    """Its times are fixed."""
    clock = HandMoved()
    sink = Listed(clock, takes_s=25)
    run_cycles(Simulation(PLAN), sink, None, 3, speed=1, clock=clock)
    assert [s - 1_000 for _, s in sink.came] == pytest.approx([10, 35, 60])


def test_a_stop_while_waiting_ends_within_a_moment() -> None:
    """With what was done until then."""
    clock = HandMoved()
    sink = Listed(clock)
    figures = run_cycles(
        Simulation(PLAN), sink, None, None, speed=1, clock=clock, is_stopped=lambda: clock.now_s >= 1_025
    )
    assert figures.cycles == len(sink.came) == 2
    assert clock.now_s < 1_025.2
    assert sink.is_closed


def test_progress_is_told_after_two_seconds_and_ever_less_often() -> None:
    """How much is done, and how long it will still take."""
    clock = HandMoved()
    told: list[str] = []
    figures = run_cycles(Simulation(PLAN), Listed(clock, takes_s=1), None, 100, clock=clock, tell=told.append)
    assert told[0] == "2 of 100 cycles, 2 messages, about 98 s left ..."
    assert 4 <= len(told) <= 10
    assert figures.took_s == 100
    told.clear()
    run_cycles(
        Simulation(PLAN),
        Listed(clock, takes_s=3),
        None,
        None,
        clock=clock,
        is_stopped=lambda: bool(told),
        tell=told.append,
    )
    assert told == ["1 cycles, 1 messages ..."]


def test_figures_in_words() -> None:
    """With what it makes a second."""
    figures = Figures(cycles=1_000, lines=2_000, spans=3, messages=4_000, truths=5, took_s=2.0)
    assert str(figures) == (
        "1,000 cycles, 2,000 lines and 3 spans in 4,000 messages (2,000 a second), 5 rows of truth, 2.0 s"
    )


def test_what_fails_first_is_what_is_raised(tmp_path: Path) -> None:
    """The truth is written as far as it goes."""
    clock = HandMoved()
    truth = TruthFile(tmp_path / "truth.csv")
    with pytest.raises(RecordingError, match="disk is full"):
        run_cycles(Simulation(PLAN), Failing(clock), truth, None, clock=clock)
    assert (tmp_path / "truth.csv").read_text() == ",".join(TRUTH_COLUMNS) + "\n"


def test_files_hold_what_the_cycles_are(tmp_path: Path) -> None:
    """Lines as they are, spans an array a line, truth a row a line."""
    plan = replace(PLAN, scenarios=(Scenario.CLOCKS_OFF,), episode_ms=300_000)
    run_cycles(Simulation(plan), Files(tmp_path), TruthFile(tmp_path / "truth.csv"), 60, clock=HandMoved())
    simulation = Simulation(plan)
    cycles = list(simulation.cycles(60))
    assert (tmp_path / "telegraf.lines").read_text() == "".join(
        line for cycle in cycles for _, lines in cycle.lines for line in lines
    )
    arrays = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    assert arrays == [
        [json.loads(span) for span in spans] for cycle in cycles for spans in cycle.spans if spans
    ]
    header, *rows = (tmp_path / "truth.csv").read_text().splitlines()
    assert header == (
        "host,metric,scenario,ramp_start_ms,full_ms,end_ms,slow_from_ms,slow_until_ms,amount,unit"
    )
    truth = [row for cycle in cycles for row in cycle.truth] + simulation.rest_of_truth()
    assert rows == [row.line() for row in truth]
    assert rows


def test_files_that_are_there_are_kept_unless_asked(tmp_path: Path) -> None:
    """Nothing is lost by a wrong directory."""
    (tmp_path / "telegraf.lines").write_text("precious")
    with pytest.raises(
        RecordingError, match=r"telegraf\.lines is there already; choose another place, or --f"
    ):
        Files(tmp_path)
    assert (tmp_path / "telegraf.lines").read_text() == "precious"
    Files(tmp_path, replace=True).close()
    assert (tmp_path / "telegraf.lines").read_text() == ""


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """With the reason."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match=r"directory .*/file cannot be made: File exists"):
        Files(tmp_path / "file")
    (tmp_path / "telegraf.lines").mkdir()
    with pytest.raises(RecordingError, match=r"telegraf\.lines cannot be written: Is a directory"):
        Files(tmp_path, replace=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """And what was whole stays."""
    (tmp_path / "telegraf.lines").symlink_to("/dev/full")
    with pytest.raises(RecordingError, match="cannot be written: No space left on device"):
        run_cycles(Simulation(PLAN), Files(tmp_path, replace=True), None, 5, clock=HandMoved())


def test_messages_are_lines_or_hosts() -> None:
    """A host without a line sends none."""
    cycle = Simulation(PLAN).step()
    cycle = replace(cycle, lines=[*cycle.lines[:1], ("10.0.0.2", [])])
    single = list(line_messages(cycle, Grouping.METRIC))
    assert [key for key, _ in single] == ["10.0.0.1"] * 6
    assert list(line_messages(cycle, Grouping.HOST)) == [("10.0.0.1", "".join(value for _, value in single))]


def read_all(bootstrap: str, topic: str) -> list[tuple[bytes | None, bytes | None, int]]:
    """Return key, value and time of all records of a topic, sorted."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "test", "enable.partition.eof": True, "log_level": 0}
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    ended, found = 0, []
    while ended < len(partitions):
        message = consumer.poll(10)
        assert message is not None
        if message.error() is None:
            found.append((message.key(), message.value(), message.timestamp()[1]))
        else:
            ended += 1
    consumer.close()
    return sorted(found, key=str)


@pytest.mark.parametrize("grouping", list(Grouping))
def test_kafka_gets_every_message_with_its_key_and_time(grouping: Grouping) -> None:
    """What Telegraf and Zipkin's reporters would send, at the time of a right clock."""
    cycles = list(Simulation(PLAN).cycles(3))
    with EmbeddedBroker() as broker:
        delivery = Delivery(broker.bootstrap, "lines", "spans", grouping)
        count = sum(delivery.write(cycle) for cycle in cycles)
        delivery.close()
        lines, spans = read_all(broker.bootstrap, "lines"), read_all(broker.bootstrap, "spans")
    assert lines == sorted(
        (
            (key.encode(), value.encode(), cycle.at_ms)
            for cycle in cycles
            for key, value in line_messages(cycle, grouping)
        ),
        key=str,
    )
    assert spans == sorted(
        ((None, value.encode(), cycle.at_ms) for cycle in cycles for value in span_messages(cycle)), key=str
    )
    assert count == len(lines) + len(spans)


def test_no_broker_is_said() -> None:
    """With where it was looked for."""
    with pytest.raises(BrokerUnreachable, match=r"no Kafka answered at 127\.0\.0\.1:1 within 0\.3 s"):
        Delivery("127.0.0.1:1", "lines", "spans", timeout_s=0.3)


def test_a_broker_that_went_away_is_said() -> None:
    """When the run ends, at the latest."""
    cycle = Simulation(PLAN).step()
    with EmbeddedBroker() as broker:
        delivery = Delivery(broker.bootstrap, "lines", "spans", timeout_s=1)
    delivery.write(cycle)
    with pytest.raises(BrokerUnreachable, match=r"Kafka at 127\.0\.0\.1:\d+ did not take \d+ messages"):
        delivery.close()


def test_a_message_that_kafka_would_never_take_is_said() -> None:
    """One too large does not wait for the broker's answer."""
    cycle = replace(Simulation(PLAN).step(), lines=[("10.0.0.1", ["x" * 2_000_000])])
    with EmbeddedBroker() as broker:
        delivery = Delivery(broker.bootstrap, "lines", "spans")
        with pytest.raises(TopicError, match=r"a message to lines cannot be sent: .*too large"):
            delivery.write(cycle)
