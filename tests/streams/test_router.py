"""The router sends on everything a batch led to, and its progress, in one transaction; or nothing is done."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from pg_streaming_machine_learning.errors import TransactionError
from pg_streaming_machine_learning.records.update import (
    InputPartition,
    ProgressMark,
    SourcePlace,
    WindowUpdate,
)
from pg_streaming_machine_learning.state.progress import RouterProgress, router_key
from pg_streaming_machine_learning.streams.dead_letters import DeadLetters
from pg_streaming_machine_learning.streams.gate import CommitGate
from pg_streaming_machine_learning.streams.host_place import host_place
from pg_streaming_machine_learning.streams.marks import MarkSchedule, Progress
from pg_streaming_machine_learning.streams.positions import Positions
from pg_streaming_machine_learning.streams.router import Router, RouterOutlet
from pg_streaming_machine_learning.streams.transactions import Outgoing
from pg_streaming_machine_learning.windows.hopping import HoppingWindows
from pg_streaming_machine_learning.wire.log import decode
from tests.streams.stand_ins import (
    Clock,
    LineSource,
    ListTransactions,
    batch_of,
    opened,
    positions_at,
    run_on,
    until_done,
)

PLACE = ("input", 0)
INPUT = InputPartition(*PLACE)
KAFKAS_MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}
"""From Apache Kafka's own test, UtilsTest.testMurmur2."""


@dataclass
class Stage:
    """A router with everything around it."""

    positions: Positions = field(default_factory=lambda: positions_at({PLACE: 0}))
    source: LineSource = field(default_factory=LineSource)
    transactions: ListTransactions = field(default_factory=lambda: opened(ListTransactions()))
    clock: Clock = field(default_factory=Clock)
    gate: CommitGate = field(default_factory=CommitGate)
    event_ms: int | None = None
    log_partitions: int = 1
    pauses: list[float] = field(default_factory=list)
    closed_after_pauses: int = 10**9

    def __post_init__(self) -> None:
        self.marks = MarkSchedule(idle_after_s=10)
        self.marks.take(INPUT, self.event_ms, self.clock())
        self.router = Router(
            PLACE,
            self.source,
            self.event_ms,
            self.transactions,
            RouterOutlet(
                "log", self.log_partitions, DeadLetters("dead"), HoppingWindows(10, 1), "progress", 5
            ),
            self.positions,
            self.marks,
            self.gate,
            monotonic=self.clock,
            now=lambda: 1600.5,
            pause=self._pause,
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) >= self.closed_after_pauses:
            self.router.close()

    def route(self, *values: bytes | None, base: int = 0) -> None:
        """Route a batch of values."""
        asyncio.run(self.taking(*values, base=base))

    async def taking(self, *values: bytes | None, base: int = 0) -> None:
        """Route a batch of values."""
        await self.router.take(batch_of(self.positions, PLACE, values, base))

    def tell(self, progress: Progress, partitions: int = 3) -> list[tuple[int, bytes | None, object]]:
        """Tell progress; return partition, key and mark of each record of the transaction but the last."""
        self.router.know_partitions(partitions)
        asyncio.run(self.router.tell(progress))
        *marks, last = self.transactions.committed[-1]
        assert last.topic == "progress"
        return [(record.partition, record.key, decode(record.value or b"")) for record in marks]

    def reached(self) -> list[RouterProgress]:
        """Return the progress that was committed."""
        return [progress_of(record) for record in self.transactions.records("progress")]

    def told_event_ms(self) -> list[int | None]:
        """Return the event times that are due to be told."""
        woken, due = self.marks.due(self.clock(), lambda _: False)
        return [progress.event_ms for progress in (*woken, *due)]


def progress_of(record: Outgoing) -> RouterProgress:
    """Return the progress that a record says, after looking whether it is where it belongs."""
    assert (record.topic, record.partition, record.key) == ("progress", 5, router_key(*PLACE))
    return RouterProgress.from_bytes(record.value or b"")


@pytest.mark.parametrize(("host", "hash_"), KAFKAS_MURMUR2.items())
def test_hosts_go_where_kafkas_own_clients_send_them(host: str, hash_: int) -> None:
    """Key and partition of the log agree, so that any Kafka tool finds a host's records."""
    for partitions in (1, 3, 12):
        assert host_place(host, partitions) == (host.encode(), (hash_ & 0x7FFFFFFF) % partitions)


