"""Send a recording's revisions to the input topic, in event-time order and at a pace."""

from __future__ import annotations

import threading
import time
from collections import Counter

from confluent_kafka import KafkaError, Message, Producer

from pg_streaming_machine_learning.demo.bad_records import BAD_RECORDS, bad_records
from pg_streaming_machine_learning.demo.encoding import WindowEncoder
from pg_streaming_machine_learning.demo.pace import Pace
from pg_streaming_machine_learning.demo.revisions import RecordedWindows, Step
from pg_streaming_machine_learning.demo.unread import Unread
from pg_streaming_machine_learning.errors import DemoError

__all__ = ["Replay"]

MOST_AHEAD_MS = 30 * 60_000
"""Event time the replay may be ahead of the predictions: the log in between fits into the embedded broker."""

MOST_UNREAD = 12_000
"""Records that may wait in a partition of the input: about a third of what the embedded broker keeps."""

HELD_STEP_S = 1.0
"""While held back, a step goes out this often: an input that stands still looks idle, and closes windows."""

MOST_QUEUED = 20_000
"""Records the producer may hold; it takes at most 100,000."""

_LOOK_EVERY_S = 0.05
_FLUSH_TIMEOUT_S = 30.0


class Replay(threading.Thread):
    """Send all steps from a thread of its own, and a bad record now and then.

    Parameters
    ----------
    windows : RecordedWindows
        What to send.
    encoder : WindowEncoder
        How.
    bootstrap, topic : str
        Where to.
    unread : Unread
        How far the worker is behind; closed at the end.
    speed : float
        Recorded seconds per second, 0 for as fast as the worker takes it.

    Attributes
    ----------
    predicted_to_ms : int
        Set by the owner: event time that the predictions have come to.
    hold_at_ms : int or None
        Set by the owner: event time that is not to be passed for now.
    replayed_to_ms, updates_sent, windows_sent, bad_sent : int
        Progress: event time, revisions, windows sent for the last time, bad records.
    expected : int or None
        Predictions that must come, known at the end.
    error : Exception or None
        Why it ended early.
    """

    def __init__(
        self,
        windows: RecordedWindows,
        encoder: WindowEncoder,
        bootstrap: str,
        topic: str,
        unread: Unread,
        speed: float,
    ) -> None:
        super().__init__(name="replay", daemon=True)
        self._windows = windows
        self._encoder = encoder
        self._topic = topic
        self._unread = unread
        self._pace = Pace(speed)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "acks": "all",
                "compression.type": "gzip",
                "linger.ms": 20,
                "log_level": 0,
            }
        )
        self._stopping = threading.Event()
        self._sent: Counter[int] = Counter()
        self._failures: list[KafkaError] = []
        self.predicted_to_ms = windows.start_ms
        self.hold_at_ms: int | None = None
        self.replayed_to_ms = windows.start_ms
        self.updates_sent = 0
        self.windows_sent = 0
        self.bad_sent = 0
        self.expected: int | None = None
        self.error: Exception | None = None

    def run(self) -> None:
        """Send everything; an error is kept for the owner."""
        try:
            self._send_all()
        except Exception as error:
            self.error = error
        finally:
            self._unread.close()

    def stop(self) -> None:
        """End early, and wait for the thread."""
        self._stopping.set()
        if self.is_alive():
            self.join()

    def _send_all(self) -> None:
        samples: set[tuple[str, int]] = set()
        for step in self._windows.steps():
            self._wait_for(step)
            if self._stopping.is_set():
                return
            self._send(step)
            samples.update((revision.host, revision.window_start_ms) for revision in step.revisions)
            self._check()
        if self._producer.flush(_FLUSH_TIMEOUT_S) > 0:
            raise DemoError(f"the embedded broker did not take all records within {_FLUSH_TIMEOUT_S:g} s")
        self._check()
        self.expected = len(samples)

    def _wait_for(self, step: Step) -> None:
        """Wait until a step is due, and longer while the worker is far behind."""
        now_s = time.monotonic()
        self._stopping.wait(self._pace.wait_s(step.at_ms - self.replayed_to_ms, now_s))
        held_until_s = time.monotonic() + HELD_STEP_S
        while self._is_held(step) and time.monotonic() < held_until_s and not self._stopping.is_set():
            self._stopping.wait(_LOOK_EVERY_S)

    def _is_held(self, step: Step) -> bool:
        if step.at_ms - self.predicted_to_ms > MOST_AHEAD_MS:
            return True
        if self.hold_at_ms is not None and step.at_ms > self.hold_at_ms:
            return True
        return self._unread.most(self._sent, time.monotonic()) > MOST_UNREAD

    def _send(self, step: Step) -> None:
        for revision in step.revisions:
            window = self._encoder.encode(revision)
            self._produce(window.partition, window.key, window.value, step.at_ms)
            self.updates_sent += 1
            self.windows_sent += revision.is_final
        self._send_bad(step)
        self._producer.poll(0)
        self.replayed_to_ms = step.at_ms

    def _send_bad(self, step: Step) -> None:
        """Send the next bad records if their time has come: they are spread over replay and partitions."""
        while step.revisions and self.bad_sent < BAD_RECORDS and step.at_ms >= self._bad_due_ms():
            revision = step.revisions[7 * self.bad_sent % len(step.revisions)]
            good = self._encoder.encode(revision)
            record = bad_records(good.key, good.value)[self.bad_sent]
            self._produce(good.partition, record.key, record.value, step.at_ms)
            self.bad_sent += 1

    def _bad_due_ms(self) -> int:
        span_ms = self._windows.end_ms - self._windows.start_ms
        return self._windows.start_ms + span_ms * (self.bad_sent + 1) // (BAD_RECORDS + 1)

    def _produce(self, partition: int, key: bytes | None, value: bytes | None, at_ms: int) -> None:
        while len(self._producer) >= MOST_QUEUED:
            self._producer.poll(0.1)
        self._producer.produce(
            self._topic, value, key, partition=partition, timestamp=at_ms, on_delivery=self._delivered
        )
        self._sent[partition] += 1

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failures.append(error)

    def _check(self) -> None:
        if self._failures:
            raise DemoError(f"the embedded broker refused a record: {self._failures[0].str()}")
