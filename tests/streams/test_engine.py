"""The host of an engine: replay without repeating, nothing done before it is stored, stop between steps."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.errors import LogFormatError
from pg_streaming_machine_learning.outputs.predictions import PredictionOutput
from pg_streaming_machine_learning.records.update import LogRecord, ProgressMark
from pg_streaming_machine_learning.streams.answered import LogPlace
from pg_streaming_machine_learning.streams.engine import EngineHost
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.log import encode_mark, encode_update
from pg_streaming_machine_learning.wire.prediction import BottleneckPrediction
from tests.logs import config, fleet, merged
from tests.streams.stand_ins import Clock, ListOutlet, batch_of, positions_at, run_on

PLACE = ("log", 3)


def encoded(record: LogRecord) -> bytes:
    """Return a record of the log as bytes."""
    return encode_mark(record) if isinstance(record, ProgressMark) else encode_update(record)


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions, some of its records to several."""
    partitions = [list(records) for records in fleet(["a", "b"], windows=12, seed=5).partitions]
    return [encoded(record) for record in merged(partitions, random.Random(1))]


@dataclass
class Stage:
    """A host with everything around it."""

    answered: LogPlace | None = None
    replay_to: int = 0
    positions: Positions = field(default_factory=lambda: positions_at({PLACE: 0}))
    outlet: ListOutlet = field(default_factory=ListOutlet)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.host = EngineHost(
            PLACE,
            Engine(config()),
            self.answered,
            self.replay_to,
            PredictionOutput("predictions", AvroEncoder(BottleneckPrediction, 7)),
            self.outlet,
            self.positions,
            monotonic=self.clock,
        )

    def take(self, values: Sequence[bytes | None], base: int = 0) -> None:
        """Hand over a batch."""
        asyncio.run(self.host.take(batch_of(self.positions, PLACE, values, base)))

    def values(self) -> list[bytes | None]:
        """Return the values that left."""
        return [sent.output.value for sent in self.outlet.sent]

    def causes(self) -> list[LogPlace]:
        """Return the causes of what left, as readers of the topic see them."""
        headers = [dict(sent.headers) for sent in self.outlet.sent]
        return [LogPlace(int(named["log-offset"]), int(named["log-index"])) for named in headers]


def test_predictions_leave_in_the_partition_of_the_log_with_their_cause(log: list[bytes]) -> None:
    """Each names the record that caused it; some records cause several."""
    stage = Stage()
    stage.take(log)
    causes = stage.causes()
    assert causes == sorted(set(causes))
    assert max(cause.index for cause in causes) >= 1
    assert {sent.partition for sent in stage.outlet.sent} == {3}
    assert {sent.output.topic for sent in stage.outlet.sent} == {"predictions"}
    assert stage.positions.next(PLACE) == len(log)


def test_batches_make_no_difference(log: list[bytes]) -> None:
    """However a fetch cuts the log."""
    whole, cut = Stage(), Stage()
    whole.take(log)
    for base in range(0, len(log), 7):
        cut.take(log[base : base + 7], base)
    assert cut.values() == whole.values()


def test_what_was_sent_before_is_not_sent_again(log: list[bytes]) -> None:
    """A restart goes on after any of the predictions, byte for byte as if it had never stopped."""
    whole = Stage()
    whole.take(log)
    for number, cause in enumerate(whole.causes()):
        restarted = Stage(answered=cause)
        restarted.take(log)
        assert restarted.values() == whole.values()[number + 1 :]


def test_nothing_is_done_before_kafka_has_stored_it(log: list[bytes]) -> None:
    """The position moves after the last acknowledgement."""
    stage = Stage(outlet=ListOutlet(holds_back=True))

    async def run() -> None:
        taking = asyncio.create_task(stage.host.take(batch_of(stage.positions, PLACE, log)))
        await run_on()
        assert stage.outlet.waiting
        assert stage.positions.next(PLACE) == 0
        stage.outlet.store()
        await taking

    asyncio.run(run())
    assert stage.positions.next(PLACE) == len(log)


def test_a_partition_given_up_in_the_middle_is_left_as_it_is(log: list[bytes]) -> None:
    """The position may belong to another engine by the time the acknowledgements come."""
    stage = Stage(outlet=ListOutlet(holds_back=True))

    async def run() -> None:
        taking = asyncio.create_task(stage.host.take(batch_of(stage.positions, PLACE, log)))
        await run_on()
        stage.host.close()
        stage.outlet.store()
        await taking

    asyncio.run(run())
    assert stage.positions.next(PLACE) == 0


def test_work_is_left_at_the_next_step_when_the_partition_is_given_up(log: list[bytes]) -> None:
    """A long batch does not keep a worker from its new partitions."""
    stage = Stage()
    stage.host.close()
    stage.take(log)
    assert stage.outlet.sent == []


def test_an_engine_left_in_the_middle_is_not_used_again(log: list[bytes]) -> None:
    """It stands between two states."""
    stage = Stage(outlet=ListOutlet(holds_back=True))

    async def run() -> None:
        taking = asyncio.create_task(stage.host.take(batch_of(stage.positions, PLACE, log)))
        await run_on()
        taking.cancel()
        await asyncio.wait([taking])
        await stage.host.take(batch_of(stage.positions, PLACE, log))

    with pytest.raises(RuntimeError, match=r"^engine of log\[3\] was left in the middle of a batch$"):
        asyncio.run(run())


@pytest.mark.parametrize("value", [None, b"", b"\x01", b"\xff\x01\x00", b"\x01\x01\x00"])
def test_a_record_of_the_log_that_cannot_be_read_stops_it(value: bytes | None, log: list[bytes]) -> None:
    """Going on would be another state than everybody else's. The message says where."""
    stage = Stage()
    with pytest.raises(LogFormatError, match=r"^log\[3\]@2: "):
        stage.take([*log[:2], value])
    assert stage.positions.next(PLACE) == 0


def test_the_end_of_the_replay_is_logged(log: list[bytes], caplog: pytest.LogCaptureFixture) -> None:
    """Once, with how long it took."""
    stage = Stage(replay_to=10)
    with caplog.at_level(logging.INFO):
        stage.take(log[:5])
        assert "state rebuilt" not in caplog.text
        stage.clock.now_s += 2.5
        stage.take(log[5:10], 5)
        stage.take(log[10:], 10)
    assert caplog.text.count("state rebuilt partition=log[3] offset=10 seconds=2.5") == 1
