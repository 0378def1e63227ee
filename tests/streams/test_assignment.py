"""After a rebalance: what is kept, what is given up, where what is new begins, what stands still."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from pg_streaming_machine_learning.errors import ColdStartError
from pg_streaming_machine_learning.records.update import InputPartition
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder
from pg_streaming_machine_learning.state.layout import GENERATION_KEY, PROGRESS_KEY
from pg_streaming_machine_learning.state.progress import EngineProgress, RouterProgress, router_key
from pg_streaming_machine_learning.state.signing import Signer
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.lanes import FULL
from pg_streaming_machine_learning.streams.marks import Progress
from pg_streaming_machine_learning.streams.trimmed import TrimmedError
from tests.streams.stand_ins import Cluster, batch_of, fleet_log, run_on
from tests.streams.workers import INPUT, LOG, OTHER, SETTINGS, MemoryWorker

SPARE = ("log", 1)
STATE = ("state", 0)
PROGRESS = ("progress", 0)


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    """Return a log that leads to predictions."""
    return fleet_log()


def cluster_of(log: Sequence[bytes] = (), inputs: int = 0) -> Cluster:
    """Return a cluster with a log, and so many records in each input partition."""
    cluster = Cluster()
    for value in log:
        cluster.put(LOG, None, value)
    for place in (INPUT, OTHER):
        for number in range(inputs):
            cluster.put(place, None, b"web %d" % (60_000 * number))
    return cluster


def test_each_partition_begins_where_its_owner_says(log: list[bytes]) -> None:
    """Inputs by their progress, at the first record there is without any; zero is an offset."""
    cluster = cluster_of(log, inputs=9)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(4, 60_000).to_bytes())
    worker = MemoryWorker(cluster)
    worker.take_over(LOG, INPUT, OTHER)
    assert [worker.positions.next(place) for place in (LOG, INPUT, OTHER)] == [0, 4, 0]
    assert worker.assignment.assigned() == ["input[0]", "input[1]", "log[0]"]


def test_progress_of_an_input_is_told_from_where_its_former_owner_had_come() -> None:
    """At once that it is active, then the event time."""
    cluster = cluster_of(inputs=9)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(4, 60_000).to_bytes())
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT)
    first = worker.marks.due(worker.clock(), lambda _: False)
    assert first == ([Progress(InputPartition(*INPUT), None, False)], [])
    second = worker.marks.due(worker.clock() + 1, lambda _: False)
    assert second == ([], [Progress(InputPartition(*INPUT), 60_000, False)])


def test_batches_go_to_the_owner_of_their_partition(log: list[bytes]) -> None:
    """Updates to the log, predictions from it."""
    worker = MemoryWorker(cluster_of(log, inputs=3))
    worker.take_over(LOG, INPUT)
    before = len(log)
    worker.read(LOG)
    worker.read(INPUT)
    assert worker.predictions() != []
    assert len(worker.cluster.records(*LOG)) == before + 3


def test_partitions_of_the_log_beyond_the_setting_are_passed_over() -> None:
    """The embedded broker's topics always have four. Nobody believes the worker is behind."""
    cluster = Cluster()
    for _ in range(9):
        cluster.put(SPARE, None, b"nobody reads this")
    worker = MemoryWorker(cluster)
    worker.take_over(SPARE)
    assert worker.assignment.host(SPARE) is None
    assert worker.positions.next(SPARE) == 9
    assert not worker.assignment.is_held_back(SPARE)
    asyncio.run(worker.assignment.take(batch_of(worker.positions, SPARE, [b"x", b"y"], base=9)))
    assert worker.positions.next(SPARE) == 11
    assert worker.assignment.assigned() == []


