"""A new generation is ordered in the engine's name, everywhere, whoever gets in between."""

from __future__ import annotations

import pytest

from pg_streaming_machine_learning.operations.generations import next_generation, order_generation
from pg_streaming_machine_learning.operations.state_writer import FencedError
from pg_streaming_machine_learning.state.generation import GenerationOrder
from tests.operations.state_store import APPLICATION, NOW_MS, StateStore, trained


def order(store: StateStore, model: str = "log") -> GenerationOrder:
    """Order the next generation."""
    states = store.states()
    wanted = GenerationOrder(next_generation(states), model, NOW_MS)
    return order_generation(states, wanted, APPLICATION, store.open, store.read_on)


def orders(store: StateStore) -> list[GenerationOrder | None]:
    """Return the last order of each partition."""
    return [state.stored.generation for state in store.states()]


def test_all_partitions_get_the_same_order_in_the_name_of_their_engines() -> None:
    """A transaction each."""
    store = StateStore(partitions=2).at_work()
    written = order(store, "named/golden")
    assert written == GenerationOrder(2, "named/golden", NOW_MS)
    assert orders(store) == [written, written]
    assert [name for name, _ in store.transactions] == [
        f"{APPLICATION}-engine-0",
        f"{APPLICATION}-engine-1",
    ]
    assert [state.pending for state in store.states()] == [written, written]


def test_the_number_is_beyond_all_that_began_or_are_ordered() -> None:
    """In any partition."""
    store = StateStore(partitions=3)
    assert next_generation(store.states()) == 2
    store.put_progress(1, trained(10, generation=4), 10)
    store.put_order(2, 6, "log")
    assert next_generation(store.states()) == 7
    assert order(store).number == 7


def test_an_order_is_over_once_its_generation_has_begun() -> None:
    """It stays in the topic, and is not obeyed twice."""
    store = StateStore().at_work()
    order(store)
    store.put_progress(0, trained(240, generation=2), 240)
    assert store.states()[0].pending is None


def test_whoever_had_the_name_is_fenced_before_the_order() -> None:
    """The worker cannot write after it."""
    store = StateStore().at_work()
    worker = store.open(f"{APPLICATION}-engine-0")
    worker.fence()
    order(store)
    with pytest.raises(FencedError):
        worker.write({0: []})


def test_a_worker_that_takes_its_name_back_delays_the_order() -> None:
    """Started again between fencing and writing; partitions that have the order are left alone."""
    store = StateStore(partitions=2).at_work()
    interruptions = iter([f"{APPLICATION}-engine-1"] * 2)

    def interrupt(name: str) -> None:
        if name == f"{APPLICATION}-engine-1" and next(interruptions, None) is not None:
            store.open(name).fence()

    store.before_write = interrupt
    written = order(store)
    assert orders(store) == [written, written]
    assert [name.rpartition("-")[2] for name, _ in store.transactions] == ["0", "1"]


def test_a_generation_that_began_meanwhile_raises_the_number() -> None:
    """What is read after the fencing counts."""
    store = StateStore().at_work()
    states = store.states()
    store.put_progress(0, trained(240, generation=5), 240)
    wanted = GenerationOrder(next_generation(states), "log", NOW_MS)
    assert wanted.number == 2
    assert order_generation(states, wanted, APPLICATION, store.open, store.read_on).number == 6


def test_a_worker_that_never_lets_go_ends_it() -> None:
    """Not for ever."""
    store = StateStore().at_work()
    store.before_write = lambda name: store.open(name).fence()
    with pytest.raises(FencedError):
        order(store)
    assert orders(store) == [None]
