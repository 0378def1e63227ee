"""The hooks below Faust's public interface: each is still called, and does what it is for.

A new version of Faust or aiokafka that renames or drops one of them would lose or repeat records silently.
These tests fail instead. What the hooks do together is tested against brokers in `integration-test`.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka.consumer import fetcher, group_coordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CommitFailedError, NoOffsetForPartitionError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.tables import recovery
from faust.transport import consumer as base
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.enums import ProcessingGuarantee

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application, BatchSchema
from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.consumer import (
    HELD_BACK_S,
    BatchConsumer,
    BatchConsumerThread,
    BatchTransport,
    send_only_when_settled,
)
from pg_streaming_machine_learning.streams.positions import Positions
from tests.streams.stand_ins import Record

ROOT = Path(__file__).parent.parent.parent
PLACE = ("input", 1)
OTHER = ("input", 2)

HOOKS: list[tuple[type, type, str, Callable[..., Any]]] = [
    (Application, faust.App, "_new_transport", faust.App.transport.fget),  # type: ignore[attr-defined]
    (Application, faust.App, "on_first_start", faust.App._actually_start),
    (BatchConsumer, driver.Consumer, "_new_consumer_thread", base.ThreadDelegateConsumer.__init__),
    (BatchConsumer, driver.Consumer, "_to_message", base.Consumer.getmany),
    (BatchConsumer, driver.Consumer, "seek_to_committed", base.Consumer.perform_seek),
    (BatchConsumer, driver.Consumer, "_add_gap", base.Consumer._drain_messages),
    (BatchConsumer, driver.Consumer, "force_commit", base.Consumer.commit),
    (
        BatchConsumer,
        driver.Consumer,
        "on_partitions_assigned",
        base.ThreadDelegateConsumer.threadsafe_partitions_assigned,
    ),
    (BatchConsumer, driver.Consumer, "_commit", base.Consumer._commit_offsets),
    (BatchConsumer, driver.Consumer, "verify_event_path", base.Consumer.verify_all_partitions_active),
    (
        BatchConsumerThread,
        driver.AIOKafkaConsumerThread,
        "_create_worker_consumer",
        driver.AIOKafkaConsumerThread._create_consumer,
    ),
    (
        BatchConsumerThread,
        driver.AIOKafkaConsumerThread,
        "_fetch_records",
        driver.AIOKafkaConsumerThread.getmany,
    ),
]


@pytest.fixture
def app() -> Application:
    """Return an application that is not started."""
    return Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())


def test_versions_are_those_the_hooks_were_made_for() -> None:
    """Both are pinned exactly in setup.py; change the pins and these together."""
    assert (version("faust-streaming"), version("aiokafka")) == ("0.15.3", "0.14.0")


@pytest.mark.parametrize(("ours", "theirs", "name", "caller"), HOOKS, ids=[hook[2] for hook in HOOKS])
def test_hooks_replace_what_is_there_and_is_called(
    ours: type, theirs: type, name: str, caller: Callable[..., Any]
) -> None:
    """The method exists below ours, takes the same arguments, and its caller still calls it by that name."""
    assert name in vars(ours)
    expected = list(inspect.signature(getattr(theirs, name)).parameters)
    assert list(inspect.signature(getattr(ours, name)).parameters) == expected
    assert re.search(rf"\bself\.{name}\b", inspect.getsource(inspect.unwrap(caller)))


def test_positions_are_asked_for_after_the_rebalance_is_complete() -> None:
    """Taking over comes first, then the seek, then the flow of records."""
    source = inspect.getsource(recovery.Recovery._resume_streams)
    places = [source.index(step) for step in ("on_rebalance_complete", "perform_seek", "resume_flow")]
    assert places == sorted(places)


def test_application_uses_our_transport(app: Application) -> None:
    """Consumer and thread are ours. Faust's producer is not used."""
    assert type(app.transport) is BatchTransport
    assert type(app.consumer) is BatchConsumer
    assert type(app.batch_consumer._thread) is BatchConsumerThread
    assert app.batch_consumer.positions is app.positions