def test_partitions_kept_keep_owner_and_position(log: list[bytes]) -> None:
    """Nothing is read twice because another worker came, and nobody is fenced by himself."""
    worker = MemoryWorker(cluster_of(log, inputs=9))
    worker.take_over(LOG, INPUT, OTHER)
    host, router = worker.host(), worker.router()
    worker.read(LOG, to=20)
    worker.read(INPUT, to=4)
    steps = list(worker.cluster.steps)
    worker.take_over(LOG, INPUT)
    assert worker.host() is host
    assert worker.router() is router
    assert [worker.positions.next(place) for place in (LOG, INPUT, OTHER)] == [20, 4, None]
    assert worker.cluster.steps == steps
    worker.read(LOG)
    worker.read(INPUT)


def test_partitions_lost_are_closed_and_forgotten(log: list[bytes]) -> None:
    """Their next owner speaks for them."""
    worker = MemoryWorker(cluster_of(log, inputs=9))
    worker.take_over(LOG, INPUT, OTHER)
    host, router = worker.host(), worker.router()
    worker.take_over(OTHER)
    assert (host.is_closed, router.is_closed) == (True, True)
    assert (worker.assignment.host(LOG), worker.assignment.router(INPUT)) == (None, None)
    assert worker.assignment.assigned() == ["input[1]"]
    woken, _ = worker.marks.due(worker.clock(), lambda _: True)
    assert [progress.input for progress in woken] == [InputPartition(*OTHER)]


def test_a_partition_that_comes_back_is_taken_over_anew(log: list[bytes]) -> None:
    """Another worker had it meanwhile."""
    cluster = cluster_of(log, inputs=9)
    one, two = MemoryWorker(cluster), MemoryWorker(cluster)
    one.take_over(LOG, INPUT)
    first = one.host()
    one.read(LOG, to=20)
    one.read(INPUT, to=3)
    one.take_over()
    two.take_over(LOG, INPUT)
    two.read(LOG, to=60)
    two.read(INPUT, to=5)
    one.take_over(LOG, INPUT)
    assert one.host() is not first
    assert one.positions.next(INPUT) == 5
    one.read(LOG)
    one.read(INPUT)
    alone = MemoryWorker(cluster_of(log))
    alone.take_over(LOG)
    alone.read(LOG)
    assert one.predictions()[: len(alone.predictions())] == alone.predictions()
    assert [record.value for record in cluster.records(*PROGRESS)][-1] == RouterProgress(
        9, 480_000
    ).to_bytes()


def test_no_partitions_are_fine() -> None:
    """More workers than partitions: the others stand by, and may commit when it is their turn."""
    worker = MemoryWorker()
    worker.take_over()
    assert worker.assignment.assigned() == []
    assert worker.assignment.restoring() == []
    assert worker.gate.is_open


def test_an_engine_is_restoring_until_it_has_read_what_was_sent(log: list[bytes]) -> None:
    """The worker is not ready before that."""
    cluster = cluster_of(log)
    former = MemoryWorker(cluster)
    former.take_over(LOG)
    former.read(LOG, to=50)
    worker = MemoryWorker(cluster)
    worker.take_over(LOG)
    assert worker.assignment.restoring() == ["log[0]"]
    worker.read(LOG, to=49)
    assert worker.assignment.restoring() == ["log[0]"]
    worker.read(LOG, to=50)
    assert worker.assignment.restoring() == []


def test_partitions_are_assigned_and_restoring_while_they_are_taken_over(log: list[bytes]) -> None:
    """Reading their state takes time, and nothing is committed meanwhile."""
    worker = MemoryWorker(cluster_of(log, inputs=3))
    assignment = worker.assignment
    seen: list[tuple[list[str], list[str], bool]] = []

    def look() -> None:
        seen.append((assignment.assigned(), assignment.restoring(), worker.gate.is_open))

    worker.cluster.when_read = look
    worker.take_over(LOG, INPUT)
    names = ["input[0]", "log[0]"]
    assert seen == [(names, names, False)] * 2
    assert assignment.restoring() == []
    assert worker.gate.is_open