def test_updates_leave_by_host_and_keep_their_place() -> None:
    """Key is the host, value the update, the partition the host's."""
    stage = Stage(log_partitions=12)
    stage.route(b"abc 60000\nfoobar 0", b"abc 120000")
    sent = stage.transactions.records("log")
    assert [(record.key, record.partition) for record in sent] == [(b"abc", 3), (b"foobar", 6), (b"abc", 3)]
    updates = [decode(record.value or b"") for record in sent]
    assert [update.place for update in updates if isinstance(update, WindowUpdate)] == [
        SourcePlace("input", 0, 0, 0),
        SourcePlace("input", 0, 0, 1),
        SourcePlace("input", 0, 1, 0),
    ]


def test_a_batch_is_one_transaction_with_its_progress_at_the_end() -> None:
    """Whoever takes over goes on exactly behind what is visible. A refused record is among the good ones."""
    stage = Stage()
    stage.route(b"a 60000", b"bad", b"b 0")
    assert len(stage.transactions.committed) == 1
    update, refused, other, progress = stage.transactions.committed[0]
    assert [record.topic for record in (update, refused, other)] == ["log", "dead", "log"]
    assert (refused.partition, refused.value) == (0, b"bad")
    assert dict(refused.headers)["offset"] == b"1"
    assert progress_of(progress) == RouterProgress(3, 60_000)
    assert stage.positions.next(PLACE) == 3


def test_a_refused_part_is_a_dead_letter_and_the_rest_of_its_record_is_kept() -> None:
    """The dead letter holds the part alone, and says where it was."""
    stage = Stage()

    stage.route(b"web 0\nno way\ndb 5")

    first, letter, second, _ = stage.transactions.committed[0]
    assert [first.key, second.key] == [b"web", b"db"]
    assert (letter.topic, letter.value) == ("dead", b"no way")
    headers = dict(letter.headers)
    assert (headers["reason"], headers["detail"]) == (b"bad-line", b"line 2: found 'no'")
    assert stage.reached() == [RouterProgress(1, 5)]


def test_progress_covers_offsets_without_records() -> None:
    """Markers of the input's own transactions are not read again."""
    stage = Stage()
    batch = batch_of(stage.positions, PLACE, [b"a 0"])
    batch.end = 7
    asyncio.run(stage.router.take(batch))
    assert stage.reached() == [RouterProgress(7, 0)]
    assert stage.positions.next(PLACE) == 7


def test_event_time_goes_on_from_that_of_the_former_owner() -> None:
    """Revisions and bad records do not take it back."""
    stage = Stage(event_ms=90_000)
    stage.route(b"a 60000")
    stage.route(b"bad", base=1)
    stage.route(b"a 120000", base=2)
    stage.route(b"a 60000", base=3)
    assert stage.reached() == [
        RouterProgress(1, 90_000),
        RouterProgress(2, 90_000),
        RouterProgress(3, 120_000),
        RouterProgress(4, 120_000),
    ]


def test_without_a_good_record_there_is_no_event_time() -> None:
    """None is not zero."""
    stage = Stage()
    stage.route(b"bad")
    assert stage.reached() == [RouterProgress(1, None)]


def test_nothing_is_done_before_it_is_committed() -> None:
    """The position moves, and progress may be told, after that."""
    stage = Stage()
    stage.told_event_ms()
    stage.transactions.holds_back = True

    async def run() -> None:
        routing = asyncio.create_task(stage.taking(b"a 60000", b"bad"))
        await run_on()
        assert len(stage.transactions.held) == 1
        assert stage.positions.next(PLACE) == 0
        stage.clock.now_s += 1
        assert stage.told_event_ms() == []
        stage.transactions.commit_held()
        await routing

    asyncio.run(run())
    assert stage.positions.next(PLACE) == 2
    assert stage.told_event_ms() == [60_000]


def test_a_transaction_that_fails_is_an_error() -> None:
    """It is raised, and the position stays."""
    stage = Stage()
    stage.transactions.error = TransactionError("gone")
    with pytest.raises(TransactionError, match=r"^gone$"):
        stage.route(b"a 60000")
    assert stage.positions.next(PLACE) == 0


def test_nothing_is_open_while_the_registry_is_waited_for() -> None:
    """The outage ends after growing pauses; then all of the batch is one transaction."""
    stage = Stage(source=LineSource(outages=8))
    stage.route(b"a 0", b"b 0")
    assert stage.pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    assert stage.source.asked == [0] * 9 + [1]
    assert len(stage.transactions.committed) == 1
    assert [record.key for record in stage.transactions.records("log")] == [b"a", b"b"]
    assert stage.positions.next(PLACE) == 2


def test_an_outage_in_the_middle_of_a_batch_keeps_what_was_decoded_before() -> None:
    """Each record is in the transaction once, in its order; dead letters as well."""
    stage = Stage()
    stage.source.outage_at = 2
    stage.route(b"a 0", b"bad", b"b 0", b"c 0")
    assert [record.topic for record in stage.transactions.committed[0]] == [
        "log",
        "dead",
        "log",
        "log",
        "progress",
    ]
    assert stage.source.asked == [0, 1, 2, 2, 3]


