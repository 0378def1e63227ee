"""Send a script's messages to their topics, in the order of time and at a pace."""

from __future__ import annotations

import threading
import time
from collections import Counter

from confluent_kafka import KafkaError, Producer
from confluent_kafka import Message as KafkaMessage

from pg_streaming_machine_learning.demo.bad_records import BAD_RECORDS, bad_records
from pg_streaming_machine_learning.demo.pace import Pace
from pg_streaming_machine_learning.demo.revisions import GRID
from pg_streaming_machine_learning.demo.script import Script, Step
from pg_streaming_machine_learning.demo.unread import Place, Unread
from pg_streaming_machine_learning.errors import DemoError
from pg_streaming_machine_learning.testbed.messages import LINES_TOPIC, SPANS_TOPIC, Message

__all__ = ["Replay"]

MOST_AHEAD_MS = 5 * 60_000
"""Event time the replay may be ahead of the predictions: the log in between fits into the embedded broker."""

MOST_UNREAD_BYTES = 6_000_000
"""What may wait in a partition of the input: compressed, about a third of what the embedded broker keeps."""

HELD_STEP_S = 1.0
"""While held back, a step goes out this often: an input that stands still looks idle, and closes windows."""

MOST_QUEUED = 20_000
"""Records the producer may hold; it takes at most 100,000."""

_GAUGES = (b"cpu,", b"mem,")
_LOOK_EVERY_S = 0.05
_FLUSH_TIMEOUT_S = 30.0


class Replay(threading.Thread):
    """Send all steps from a thread of its own, and a bad record now and then.

    Parameters
    ----------
    script : Script
        What to send.
    bootstrap : str
        Where to.
    partitions : int
        How many each topic has.
    unread : Unread
        How far the worker is behind; closed at the end.
    speed : float
        Recorded seconds per second, 0 for as fast as the worker takes it.
    is_live : bool
        Whether the script goes on by itself: then nothing is held back.

    Attributes
    ----------
    predicted_to_ms : int
        Set by the owner: event time that the predictions have come to.
    hold_at_ms : int or None
        Set by the owner: event time that is not to be passed for now.
    replayed_to_ms, messages_sent, bytes_sent, bad_sent : int
        Progress: event time, messages, bytes of their values, bad records.
    windows_sent : int
        Windows of a host that something was sent for.
    expected : int or None
        Predictions that must come, known at the end.
    error : Exception or None
        Why it ended early.

    Notes
    -----
    All that a host sends goes into one partition of each topic, that of its number, whether it has a key or
    not: which partition a reporter without keys would choose is not its users' business, and so every run
    sends the same.
    """

    def __init__(
        self,
        script: Script,
        bootstrap: str,
        partitions: int,
        unread: Unread,
        speed: float,
        is_live: bool = False,
    ) -> None:
        super().__init__(name="replay", daemon=True)
        self._script = script
        self._partitions = partitions
        self._unread = unread
        self._pace = Pace(0.0 if is_live else speed)
        self._is_live = is_live
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
        self._sent: Counter[Place] = Counter()
        self._sent_bytes: Counter[Place] = Counter()
        self._samples: set[tuple[int, int]] = set()
        self._failures: list[KafkaError] = []
        self.predicted_to_ms = script.start_ms
        self.hold_at_ms: int | None = None
        self.replayed_to_ms = script.start_ms
        self.messages_sent = 0
        self.bytes_sent = 0
        self.bad_sent = 0
        self.expected: int | None = None
        self.error: Exception | None = None

    @property
    def windows_sent(self) -> int:
        """Return for how many windows of a host something was sent."""
        return len(self._samples)

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
        for step in self._script.steps():
            self._wait_for(step)
            if self._stopping.is_set():
                return
            self._send(step)
            self._check()
        if self._producer.flush(_FLUSH_TIMEOUT_S) > 0:
            raise DemoError(f"the embedded broker did not take all records within {_FLUSH_TIMEOUT_S:g} s")
        self._check()
        self.expected = len(self._samples)

    def _wait_for(self, step: Step) -> None:
        """Wait until a step is due, and longer while the worker is far behind."""
        now_s = time.monotonic()
        self._stopping.wait(self._pace.wait_s(step.at_ms - self.replayed_to_ms, now_s))
        held_until_s = time.monotonic() + (0.0 if self._is_live else HELD_STEP_S)
        while time.monotonic() < held_until_s and self._is_held(step) and not self._stopping.is_set():
            self._stopping.wait(_LOOK_EVERY_S)

    def _is_held(self, step: Step) -> bool:
        if step.at_ms - self.predicted_to_ms > MOST_AHEAD_MS:
            return True
        if self.hold_at_ms is not None and step.at_ms > self.hold_at_ms:
            return True
        return self._unread_bytes() > MOST_UNREAD_BYTES

    def _unread_bytes(self) -> float:
        """Return what waits in the partition where most does; its records are taken to be of one size."""
        unread = self._unread.of(self._sent, time.monotonic())
        return max(
            (count * self._sent_bytes[place] / self._sent[place] for place, count in unread.items()),
            default=0,
        )

    def _send(self, step: Step) -> None:
        for message in step.messages:
            self._produce(message.topic, message.service, message.key, message.value, message.timestamp_ms)
            self.messages_sent += 1
            self.bytes_sent += len(message.value)
            self._note_windows(message)
        self._send_bad(step)
        self._producer.poll(0)
        self.replayed_to_ms = step.at_ms

    def _note_windows(self, message: Message) -> None:
        """Note the windows that a reading falls into: each becomes a prediction."""
        if message.topic == LINES_TOPIC and message.value.startswith(_GAUGES):
            held = GRID.holding(message.timestamp_ms)
            self._samples.update((message.service, window.start_ms) for window in held)

    def _send_bad(self, step: Step) -> None:
        """Send the next bad records if their time has come: they are spread over replay and hosts."""
        while step.messages and self.bad_sent < BAD_RECORDS and step.at_ms >= self._bad_due_ms():
            number = self.bad_sent % len(self._script.hosts)
            at_ms = step.messages[-1].timestamp_ms
            record = bad_records(self._script.hosts[number], at_ms)[self.bad_sent]
            key = None if record.topic == SPANS_TOPIC else self._script.hosts[number].encode()
            self._produce(record.topic, number, key, record.value, at_ms)
            self.bad_sent += 1

    def _bad_due_ms(self) -> int:
        span_ms = self._script.end_ms - self._script.start_ms
        return self._script.start_ms + span_ms * (self.bad_sent + 1) // (BAD_RECORDS + 1)

    def _produce(self, topic: str, number: int, key: bytes | None, value: bytes | None, at_ms: int) -> None:
        while len(self._producer) >= MOST_QUEUED:
            self._producer.poll(0.1)
        partition = number % self._partitions
        self._producer.produce(
            topic, value, key, partition=partition, timestamp=at_ms, on_delivery=self._delivered
        )
        self._sent[topic, partition] += 1
        self._sent_bytes[topic, partition] += len(value or b"")

    def _delivered(self, error: KafkaError | None, _message: KafkaMessage) -> None:
        if error is not None:
            self._failures.append(error)

    def _check(self) -> None:
        if self._failures:
            raise DemoError(f"the embedded broker refused a record: {self._failures[0].str()}")
