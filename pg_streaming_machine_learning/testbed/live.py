"""The testbed as it runs: its messages at once, second by second, for whoever wants to see them now."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from pg_streaming_machine_learning.errors import RecordingError
from pg_streaming_machine_learning.testbed.customers import Customers
from pg_streaming_machine_learning.testbed.gathering import host_rows
from pg_streaming_machine_learning.testbed.lines import line_messages
from pg_streaming_machine_learning.testbed.load import plan_arrivals
from pg_streaming_machine_learning.testbed.messages import SPANS_TOPIC, Message
from pg_streaming_machine_learning.testbed.plan import RunPlan
from pg_streaming_machine_learning.testbed.processes import ShopProcesses
from pg_streaming_machine_learning.testbed.readings import Reading, ResourceMeter
from pg_streaming_machine_learning.testbed.shop import ENTRY, SERVICES

__all__ = ["USUAL_S", "LiveRun"]

USUAL_S = 20.0
"""From the requests of so many seconds it is learned what is usual; fewer if the first fault comes sooner."""

_KEPT_REPORTS = 10
_LONGEST_WAIT_MS = 3000
"""For so long the lines of a second wait for a service that reports late."""


class LiveRun(threading.Thread):
    """Run the shop under its load and faults, in a thread with an event loop of its own.

    Parameters
    ----------
    plan : RunPlan
        What the run is to be.
    directory : Path
        Where disk faults write.
    warm_up_s : int
        Load before the run starts, seconds; the services' first requests are slow.

    Attributes
    ----------
    start_ms : int
        When the run starts, milliseconds since the epoch; 0 until it is known.
    usual_ms : dict of str to list of float
        Response times of each service while nothing was wrong, milliseconds; whole once `is_measured`.
    error : Exception or None
        Why it ended early.
    """

    def __init__(self, plan: RunPlan, directory: Path, warm_up_s: int = 5) -> None:
        super().__init__(name="live-testbed", daemon=True)
        self.plan = plan
        self.start_ms = 0
        self.usual_ms: dict[str, list[float]] = {service: [] for service in SERVICES}
        self.error: Exception | None = None
        self._directory = directory
        self._warm_up_s = warm_up_s
        self._seconds: queue.SimpleQueue[list[Message] | None] = queue.SimpleQueue()
        self._measured = threading.Event()
        self._stopping = threading.Event()
        self._read: dict[str, int] = dict.fromkeys(SERVICES, 0)
        self._waiting: list[Reading] = []

    @property
    def is_measured(self) -> bool:
        """Say whether it is known what is usual.

        Raises
        ------
        Exception
            That for which the run ended early.
        """
        if self.error is not None:
            raise self.error
        return self._measured.is_set()

    def seconds(self) -> Iterator[list[Message]]:
        """Yield the messages of each second as they come, by their timestamps, until the run ends.

        Raises
        ------
        Exception
            That for which the run ended early.
        """
        while (messages := self._seconds.get()) is not None:
            yield messages
        if self.error is not None:
            raise self.error

    def run(self) -> None:
        """Run to the end; an error is kept for the owner."""
        try:
            asyncio.run(self._run())
        except Exception as error:
            self.error = error
        finally:
            self._seconds.put(None)

    def stop(self) -> None:
        """End early, and wait until every service has ended."""
        self._stopping.set()
        if self.is_alive():
            self.join()

    async def _run(self) -> None:
        plan = self.plan
        async with ShopProcesses(keeps_texts=True) as shop:
            load_start_ms = (time.time_ns() // 1_000_000_000 + 2) * 1000
            self.start_ms = load_start_ms + self._warm_up_s * 1000
            await shop.order(plan.faults, self.start_ms, plan.seed, self._directory)
            arrivals = plan_arrivals(plan.seed, self._warm_up_s + plan.minutes * 60)
            customers = Customers(shop.ports[ENTRY], arrivals)
            tasks = [
                asyncio.create_task(shop.listen()),
                asyncio.create_task(customers.run(load_start_ms)),
            ]
            try:
                await self._watch(shop)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, shop: ShopProcesses) -> None:
        """Send what came of each second, to the end of the run and a little longer: reports come late."""
        meter = ResourceMeter(shop.pids)
        end_ms = self.start_ms + self.plan.length_ms
        while (now_ms := time.time_ns() // 1_000_000) < end_ms + 1500 and not self._stopping.is_set():
            await asyncio.sleep(0.25 - time.time() % 0.25)
            if shop.ended:
                raise RecordingError(f"services ended early: {', '.join(shop.ended)}")
            at_ms = time.time_ns() // 1_000_000
            if at_ms // 1000 == now_ms // 1000:
                continue
            reading = meter.read(at_ms)
            if reading is not None and self.start_ms - 500 < at_ms < end_ms + 500:
                self._waiting.append(reading)
            messages = [*self._new_spans(shop, end_ms), *self._ready_lines(shop, at_ms)]
            if messages:
                self._seconds.put(sorted(messages, key=lambda each: each.timestamp_ms))
            if at_ms >= self.start_ms + 1000 * self._usual_s:
                self._measured.set()

    @property
    def _usual_s(self) -> float:
        return min(USUAL_S, self.plan.quiet_minutes * 60)

    def _new_spans(self, shop: ShopProcesses, end_ms: int) -> Iterator[Message]:
        """Yield the messages of spans that were reported since the last time."""
        for number, service in enumerate(SERVICES):
            reports = shop.reports[service]
            for report in reports[self._read[service] :]:
                if not self.start_ms + 500 < report.at_ms < end_ms + 500:
                    continue
                for text in report.texts:
                    yield Message(SPANS_TOPIC, None, text, report.at_ms, number)
                if not self._measured.is_set():
                    self.usual_ms[service] += (report.spans[:, 3] / 1000).tolist()
            del reports[:-_KEPT_REPORTS]
            self._read[service] = len(reports)

    def _ready_lines(self, shop: ShopProcesses, now_ms: int) -> Iterator[Message]:
        """Yield the lines of all seconds up to which every service has reported."""
        reported_ms = min(reports[-1].at_ms if reports else 0 for reports in shop.reports.values())
        while self._waiting and (
            self._waiting[0].at_ms <= reported_ms or self._waiting[0].at_ms < now_ms - _LONGEST_WAIT_MS
        ):
            reading = self._waiting.pop(0)
            row = host_rows(shop.reports, [reading])[0]
            yield from line_messages(SERVICES, reading.at_ms, row.tolist())
