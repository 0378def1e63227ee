"""Nothing lost, doubled or changed, whatever stops at whatever moment: workers against Kafka in memory.

Engines, owners, assignment, recovery and snapshots are the real ones; Kafka is `tests.streams.memory`.
Hypothesis looks for an order of events after which a reader would see something else than of an undisturbed
run. Workers that do one thing wrong (`tests.streams.mutants`) show that it would find it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar, NoReturn

import pytest
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import SnapshotError, TransactionError
from pg_streaming_machine_learning.state import layout
from pg_streaming_machine_learning.state.generation import FROM_LOG, GenerationOrder
from pg_streaming_machine_learning.state.layout import (
    GENERATION_KEY,
    PROGRESS_KEY,
    StateRecord,
    StoredState,
    named_place,
    snapshot_records,
)
from pg_streaming_machine_learning.state.progress import EngineProgress
from pg_streaming_machine_learning.streams import ending, engine
from pg_streaming_machine_learning.streams.batch import TopicPlace
from pg_streaming_machine_learning.streams.transactions import Outgoing
from tests.logs import busy_log, config
from tests.state_digest import part_digests
from tests.streams.memory import STEPS, MemoryBroker
from tests.streams.mutants import MUTANTS, SIGNER
from tests.streams.process import MemoryProcess, Stop, ended_process
from tests.streams.stand_ins import encoded
from tests.streams.still_loop import StillLoop
from tests.streams.undisturbed import Undisturbed

PARTITIONS = (0, 1)
SETTINGS = Settings(
    application_id="app",
    input_topic="input",
    log_topic="log",
    log_partitions=len(PARTITIONS),
    predictions_topic="predictions",
    state_topic="state",
    snapshot_every_updates=8,
    snapshot_every_s=30,
)
MOST_PROCESSES = 3

DISTURBANCES = ("kill", "kill", "time out", "time out", "abort", "leave open", "learn again", "go back")
"""What happens besides rebalances: to processes, their transactions, the log's writers, the model."""

BEFORE_THE_FIRST_WINDOW_CLOSES = 10
"""Records of the log."""

WHICH = st.integers(0, MOST_PROCESSES)
PARTITION = st.sampled_from(PARTITIONS)
OWNERSHIP = st.sampled_from([{0, 1}, {0}, {1}, {0, 1}, set()])
COUNT = st.integers(1, 16)
PAUSE_S = st.sampled_from([0, 1, 30])
SKIP = st.sampled_from([0, 0, 0, 1, 2])
STOP_AT_START = st.just(None) | st.builds(Stop, st.sampled_from(STEPS[:2]), SKIP, st.booleans())
STOP_AT_WORK = st.just(None) | st.builds(Stop, st.sampled_from(STEPS[2:]), SKIP, st.booleans())