def test_commits_under_way_are_waited_for_before_partitions_change_hands(log: list[bytes]) -> None:
    """Otherwise every rebalance would fence somebody in the middle of a transaction."""
    worker = MemoryWorker(cluster_of(log))
    worker.take_over(LOG)
    writer = worker.cluster.writers["app-engine-0"]
    writer.holds_back = True

    async def run() -> None:
        taking = asyncio.create_task(worker.reading(LOG))
        await run_on()
        assert len(writer.held) == 1
        releasing = asyncio.create_task(worker.assignment.release())
        await run_on()
        assert not releasing.done()
        writer.commit_held()
        await releasing
        await taking

    asyncio.run(run())
    assert worker.predictions() != []


def test_a_partition_whose_records_were_deleted_stands_still(caplog: pytest.LogCaptureFixture) -> None:
    """The others go on. It is in the log with what to do, and nothing of it is fetched or done."""
    cluster = cluster_of(inputs=9)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(4, None).to_bytes())
    cluster.begin[INPUT] = 7
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT, OTHER)
    assert worker.assignment.router(INPUT) is None
    assert worker.assignment.is_held_back(INPUT)
    assert not worker.assignment.is_held_back(OTHER)
    assert worker.assignment.assigned() == ["input[0]", "input[1]"]
    reason = str(TrimmedError.hole(INPUT, 4, 7))
    assert worker.assignment.stopped() == {"input[0]": reason}
    assert f"partition stands still input[0]: {reason}" in caplog.text
    position = worker.positions.next(INPUT)
    assert position == 16, "Faust asks for the position of every partition, and Kafka has to have it"
    asyncio.run(worker.assignment.take(batch_of(worker.positions, INPUT, [b"web 0"], base=position)))
    assert worker.positions.next(INPUT) == position
    worker.read(OTHER)


def test_a_partition_of_the_log_can_stand_still_too(log: list[bytes]) -> None:
    """Its inputs go on being routed."""
    cluster = cluster_of(log, inputs=3)
    former = MemoryWorker(cluster, replace(SETTINGS, snapshot_every_updates=10))
    former.take_over(LOG)
    former.read(LOG, to=50)
    for _ in range(51):
        cluster.records(*LOG).pop(0)
    cluster.begin[LOG] = 51
    worker = MemoryWorker(cluster)
    worker.take_over(LOG, INPUT)
    assert list(worker.assignment.stopped()) == ["log[0]"]
    assert worker.assignment.restoring() == []
    worker.read(INPUT)


def test_a_partition_that_stands_still_and_is_lost_is_forgotten() -> None:
    """Whoever gets it says so."""
    cluster = cluster_of(inputs=9)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(4, None).to_bytes())
    cluster.begin[INPUT] = 7
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT)
    worker.take_over()
    assert worker.assignment.stopped() == {}
    cluster.begin[INPUT] = 0
    worker.take_over(INPUT)
    assert worker.positions.next(INPUT) == 4


def test_who_stands_still_says_so_again(caplog: pytest.LogCaptureFixture) -> None:
    """Every half minute, so that the end of a long log has it."""
    cluster = cluster_of(inputs=9)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(4, None).to_bytes())
    cluster.begin[INPUT] = 7
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT)
    caplog.clear()
    for passed_s in (29, 1, 1, 29):
        worker.clock.now_s += passed_s
        worker.assignment.remind()
    assert caplog.text.count("partition stands still input[0]: 3 records of input[0]") == 2


def test_nothing_is_said_when_nothing_stands_still(caplog: pytest.LogCaptureFixture) -> None:
    """A healthy worker is quiet."""
    worker = MemoryWorker(cluster_of(inputs=1))
    worker.take_over(INPUT)
    caplog.clear()
    worker.clock.now_s += 100
    worker.assignment.remind()
    assert caplog.records == []


