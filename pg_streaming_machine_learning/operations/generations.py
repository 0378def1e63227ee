"""Ordering a new generation of the model, in the name of the engine that has to begin it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pg_streaming_machine_learning.operations.state_writer import FencedError, OpenWriter, engine_writer
from pg_streaming_machine_learning.operations.stored_state import PartitionState, Tell, silent
from pg_streaming_machine_learning.state.generation import GenerationOrder
from pg_streaming_machine_learning.state.layout import GENERATION_KEY, StateRecord

__all__ = ["next_generation", "order_generation"]

ATTEMPTS = 10
"""A worker started again at the wrong moment takes its name back; no supervisor is that quick so often."""


def next_generation(states: Sequence[PartitionState]) -> int:
    """Return the number of the generation after all that began or are ordered in any partition."""
    return max((state.generation for state in states), default=0) + 1


def order_generation(
    states: Sequence[PartitionState],
    order: GenerationOrder,
    application: str,
    open_writer: OpenWriter,
    read_on: Callable[[PartitionState], PartitionState],
    tell: Tell = silent,
) -> GenerationOrder:
    """Order a new generation of the model in every partition, and have running workers end.

    Parameters
    ----------
    states : sequence of PartitionState
        What the partitions hold.
    order : GenerationOrder
        The generation; its number is raised if another began meanwhile.
    application : str
        Whose engines they are.
    open_writer : callable
        Makes the writer of a name.
    read_on : callable
        Reads what a partition holds by now.
    tell : callable
        Is told what is being done.

    Returns
    -------
    GenerationOrder
        As it was written.

    Raises
    ------
    FencedError
        If a worker took its name back again and again.

    Notes
    -----
    The engine's name is taken before anything is written: from then on the worker that had it cannot write,
    ends with exit code 75, and finds the order at its next start. If it is started in between, it takes the
    name back and the order fails; then it is tried again, for the partitions that do not have it yet.
    """
    waiting = list(states)
    for attempt in range(1, ATTEMPTS + 1):
        names = {state.partition: engine_writer(application, state.partition) for state in waiting}
        tell(f"taking the place of the workers of {application!r}")
        writers = {partition: open_writer(name) for partition, name in names.items()}
        try:
            for writer in writers.values():
                writer.fence()
            waiting = [read_on(state) for state in waiting]
            number = max(order.number, next_generation(waiting))
            order = GenerationOrder(number, order.model, order.ordered_ms)
            record = StateRecord(GENERATION_KEY, order.to_bytes())
            while waiting:
                partition = waiting[0].partition
                writers[partition].write({partition: [record]})
                del waiting[0]
        except FencedError:
            if attempt == ATTEMPTS:
                raise
        else:
            break
    return order
