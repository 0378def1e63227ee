"""Whether commits may begin: not while partitions change hands, and not after the process was told to end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

__all__ = ["CommitGate"]


class CommitGate:
    """What every commit passes; a rebalance shuts it and waits for those inside.

    So nobody who keeps to the group's rules is fenced in the middle of a commit, only who missed one.
    `shuts` counts how often that was, `is_settled` says whether partitions were given out since, and `steps`
    counts what was done to take them over.

    Examples
    --------
    >>> async def use():
    ...     gate = CommitGate()
    ...     async with gate:
    ...         pass
    ...     await gate.shut(1.0)
    ...     return gate.is_open
    >>> asyncio.run(use())
    False
    """

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._inside = 0
        self.shuts = 0
        self.steps = 0
        self.is_settled = True
        self.is_over = False

    @property
    def is_open(self) -> bool:
        """Whether commits may begin."""
        return self._open.is_set()

    async def __aenter__(self) -> None:
        while not self._open.is_set():  # it may be shut again between waking up and running
            await self._open.wait()
        self._enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()

    @contextmanager
    def fencing(self) -> Iterator[None]:
        """Be waited for by a rebalance, though the gate is shut: who fences late fences the next owner."""
        self._enter()
        try:
            yield
        finally:
            self._leave()

    def settle(self) -> None:
        """Note that partitions were given out: whoever has them may be fenced."""
        self.is_settled = True

    def come_on(self) -> None:
        """Note that a step was done to take partitions over: it takes long, and does not stand still."""
        self.steps += 1

    async def shut(self, timeout_s: float) -> bool:
        """Let no commit begin, and wait for those under way; return whether all came to their end."""
        self.shuts += 1
        self.is_settled = False
        self._open.clear()
        try:
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        except asyncio.TimeoutError:
            return False
        return True

    def open(self, shuts: int) -> None:
        """Let commits begin again, unless it was shut again since `shuts` was read, or the end has come."""
        if shuts == self.shuts and not self.is_over:
            self._open.set()

    def _enter(self) -> None:
        self._inside += 1
        self._empty.clear()

    def _leave(self) -> None:
        self._inside -= 1
        if self._inside == 0:
            self._empty.set()

    def end(self) -> None:
        """Let no commit begin any more: the process is ending in order."""
        self.is_over = True
        self._open.clear()
