"""The Faust application with our hooks in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.types import TP, AppT, EventT
from faust.types.settings import Settings as FaustSettings

from pg_streaming_machine_learning import config
from pg_streaming_machine_learning.errors import BrokerUnreachable
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.consumer import BatchConsumer, BatchTransport
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.repetition import say_less
from pg_streaming_machine_learning.streams.settling import Settling
from pg_streaming_machine_learning.streams.state_reader import READ_WITHIN_S
from pg_streaming_machine_learning.streams.transactions import FENCE_WITHIN_S
from pg_streaming_machine_learning.streams.watchdog import LOOP, Liveness, Watchdog, ticking
from pg_streaming_machine_learning.streams.worker import Worker

__all__ = ["Application", "BatchSchema"]

RECORDS_PER_FETCH = 4000
"""One transaction each: while there is a backlog, fewer and larger ones."""
BATCHES_WAITING = 64

REBALANCE_TIMEOUT_S = 60.0
"""How long a group waits for its members to join; Faust's own."""

TAKE_OVER_STEP_S = FENCE_WITHIN_S + READ_WITHIN_S
"""How long a take-over may go without coming on by a step: each of its waits has a limit within this."""

NEVER_S = 100 * 365 * 86_400.0
"""Longer than any process lives."""

_AtStart = Callable[[], Awaitable[None]]


class BatchSchema(faust.Schema[Any, Any]):
    """Hands batches on as they are: what is in them is decoded by router and engine."""

    def compile(self, app: AppT, **_: Any) -> Any:
        """Return what Faust calls to decode a message."""

        async def decode(message: Any, *, propagate: bool = False) -> EventT[Any]:
            return app.create_event(message.key, message.value, message.headers, message)

        return decode


@contextmanager
def _answers() -> Iterator[None]:
    """Turn what goes wrong between Kafka and us into an error of ours."""
    try:
        yield
    except (KafkaError, asyncio.TimeoutError) as error:
        raise BrokerUnreachable(f"Kafka does not tell where partitions begin and end: {error!r}") from error


class _Configuration(FaustSettings):
    """Faust's settings as given by us: Faust would let variables of the environment overrule them."""

    def getenv(self, env_name: str) -> Any:
        """Find nothing in the environment."""
        return None


class Application(faust.App):
    """A Faust application that reads whole batches from our positions, and looks before it starts.

    Parameters
    ----------
    settings : Settings
        The settings of the application.
    positions : Positions
        Where partitions are read on.
    """

    Settings = _Configuration

    def __init__(self, settings: config.Settings, positions: Positions) -> None:
        super().__init__(
            settings.application_id,
            broker=settings.kafka_bootstrap_server.split(","),
            store="memory://",
            Worker=Worker,
            autodiscover=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            table_standby_replicas=0,
            # Positions are ours; an offset that is gone is an error and not a reason to skip.
            consumer_auto_offset_reset="none",
            consumer_max_fetch_size=max(4_194_304, settings.max_record_bytes),
            broker_max_poll_records=RECORDS_PER_FETCH,
            stream_buffer_maxsize=BATCHES_WAITING,
            stream_wait_empty=False,
            broker_commit_interval=1.0,
            # aiokafka alone looks at it, and leaves a group for good if nothing is fetched for so long, as
            # on a standby. Whether a worker still lives is for the watchdog to say.
            broker_max_poll_interval=NEVER_S,
            broker_check_crcs=settings.check_crcs,
            broker_request_timeout=max(90.0, settings.session_timeout_s + 30.0),
            broker_session_timeout=float(settings.session_timeout_s),
            broker_rebalance_timeout=REBALANCE_TIMEOUT_S,
            broker_heartbeat_interval=settings.session_timeout_s / 4,
            web_enabled=settings.web_enabled,
            web_port=settings.web_port,
            web_bind=settings.web_bind,
        )
        self.boot_strategy.enable_web = settings.web_enabled
        self.our_settings = settings
        self.positions = positions
        self.gate = CommitGate()
        self.liveness = Liveness(settings.stuck_after_s)
        longer_s = REBALANCE_TIMEOUT_S + settings.session_timeout_s + TAKE_OVER_STEP_S
        self.settling = Settling(self.gate, self.liveness, lambda: self.is_flowing, longer_s)
        self.is_held_back: Callable[[TopicPlace], bool] = lambda _: False
        self._at_start: list[_AtStart] = []

    def at_start(self, check: _AtStart) -> None:
        """Have something done before the application connects to anything; it may end the process."""
        self._at_start.append(check)

    async def on_first_start(self) -> None:
        """Look before anything starts. No directories are made: nothing is kept on disk."""
        say_less()
        self.add_future(ticking(self.liveness, LOOP, self.settling.look))
        Watchdog(self.liveness).start()
        for check in self._at_start:
            await check()

    @property
    def is_flowing(self) -> bool:
        """Whether records may flow, as they may before there is a consumer."""
        return self._consumer is None or self.batch_consumer.flow_active

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)

    @property
    def batch_consumer(self) -> BatchConsumer:
        """The consumer, which has our methods."""
        return cast(BatchConsumer, self.consumer)

    async def beginnings(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the first offset of each partition that is still there."""
        with _answers():
            found = await self.consumer.earliest_offsets(*(TP(*place) for place in places))
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    async def ends(self, places: Iterable[TopicPlace]) -> Mapping[TopicPlace, int]:
        """Return the offset each partition's next record will have."""
        with _answers():
            found = await self.consumer.highwaters(*(TP(*place) for place in places))
        return {(place.topic, place.partition): offset for place, offset in found.items()}

    def assigned(self) -> set[TopicPlace]:
        """Return the partitions of this worker."""
        return {(place.topic, place.partition) for place in self.consumer.assignment()}