class ExactlyOnce(RuleBasedStateMachine):
    """Records come, processes work, stop, die and replace each other."""

    process_class: ClassVar[type[MemoryProcess]] = MemoryProcess
    most_orders: ClassVar[int] = 3

    def __init__(self) -> None:
        super().__init__()
        self.loop = StillLoop()
        self.broker = MemoryBroker()
        self.processes: list[MemoryProcess] = []
        self.started = 0
        self.orders: dict[int, bytes | None] = {}
        self.undisturbed = [Undisturbed(self.broker, number, self.orders) for number in PARTITIONS]
        self.scripts: list[list[bytes]] = []
        self.story: list[str] = []
        self.has_failed = False

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        """Choose what the log will hold, and start the first process."""
        self.scripts = [[encoded(each) for each in busy_log(60, seed + number)] for number in PARTITIONS]
        self.rebalance(0, {*PARTITIONS}, None)
        for number in PARTITIONS:
            self.deliver(number, BEFORE_THE_FIRST_WINDOW_CLOSES, BEFORE_THE_FIRST_WINDOW_CLOSES, 1, None)

    @precondition(lambda self: self.owned())
    @rule(which=WHICH, new=COUNT, size=COUNT, pause_s=PAUSE_S, stop=STOP_AT_WORK)
    def deliver(self, which: int, new: int, size: int, pause_s: int, stop: Stop | None) -> None:
        """Let records come, and a process fetch some and work on them."""
        owned = self.owned()
        process, place = owned[which % len(owned)]
        self.route(place[1], new, "commit")
        self.tell(f"{pause_s} s later {process.name} fetches {size} of log[{place[1]}], {stopping(stop)}")
        self.loop.now_s += pause_s
        process.stop_at(stop)
        process.deliver(place, size)

    @precondition(lambda self: self.owned())
    @rule(which=WHICH, new=COUNT, size=COUNT, pause_s=PAUSE_S, stop=STOP_AT_WORK)
    def deliver_more(self, which: int, new: int, size: int, pause_s: int, stop: Stop | None) -> None:
        """Do so again: of all rules this one is to come most often."""
        self.deliver(which, new, size, pause_s, stop)

    @rule(which=WHICH, partitions=OWNERSHIP, stop=STOP_AT_START)
    def rebalance(self, which: int, partitions: set[int], stop: Stop | None) -> None:
        """Let a process, maybe a new one, hear what is its own; others may not have heard of it."""
        if which >= len(self.processes) and len(self.processes) < MOST_PROCESSES:
            self.start()
        if self.processes:
            process = self.processes[min(which, len(self.processes) - 1)]
            self.tell(f"{process.name} takes over {sorted(partitions)}, {stopping(stop)}")
            process.stop_at(stop)
            process.take_over([("log", number) for number in sorted(partitions)])

    @rule(what=st.sampled_from(DISTURBANCES), which=WHICH, partition=PARTITION, count=COUNT)
    def disturb(self, what: str, which: int, partition: int, count: int) -> None:
        """Let something else happen."""
        if what == "kill" and self.processes:
            process = self.processes[which % len(self.processes)]
            doing = ", ".join(step for step, _ in process.held) or "doing nothing"
            self.tell(f"{process.name} is killed, {doing}")
            process.die()
        elif what == "time out" and self.broker.open_writers():
            names = self.broker.open_writers()
            name = names[which % len(names)]
            self.tell(f"the broker aborts the transaction of {name}")
            self.broker.time_out(name)
        elif what in ("learn again", "go back") and len(self.orders) < self.most_orders:
            self.order(partition, is_kept=what == "go back")
        elif what in ("abort", "leave open"):
            self.route(partition, count, what)

    def order(self, partition: int, *, is_kept: bool) -> None:
        """Let an operator order a new generation: a model that is learned again, or the newest snapshot's."""
        number = 2 + len(self.orders)
        records = self.broker.read_state("state", partition)
        slots = StoredState.from_records(records).slots
        self.orders[number] = None
        kept: list[StateRecord] = []
        model = FROM_LOG
        if is_kept and slots and slots[0].manifest is not None:
            model = named_place(f"kept-{number}")
            with suppress(SnapshotError):  # its chunks may be those of the next one already
                payload = slots[0].stored(2**20)
                self.orders[number] = slots[0].payload(2**20, SIGNER)
                kept = snapshot_records(model, slots[0].manifest, payload)
        order = GenerationOrder(number, model if kept else FROM_LOG, 0)
        records = [*kept, StateRecord(GENERATION_KEY, order.to_bytes())]
        self.broker.put([Outgoing("state", partition, each.key, each.value) for each in records])
        self.tell(f"generation {number} of partition {partition} is ordered, from {order.model}")

    def route(self, partition: int, count: int, end: str) -> None:
        """Let a router write to the log."""
        records = self.scripts[partition][:count]
        del self.scripts[partition][:count]
        name = f"router-{partition}-{end}"
        epoch = self.broker.fence(name)
        for value in records:
            self.broker.write(name, epoch, Outgoing("log", partition, None, value))
        if end == "commit":
            self.broker.commit(name, epoch)
        elif end == "abort":
            self.broker.fence(name)
        self.tell(f"a router writes {len(records)} records to log[{partition}]: {end}")

    def start(self) -> None:
        """Start a process, without partitions."""
        self.started += 1
        name = f"P{self.started}"
        self.processes.append(self.process_class(name, self.broker, self.loop, SETTINGS, config(), SIGNER))
        self.tell(f"{name} starts")

    def owned(self) -> list[tuple[MemoryProcess, TopicPlace]]:
        """Return which partitions processes believe to be theirs."""
        return [
            (process, ("log", number))
            for process in self.processes
            for number in PARTITIONS
            if ("log", number) in process.positions
        ]

    @precondition(lambda self: any(process.held for process in self.processes))
    @rule(which=WHICH, number=WHICH)
    def go_on(self, which: int, number: int) -> None:
        """Let a process go on where it was held, whatever has happened in between."""
        waiting = [process for process in self.processes if process.held]
        process = waiting[which % len(waiting)]
        self.tell(f"{process.name} goes on, held {process.held[number % len(process.held)][0]}")
        process.go_on(number)

    @invariant()
    def processes_end_only_for_good_reason(self) -> None:
        """Nothing but a transaction that did not come to its end ends a process."""
        for process in self.processes:
            if process.error is not None:
                self.tell(f"{process.name} ends: {process.error}")
                if not isinstance(process.error, TransactionError):
                    self.fail(f"{type(process.error).__name__} ends a process")
        self.processes = [process for process in self.processes if not process.is_dead]

    @invariant()
    def readers_see_a_prefix_of_the_undisturbed_outputs(self) -> None:
        """Up to the progress: each output once, in order, byte for byte; the state is the undisturbed one."""
        for partition in PARTITIONS:
            self.check(partition)

    def check(self, partition: int) -> None:
        """Compare a partition's outputs and progress with those of the undisturbed engine."""
        progress = [
            EngineProgress.from_bytes(record.value or b"")
            for _, record in self.broker.committed(("state", partition))
            if record.key == PROGRESS_KEY
        ]
        seen = [record for _, record in self.broker.committed(("predictions", partition))]
        undisturbed = self.undisturbed[partition]
        is_same = [undisturbed.is_at(each) for each in progress]
        if seen != undisturbed.outputs:
            self.fail(difference(seen, undisturbed.outputs))
        if not all(is_same):
            self.fail("another state")

    def teardown(self) -> None:
        """Let one process do all that is left; nothing may be missing then."""
        try:
            if self.scripts and not self.has_failed:
                self.settle()
        finally:
            for process in self.processes:
                process.die()
            self.loop.give_up()

    def settle(self) -> None:
        """Start anew, read everything, and compare outputs and state with those of the undisturbed engine."""
        for process in self.processes:
            process.die()
        for name in self.broker.open_writers():
            self.broker.time_out(name)
        self.tell("all are killed")
        self.processes = []
        self.rebalance(0, {*PARTITIONS}, None)
        (process,) = self.processes
        for partition in PARTITIONS:
            place = ("log", partition)
            self.loop.now_s += 1
            process.deliver(place, 10**6)
            self.processes_end_only_for_good_reason()
            undisturbed = self.undisturbed[partition]
            self.check(partition)
            undisturbed.read_on(self.broker.end(place))
            self.check(partition)
            host = process.assignment.host(place)
            assert host is not None
            found, wanted = part_digests(host.engine), part_digests(undisturbed.engine)
            differing = [name for name in wanted if found[name] != wanted[name]]
            if differing:
                self.fail(f"another state at the end: {', '.join(differing)}")

    def tell(self, line: str) -> None:
        """Remember what happened."""
        self.story.append(line)

    def fail(self, what: str) -> NoReturn:
        """Say what is wrong, and what led to it."""
        self.has_failed = True
        raise AssertionError("\n".join([what, *self.story]))


