"""What a fetch brings is taken whole, and handed on in batches that follow each other without a gap."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.structs import TopicPartition
from faust.types import TP

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.streams.application import Application
from pg_streaming_machine_learning.streams.batch import Batch, TopicPlace
from pg_streaming_machine_learning.streams.consumer import HELD_BACK_S
from pg_streaming_machine_learning.streams.positions import Positions
from tests.streams.stand_ins import Record
from tests.streams.test_consumer import FetchedFrom

PLACE = ("input", 1)
OTHER = ("input", 2)


class Limited(FetchedFrom):
    """An aiokafka consumer that notes how many records it is asked for at most."""

    most: Any = "not asked"
    timeout: Any = None

    async def fetched_records(self, partitions: Any, timeout: Any = 0, max_records: Any = None) -> Any:
        """Return what is fetched."""
        self.most, self.timeout = max_records, timeout
        return await super().fetched_records(partitions, timeout, max_records)


def cut(offsets: list[int], position: int, most: int) -> tuple[list[Batch], Any]:
    """Return the batches of a fetch after a seek to 0, and for how many records aiokafka was asked."""
    app = Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())
    thread = app.batch_consumer._thread
    consumer = Limited({TopicPartition(*PLACE): [Record(offset) for offset in offsets]}, position)
    thread._consumer = consumer

    async def fetch() -> Any:
        await thread._seek_to({PLACE: 0}, 3)
        return await thread._fetch_records(consumer, {TP(*PLACE)}, timeout=1.0, max_records=most)

    return asyncio.run(fetch())[TP(*PLACE)], consumer.most


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_batches_cover_all_offsets_and_hold_all_records(most: int) -> None:
    """Also those without a record: before the first, in between, behind the last."""
    offsets = [2, 3, 7, 8, 20]
    batches, asked = cut(offsets, 25, most)
    assert asked is None
    assert [record.offset for batch in batches for record in batch.records] == offsets
    assert max(len(batch.records) for batch in batches) == min(most, len(offsets))
    assert (batches[0].base, batches[-1].end) == (0, 25)
    assert [batch.end for batch in batches[:-1]] == [batch.base for batch in batches[1:]]
    assert all(batch.base <= each.offset < batch.end for batch in batches for each in batch.records)
    assert {batch.seek for batch in batches} == {3}


def test_positions_take_the_batches_one_after_the_other() -> None:
    """None of them looks like a hole, or like one that was done before."""
    positions = Positions()
    positions.take({PLACE: 0})
    for _ in range(3):
        positions.seek([PLACE])
    for batch in cut([2, 3, 7, 8, 20], 25, 2)[0]:
        assert positions.new_records(batch) == batch.records
        positions.done(PLACE, batch.end)
    assert positions.next(PLACE) == 25


@pytest.mark.parametrize(("held_back", "timeout"), [(None, 1.0), (OTHER, HELD_BACK_S)])
def test_others_are_not_waited_for_long_while_one_is_held_back(
    held_back: TopicPlace | None, timeout: float
) -> None:
    """It may have nothing to do long before they bring anything."""
    app = Application(Settings(kafka_bootstrap_server="kafka://localhost:1"), Positions())
    app.is_held_back = lambda place: place == held_back
    consumer = Limited({}, 0)
    thread = app.batch_consumer._thread
    asyncio.run(thread._fetch_records(consumer, {TP(*PLACE), TP(*OTHER)}, timeout=1.0, max_records=10))
    assert consumer.timeout == timeout


def test_aiokafka_still_waits_for_what_is_left_of_a_partition() -> None:
    """Which is why all is taken: it was made for these lines of 0.14.0."""
    ask = inspect.getsource(fetcher.Fetcher._get_actions_per_node)
    assert "if tp in self._records:" in ask
    assert "elif node_id in self._in_flight:" in ask
    assert "max_records is not None and len(ret_list) >= max_records" in inspect.getsource(
        fetcher.FetchResult.getall
    )