def test_a_state_that_cannot_be_had_is_an_error_with_the_partition(log: list[bytes]) -> None:
    """The process ends with its code: going on would be with another model."""
    cluster = cluster_of(log)
    cluster.put(STATE, PROGRESS_KEY, EngineProgress(9, "0" * 32, 1, "0.0.1").to_bytes())
    cluster.begin[LOG] = 5
    with pytest.raises(ColdStartError, match=r"^log\[0\]: the log begins at offset 5 ") as caught:
        MemoryWorker(cluster).take_over(LOG)
    assert caught.value.exit_code == 4


def test_batches_of_partitions_that_are_not_ours_are_thrown_away(log: list[bytes]) -> None:
    """They were fetched before the rebalance."""
    worker = MemoryWorker(cluster_of(log))
    worker.take_over(LOG)
    batch = batch_of(worker.positions, LOG, log)
    worker.take_over()
    asyncio.run(worker.assignment.take(batch))
    assert worker.predictions() == []


def test_a_partition_with_enough_to_do_is_held_back() -> None:
    """Until its lane is shorter; batches do not pile up in memory."""
    worker = MemoryWorker(cluster_of(inputs=20))
    worker.take_over(INPUT)
    writer = worker.cluster.writers["app-router-input-0"]
    writer.holds_back = True

    async def run() -> None:
        for number in range(FULL + 1):
            assert not worker.assignment.is_held_back(INPUT)
            worker.assignment.lanes.put(batch_of(worker.positions, INPUT, [b"web 0"], base=number))
            await run_on()
        assert worker.assignment.is_held_back(INPUT)
        assert not worker.assignment.is_held_back(OTHER)
        writer.commit_held()
        await run_on()
        assert not worker.assignment.is_held_back(INPUT)

    asyncio.run(run())


def test_work_on_a_partition_that_is_lost_is_left_in_the_middle() -> None:
    """A lane that waits does not hold the partition."""
    worker = MemoryWorker(cluster_of(inputs=3))
    worker.take_over(INPUT)
    writer = worker.cluster.writers["app-router-input-0"]
    writer.holds_back = True

    async def run() -> None:
        batch = batch_of(worker.positions, INPUT, [b"web 0"])
        worker.assignment.lanes.put(batch)
        await run_on()
        assert len(writer.held) == 1
        await worker.assignment.take_over([])
        await run_on()

    asyncio.run(run())
    assert worker.positions.next(INPUT) is None


async def taking_over_while_another_rebalance_begins(worker: MemoryWorker, place: TopicPlace) -> None:
    """Take a partition over; before its state is read, partitions begin to change hands again."""
    loop = asyncio.get_running_loop()

    def begin_another() -> None:
        worker.cluster.when_read = lambda: None
        asyncio.run_coroutine_threadsafe(worker.assignment.release(), loop).result(10)

    worker.cluster.when_read = begin_another
    await worker.assignment.release()
    worker.gate.settle()
    await worker.assignment.take_over([place])


def test_a_gate_shut_by_another_rebalance_meanwhile_stays_shut(log: list[bytes]) -> None:
    """Partitions change hands again; the take-over that follows opens it."""
    worker = MemoryWorker(cluster_of(log))

    async def run() -> None:
        await taking_over_while_another_rebalance_begins(worker, LOG)
        assert not worker.gate.is_open
        worker.gate.settle()
        await worker.assignment.take_over([LOG])
        assert worker.gate.is_open

    asyncio.run(run())


def test_a_host_taken_over_while_another_rebalance_begins_is_begun_after_that() -> None:
    """Otherwise a log without news would leave the worker unready for ever."""
    worker = MemoryWorker()

    async def run() -> None:
        await taking_over_while_another_rebalance_begins(worker, LOG)
        worker.gate.settle()
        await worker.assignment.take_over([LOG])
        await run_on()
        assert worker.assignment.restoring() == []

    asyncio.run(run())


async def set_event(event: asyncio.Event) -> None:
    """Set an event."""
    event.set()