def test_partitions_given_out_are_settled_before_anything_is_done_about_them(app: Application) -> None:
    """Whoever has them may be fenced from then on."""
    seen: list[bool] = []

    async def assigned(*_: object, **__: object) -> None:
        seen.append(app.gate.is_settled)

    async def run() -> None:
        await app.gate.shut(1.0)
        app.batch_consumer._on_partitions_assigned = assigned
        await app.batch_consumer.on_partitions_assigned({TP(*PLACE)}, 1)

    asyncio.run(run())
    assert seen == [True]


def test_environment_does_not_overrule_the_application(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust reads its settings from variables such as these, before what the program says."""
    monkeypatch.setenv("PROCESSING_GUARANTEE", "exactly_once")
    monkeypatch.setenv("CONSUMER_AUTO_OFFSET_RESET", "latest")
    guarantee: Any = app.conf.processing_guarantee
    assert guarantee is ProcessingGuarantee.AT_LEAST_ONCE
    assert app.conf.consumer_auto_offset_reset == "none"
    assert (app.conf.topic_disable_leader, app.conf.topic_allow_declare) == (True, False)
    assert app.conf.table_standby_replicas == 0


def test_consumer_reads_committed_records_only(app: Application) -> None:
    """And does not wait long for an answer that has none."""

    async def create() -> tuple[str, int]:
        consumer = app.batch_consumer._thread._create_worker_consumer(app.transport)  # type: ignore[arg-type]
        found = (consumer._isolation_level, consumer._fetch_max_wait_ms)
        await consumer.stop()
        return found

    assert asyncio.run(create()) == ("read_committed", 100)
    source = inspect.getsource(__import__("aiokafka").AIOKafkaConsumer.start)
    assert "isolation_level=self._isolation_level" in source
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source


def created(settings: Settings) -> Any:
    """Return the consumer that Faust makes for an application with these settings."""
    app = Application(settings, Positions())

    async def create() -> Any:
        consumer = app.batch_consumer._thread._create_worker_consumer(app.transport)  # type: ignore[arg-type]
        await consumer.stop()
        return consumer

    return asyncio.run(create())


@pytest.mark.parametrize(("session_s", "heartbeat_ms"), [(6, 1500), (1, 250), (91, 22_750), (1800, 450_000)])
def test_the_session_is_as_long_as_the_settings_say(session_s: int, heartbeat_ms: int) -> None:
    """A worker that is gone is replaced after it; several heartbeats fit in. The whole range can be used."""
    consumer = created(Settings(session_timeout_s=session_s))
    assert consumer._session_timeout_ms == session_s * 1000
    assert consumer._heartbeat_interval_ms == heartbeat_ms
    assert consumer._request_timeout_ms > consumer._session_timeout_ms


def test_a_worker_that_has_nothing_to_fetch_stays_in_its_group() -> None:
    """A standby has none for days, one held back for as long as the registry is away: neither may leave."""
    ten_years_ms = 10 * 365 * 86_400_000
    assert created(Settings())._max_poll_interval_ms >= ten_years_ms
    assert "max_poll_interval" not in inspect.getsource(group_coordinator.CoordinatorGroupRebalance)


def test_an_offset_that_is_gone_is_no_reason_to_skip() -> None:
    """Neither for us nor for aiokafka."""
    consumer = created(Settings())
    assert consumer._auto_offset_reset == "none"
    assert consumer._enable_auto_commit is False


class FetchedFrom:
    """An aiokafka consumer of which a fetch brings what it is told to, and reading comes to an offset."""

    def __init__(self, fetched: dict[TopicPartition, list[Record]] | Exception, position: int) -> None:
        self.fetched = fetched
        self.position = position
        self._closed = False
        self._fetcher = self
        self._subscription = self._subscriptions = self
        self.subscription = self.assignment = self
        self.sought: dict[TopicPartition, int] = {}
        self.asked: list[set[TopicPartition]] = []

    def fetch_context(self) -> Any:
        """Return what aiokafka enters while fetching."""
        return self

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    async def fetched_records(self, partitions: Any, timeout: Any = 0, max_records: Any = None) -> Any:
        """Return what is fetched."""
        self.asked.append(set(partitions))
        if isinstance(self.fetched, Exception):
            raise self.fetched
        return self.fetched

    def state_value(self, place: TopicPartition) -> FetchedFrom:
        """Return the state of a partition."""
        return self

    def seek(self, place: TopicPartition, offset: int) -> None:
        """Note a seek."""
        self.sought[place] = offset


def test_stand_in_of_the_fetcher_has_its_method() -> None:
    """The stand-in above is called as aiokafka's fetcher is."""
    real = inspect.signature(fetcher.Fetcher.fetched_records).parameters
    assert list(real) == list(inspect.signature(FetchedFrom.fetched_records).parameters)


def fetch(
    app: Application, consumer: FetchedFrom, places: Collection[TopicPlace] = (PLACE,)
) -> dict[TopicPlace, list[Batch]]:
    """Return what a fetch brings."""
    wanted = {TP(*place) for place in places}
    found: dict[TopicPlace, list[Batch]] = asyncio.run(
        app.batch_consumer._thread._fetch_records(consumer, wanted, timeout=1.0, max_records=10)
    )
    return found


def seek(app: Application, consumer: FetchedFrom, offset: int, number: int) -> None:
    """Seek as after a rebalance."""
    thread = app.batch_consumer._thread
    thread._consumer = consumer
    asyncio.run(thread._seek_to({PLACE: offset}, number))


def test_a_fetch_is_one_batch_from_where_reading_was_to_where_it_came(app: Application) -> None:
    """It covers offsets without records: markers before, between and after."""
    consumer = FetchedFrom({TopicPartition(*PLACE): [Record(4), Record(6)]}, position=9)
    seek(app, consumer, 0, number=3)
    assert consumer.sought == {TopicPartition(*PLACE): 0}
    (batch,) = fetch(app, consumer)[PLACE]
    assert (batch.place, batch.base, batch.end, batch.seek) == (PLACE, 0, 9, 3)
    assert [record.offset for record in batch.records] == [4, 6]
    consumer.fetched, consumer.position = {TopicPartition(*PLACE): [Record(9)]}, 10
    (batch,) = fetch(app, consumer)[PLACE]
    assert (batch.base, batch.end) == (9, 10)


def test_batches_fetched_before_any_seek_are_recognised(app: Application) -> None:
    """Before it is told where, aiokafka begins to read at the committed offset."""
    (batch,) = fetch(app, FetchedFrom({TopicPartition(*PLACE): [Record(4)]}, position=5))[PLACE]
    assert app.positions.new_records(batch) is None


def test_a_fetch_without_records_is_nothing(app: Application) -> None:
    """Nothing is fetched, or there is no position yet."""
    assert fetch(app, FetchedFrom({}, position=0)) == {}
    assert fetch(app, FetchedFrom(NoOffsetForPartitionError(PLACE), position=0)) == {}


def test_partitions_held_back_are_not_fetched(app: Application) -> None:
    """One with enough to do, or that stands still, does not fill the memory; the others go on."""
    consumer = FetchedFrom({}, position=0)
    app.is_held_back = lambda place: place == PLACE
    assert fetch(app, consumer, [PLACE, OTHER]) == {}
    assert consumer.asked == [{TopicPartition(*OTHER)}]
    app.is_held_back = lambda place: False
    fetch(app, consumer, [PLACE, OTHER])
    assert consumer.asked[-1] == {TopicPartition(*PLACE), TopicPartition(*OTHER)}


def test_partitions_may_change_in_another_thread_while_they_are_looked_at(app: Application) -> None:
    """Faust pauses and resumes them in the thread of the application."""
    changing = {TP(*PLACE), TP(*OTHER)}

    def change(place: TopicPlace) -> bool:
        changing.discard(TP(*place))
        return False

    app.is_held_back = change
    consumer = FetchedFrom({}, position=0)
    asyncio.run(app.batch_consumer._thread._fetch_records(consumer, changing, timeout=1.0, max_records=10))
    assert consumer.asked == [{TopicPartition(*PLACE), TopicPartition(*OTHER)}]


def test_nothing_is_fetched_while_every_partition_is_held_back(app: Application) -> None:
    """Faust asks again at once: there is a pause in it."""
    consumer = FetchedFrom({}, position=0)
    app.is_held_back = lambda _: True
    began_s = time.monotonic()
    assert fetch(app, consumer, [PLACE, OTHER]) == {}
    assert time.monotonic() - began_s >= HELD_BACK_S / 2
    assert consumer.asked == []


def test_an_offset_out_of_range_ends_the_process() -> None:
    """Its records were deleted while they were being read towards; a new start says what to do."""
    script = """
import asyncio
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.positions import Positions
from tests.streams.test_consumer import FetchedFrom, fetch
app = Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())
fetch(app, FetchedFrom(OffsetOutOfRangeError({TopicPartition("input", 1): 7}), 0))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 4
    assert done.stderr.startswith("offset input[1]@7 is out of range: ")


class Group:
    """A consumer in a group, with aiokafka's own book of what is assigned; it notes what is committed."""

    def __init__(self) -> None:
        self.committed: list[dict[TopicPartition, int]] = []
        self._subscription = SubscriptionState()
        self._subscription.subscribe({PLACE[0]})

    def assign(self) -> None:
        """Give the partition out."""
        self._subscription.assign_from_subscribed([TopicPartition(*PLACE)])

    def assignment(self) -> set[TopicPartition]:
        """Return what is assigned."""
        return set(self._subscription.assigned_partitions())

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        """Note a commit."""
        self.committed.append({place: each.offset for place, each in offsets.items()})


def test_nothing_is_told_to_kafka_while_partitions_change_hands(app: Application) -> None:
    """Behind the request to join it would be of a past generation, and have the group join for ever."""

    async def work() -> None:
        group = Group()
        thread = app.batch_consumer._thread
        thread._consumer = group
        assert not await thread._tell({PLACE: 5})
        group.assign()
        assert await thread._tell({PLACE: 6})
        group._subscription.begin_reassignment()
        assert not await thread._tell({PLACE: 7})
        group.assign()
        assert await thread._tell({PLACE: 8})
        assert group.committed == [{TopicPartition(*PLACE): 6}, {TopicPartition(*PLACE): 8}]

    asyncio.run(work())


def test_a_commit_that_waited_is_not_sent_if_partitions_change_hands_meanwhile() -> None:
    """Between being asked and sending, aiokafka waits for the coordinator and for other commits."""

    async def work() -> None:
        group, sent = Group(), list[Any]()

        async def send(assignment: Any, offsets: Any) -> None:
            sent.append(offsets)

        coordinator = SimpleNamespace(_subscription=group._subscription, _do_commit_offsets=send)
        send_only_when_settled(coordinator)
        group.assign()
        await coordinator._do_commit_offsets(None, {1: 6})
        group._subscription.begin_reassignment()
        with pytest.raises(CommitFailedError) as failed:
            await coordinator._do_commit_offsets(None, {1: 7})
        assert sent == [{1: 6}]
        assert not failed.value.retriable

    asyncio.run(work())
    asked = inspect.getsource(group_coordinator.GroupCoordinator.commit_offsets)
    assert "asyncio.shield(self._do_commit_offsets(assignment, offsets))" in asked
    assert "if not err.retriable:\n                    raise" in asked
    assert "send_only_when_settled(coordinator)" in inspect.getsource(BatchConsumerThread.on_start)


def test_a_batch_passes_through_faust_untouched(app: Application) -> None:
    """From the fetch to the value an agent sees; its offset is the last it covers."""
    batch = Batch(PLACE, 4, 9, [Record(4), Record(6)], 1)
    message = app.batch_consumer._to_message(TopicPartition(*PLACE), batch)
    assert (message.topic, message.partition, message.offset) == ("input", 1, 8)
    topic = app.topic("input", schema=BatchSchema())
    event = asyncio.run(topic.decode(message, propagate=True))
    assert event.value is batch


def test_faust_keeps_no_books_that_grow(app: Application) -> None:
    """Gaps are not noted, and acknowledgements are forgotten at each commit."""
    consumer = app.batch_consumer
    consumer._acked[TP(*PLACE)].append(5)
    consumer._acked_index[TP(*PLACE)].add(5)
    asyncio.run(consumer._add_gap(TP(*PLACE), 0, 10**12))
    assert asyncio.run(consumer.force_commit()) is False
    assert consumer._acked[TP(*PLACE)] == []
    assert consumer._acked_index[TP(*PLACE)] == set()
    assert not consumer._gap[TP(*PLACE)]