def test_a_partition_lost_while_waiting_is_left_to_others() -> None:
    """Nothing of the batch is written, and the position is not ours any more."""
    stage = Stage(source=LineSource(outages=100), closed_after_pauses=3)
    stage.route(b"a 0")
    assert len(stage.pauses) == 3
    assert stage.transactions.committed == []
    assert stage.positions.next(PLACE) == 0


def test_a_partition_lost_during_a_commit_is_left_as_it_is() -> None:
    """The position may be another router's by the time the transaction is through."""
    stage = Stage()
    stage.transactions.holds_back = True

    async def run() -> None:
        routing = asyncio.create_task(stage.taking(b"a 0"))
        await run_on()
        stage.router.close()
        stage.transactions.commit_held()
        await until_done(routing)

    asyncio.run(run())
    assert stage.positions.next(PLACE) == 0


def test_records_done_before_are_not_routed_again() -> None:
    """A batch fetched again after a rebalance."""
    stage = Stage(positions=positions_at({PLACE: 1}))
    stage.route(b"a 0", b"b 0")
    assert [record.key for record in stage.transactions.records("log")] == [b"b"]


def test_a_batch_fetched_before_a_seek_is_thrown_away() -> None:
    """It would be routed twice."""
    stage = Stage()
    stale = batch_of(stage.positions, PLACE, [b"a 0"])
    stage.positions.seek([PLACE])
    asyncio.run(stage.router.take(stale))
    assert stage.transactions.committed == []


def test_no_commit_begins_while_partitions_change_hands() -> None:
    """Neither of a batch nor of a mark; both go on when they may."""
    stage = Stage()

    async def run() -> None:
        await stage.gate.shut(1.0)
        routing = asyncio.create_task(stage.taking(b"a 0"))
        telling = asyncio.create_task(stage.router.tell(Progress(INPUT, None, False)))
        await run_on()
        assert stage.transactions.committed == []
        stage.gate.open(stage.gate.shuts)
        await asyncio.gather(routing, telling)

    asyncio.run(run())
    assert sorted(len(records) for records in stage.transactions.committed) == [2, 2]


def test_a_partition_lost_while_partitions_change_hands_writes_nothing() -> None:
    """Its new owner has fenced us by then."""
    stage = Stage()

    async def run() -> None:
        await stage.gate.shut(1.0)
        routing = asyncio.create_task(stage.taking(b"a 0"))
        telling = asyncio.create_task(stage.router.tell(Progress(INPUT, None, False)))
        await run_on()
        stage.router.close()
        stage.gate.open(stage.gate.shuts)
        await asyncio.gather(routing, telling)

    asyncio.run(run())
    assert stage.transactions.committed == []
    assert stage.positions.next(PLACE) == 0


def test_marks_and_batches_do_not_meet_in_one_transaction() -> None:
    """A producer has one at a time."""
    stage = Stage()
    stage.transactions.holds_back = True

    async def run() -> None:
        routing = asyncio.create_task(stage.taking(b"a 0"))
        telling = asyncio.create_task(stage.router.tell(Progress(INPUT, None, False)))
        await run_on()
        assert len(stage.transactions.held) == 1
        stage.transactions.commit_held()
        await run_on()
        assert len(stage.transactions.held) == 1
        stage.transactions.commit_held()
        await asyncio.gather(routing, telling)

    asyncio.run(run())
    assert [len(records) for records in stage.transactions.committed] == [2, 2]


def test_a_mark_goes_to_every_partition_of_the_log_in_one_transaction() -> None:
    """Without a key, with the number of partitions of the topic, and the time by our clock."""
    stage = Stage(log_partitions=2)
    mark = ProgressMark(INPUT, 3, 60_000, True, 1_600_500)
    assert stage.tell(Progress(INPUT, 60_000, True)) == [(0, None, mark), (1, None, mark)]
    assert len(stage.transactions.committed) == 1
    assert stage.reached() == [RouterProgress(0, None)]


def test_a_mark_tells_the_progress_of_the_last_batch_again() -> None:
    """Also when a partition has no records: its progress would be nowhere, and be looked for everywhere."""
    stage = Stage()
    stage.route(b"a 60000")
    stage.tell(Progress(INPUT, 60_000, False))
    assert stage.reached() == [RouterProgress(1, 60_000)] * 2


def test_a_partition_is_known_to_exist_before_kafka_says_how_many_there_are() -> None:
    """Metadata may be older than the partition."""
    stage = Stage()
    (sent,) = stage.tell(Progress(INPUT, None, False), partitions=0)
    assert sent[2] == ProgressMark(INPUT, 1, None, False, 1_600_500)