class SlowSigner(Signer):
    """Signs a snapshot when it is told to; so long it is not ready."""

    def __init__(self) -> None:
        super().__init__(b"0123456789abcdef", accept_unsigned=False)
        self.is_signing = threading.Event()
        self.may_sign = threading.Event()

    def sign(self, data: bytes) -> str:
        """Wait, then sign."""
        self.is_signing.set()
        assert self.may_sign.wait(30)
        return super().sign(data)


def test_taking_over_ends_though_a_rebalance_shuts_the_gate_meanwhile() -> None:
    """Faust waits for it before it lets another take-over begin, which alone would open the gate again.

    ::

        take-over    reads state   opens the gate   a snapshot of the new generation ...   has to end
        rebalance                                                      shuts the gate
    """
    signer = SlowSigner()
    worker = MemoryWorker(signer=signer)
    worker.cluster.put(STATE, GENERATION_KEY, GenerationOrder(2, FROM_LOG, 0).to_bytes())

    async def run() -> None:
        await worker.assignment.release()
        worker.gate.settle()
        taking_over = asyncio.create_task(worker.assignment.take_over([LOG]))
        assert await asyncio.to_thread(signer.is_signing.wait, 30)
        await worker.assignment.release()
        signer.may_sign.set()
        await asyncio.wait_for(taking_over, 5)
        worker.gate.settle()
        await worker.assignment.take_over([LOG])
        begun = asyncio.Event()
        worker.assignment.lanes.run(LOG, "going on", partial(set_event, begun))
        await asyncio.wait_for(begun.wait(), 30)
        assert worker.assignment.restoring() == []

    asyncio.run(run())
    begun = [record.value for record in worker.cluster.records("state") if record.key == PROGRESS_KEY]
    assert [EngineProgress.from_bytes(value or b"").generation for value in begun] == [2]


def test_taking_over_does_not_wait_for_work_on_partitions_that_are_kept(log: list[bytes]) -> None:
    """That work may wait at the gate, when one rebalance follows another, for the take-over after this one.

    ::

        kept partition   a batch, its snapshot ...                            waits at the gate
        rebalances                        opens the gate   shuts the gate                        opens it
    """
    signer = SlowSigner()
    worker = MemoryWorker(cluster_of(log), replace(SETTINGS, snapshot_every_updates=10), signer=signer)
    worker.take_over(LOG)

    async def run() -> None:
        reading = asyncio.create_task(worker.reading(LOG, to=50))
        assert await asyncio.to_thread(signer.is_signing.wait, 30)
        await worker.assignment.release()
        worker.gate.settle()
        taking_over = asyncio.create_task(worker.assignment.take_over([LOG]))
        await run_on()
        await worker.assignment.release()
        signer.may_sign.set()
        await asyncio.wait_for(taking_over, 5)
        worker.gate.settle()
        await worker.assignment.take_over([LOG])
        await reading

    asyncio.run(run())
    assert worker.positions.next(LOG) == 50


def test_a_partition_that_stands_still_is_not_told_to_kafka_as_read() -> None:
    """Whoever watches the lag has to see it grow."""
    cluster = cluster_of(inputs=9)
    cluster.put(PROGRESS, router_key(*INPUT), RouterProgress(4, None).to_bytes())
    cluster.begin[INPUT] = 7
    worker = MemoryWorker(cluster)
    worker.take_over(INPUT, OTHER)
    worker.read(OTHER)
    assert worker.positions.untold() == {OTHER: 9}


def test_partitions_are_not_taken_over_that_change_hands_again() -> None:
    """Whoever gets them may have fenced us by now, and would be fenced in turn."""
    worker = MemoryWorker(cluster_of(inputs=9))

    async def run() -> None:
        await worker.assignment.release()
        await worker.assignment.take_over([LOG, INPUT])
        assert worker.cluster.steps == []
        assert not worker.gate.is_open
        worker.gate.settle()
        await worker.assignment.take_over([INPUT])

    asyncio.run(run())
    assert worker.assignment.assigned() == ["input[0]"]
    assert worker.gate.is_open