def stopping(stop: Stop | None) -> str:
    """Describe where a process is to stop."""
    return "does not stop" if stop is None else str(stop)


def difference(seen: list[Outgoing], wanted: list[Outgoing]) -> str:
    """Describe what is wrong with outputs."""
    ids = [record.headers for record in seen]
    contents = {record.headers: record for record in wanted}
    if len(ids) > len(set(ids)):
        return "doubled"
    if contents.keys() - set(ids):
        return "missing"
    if set(ids) - contents.keys():
        return "too many"
    return "divergent" if seen != [contents[each] for each in ids] else "out of order"


@pytest.fixture(autouse=True)
def _small_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snapshots have several chunks, in several transactions, and processes end without ours."""
    monkeypatch.setattr(layout, "CHUNK_BYTES", 1000)
    monkeypatch.setattr(engine, "TRANSACTION_BYTES", 2500)
    monkeypatch.setattr(ending, "end_process", ended_process)


def test_no_order_of_events_loses_doubles_or_changes_anything() -> None:
    """Workers stop, die, come late and replace each other at every step of a transaction."""
    run_state_machine_as_test(
        ExactlyOnce, settings=hypothesis_settings(max_examples=80, stateful_step_count=40, deadline=None)
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_each_way_to_do_it_wrong_is_found(mutant: type[MemoryProcess]) -> None:
    """By what it leads to. Otherwise it would mean nothing that nothing is found."""

    class Wrong(ExactlyOnce):
        process_class = mutant
        most_orders = 0

    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(Wrong, settings=LOOKING)
    assert str(found.value).splitlines()[0] in MUTANTS[mutant], str(found.value)


LOOKING = hypothesis_settings(
    max_examples=2000,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.generate,),
    database=None,
    derandomize=True,
    report_multiple_bugs=False,
    print_blob=False,
)
"""It is found sooner or later; the simplest example of it is not looked for."""
