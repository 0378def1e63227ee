"""Where records leave: Faust's producer, and what is needed of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol, cast

import faust

from pg_streaming_machine_learning.records.output import Output
from pg_streaming_machine_learning.streams.consumer import LosslessProducer

__all__ = ["Header", "Outlet", "ProducerOutlet", "stored"]

Header = tuple[str, bytes]


class Outlet(Protocol):
    """Takes records for topics."""

    async def send(
        self, output: Output, partition: int | None = None, headers: Sequence[Header] = ()
    ) -> Awaitable[Any]:
        """Take a record, after those taken before for the same partition.

        Returns
        -------
        awaitable
            Done when Kafka has stored the record.
        """


async def stored(sendings: Sequence[Awaitable[Any]]) -> None:
    """Wait until Kafka has stored everything sent; raise what kept it from that."""
    await asyncio.gather(*sendings)


class ProducerOutlet:
    """Sends through the producer of a Faust application.

    Parameters
    ----------
    app : faust.App
        The application; its producer has to be started when something is sent.
    """

    def __init__(self, app: faust.App) -> None:
        self._app = app

    async def send(
        self, output: Output, partition: int | None = None, headers: Sequence[Header] = ()
    ) -> Awaitable[Any]:
        """Take a record, after those taken before for the same partition."""
        producer = cast(LosslessProducer, self._app.producer)
        if output.key is None and output.value is None:
            place = 0 if partition is None else partition
            return cast("Awaitable[Any]", await producer.send_empty(output.topic, place, list(headers)))
        return await producer.send(
            output.topic, output.key, output.value, partition, None, list(headers) if headers else None
        )
