"""Upstream under a storm: a transactional writer at a steady pace, a tenth of whose batches is aborted."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from confluent_kafka import KafkaException, Producer

from services.upstream import Sent
from storm.encoding import Encoding
from storm.moments import HOSTS, final, moment

__all__ = ["Feeder"]

EVERY_S = 0.25
ABORTED = 0.1
_ANSWER_S = 10.0
_FAR = 20


class Feeder:
    """Sends one moment after the other, from a thread of its own; use it as a context.

    Parameters
    ----------
    bootstrap : str
        Where to; an address that no fault of the network is in front of.
    topic : str
        The input topic.
    partitions : int
        How many it has.
    schema_ids : (int, int)
        Ids of the schemas of keys and values.
    seed : int
        Of all that is made up.

    Attributes
    ----------
    aborted : float
        Share of the batches that are aborted.
    """

    def __init__(
        self, bootstrap: str, topic: str, partitions: int, schema_ids: tuple[int, int], seed: int
    ) -> None:
        self.aborted = ABORTED
        self.moments = 0
        self._bootstrap = bootstrap
        self._topic = topic
        self._partitions = partitions
        self._seed = seed
        self._rng = random.Random(f"{seed} feeder")
        self._producer: Producer | None = None
        self._encoding = Encoding(partitions, *schema_ids)
        self._extra: list[Sequence[Sent]] = []
        self._hold_s = 0.0
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._error: BaseException | None = None

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def write_with(self, schema_ids: tuple[int, int]) -> None:
        """Use other schemas from the next moment on."""
        encoding = Encoding(self._partitions, *schema_ids)
        with self._lock:
            self._encoding = encoding

    def burst(self, records: Sequence[Sent]) -> None:
        """Send records besides, scattered among those of the next moment."""
        with self._lock:
            self._extra.append(records)

    def hold_open(self, seconds: float) -> None:
        """Leave the next transaction open for a while in its middle."""
        with self._lock:
            self._hold_s = seconds

    def a_good_record(self) -> Sent:
        """Return a record like those that are sent, of the latest moment."""
        return next(iter(self._encoding.records(final(HOSTS[0], self.moments, self._seed))))

    def finish(self) -> None:
        """Send no more moments but one far behind the last, which closes all windows before it."""
        self._is_over.set()
        self._thread.join()
        if self._error is not None:
            raise RuntimeError("the feeder failed") from self._error
        last = [final(host, self.moments + _FAR, self._seed) for host in HOSTS]
        self._commit([record for window in last for record in self._encoding.records(window)], 0.0)

    def _run(self) -> None:
        next_s = time.monotonic()
        try:
            while not self._is_over.is_set():
                self._tell()
                next_s = max(next_s + EVERY_S, time.monotonic())
                self._is_over.wait(next_s - time.monotonic())
        except BaseException as error:
            self._error = error

    def _tell(self) -> None:
        with self._lock:
            encoding, extra, hold_s = self._encoding, self._extra, self._hold_s
            self._extra, self._hold_s = [], 0.0
        if self._rng.random() < self.aborted:
            self._abort(_records(encoding, self.moments, self._seed + 1))
        records = _records(encoding, self.moments, self._seed)
        for burst in extra:
            for record in burst:
                records.insert(self._rng.randrange(len(records) + 1), record)
        self._commit(records, hold_s)
        self.moments += 1

    def _commit(self, records: Sequence[Sent], hold_s: float) -> None:
        """Send records in a transaction, again and again until it is committed.

        Whether one was committed whose answer was lost is not known, and does not matter: what must come of
        the input is worked out from what lies in it.
        """
        deadline_s = time.monotonic() + 120
        while True:
            try:
                producer = self._ready()
                producer.begin_transaction()
                middle = len(records) // 2 if hold_s else 0
                self._produce(producer, records[:middle])
                if middle:
                    producer.flush(_ANSWER_S)
                    time.sleep(hold_s)
                self._produce(producer, records[middle:])
                producer.commit_transaction(_ANSWER_S)
            except (KafkaException, BufferError) as error:  # noqa: PERF203
                self._producer = None
                if time.monotonic() > deadline_s:
                    raise RuntimeError(f"upstream cannot write: {error}") from error
                time.sleep(0.2)
            else:
                return

    def _abort(self, records: Iterable[Sent]) -> None:
        """Send records in a transaction that is aborted."""
        try:
            producer = self._ready()
            producer.begin_transaction()
            self._produce(producer, records)
            producer.flush(_ANSWER_S)
            producer.abort_transaction(_ANSWER_S)
        except (KafkaException, BufferError):
            self._producer = None

    def _produce(self, producer: Producer, records: Iterable[Sent]) -> None:
        for record in records:
            producer.produce(self._topic, record.value, record.key, partition=record.partition)

    def _ready(self) -> Producer:
        if self._producer is None:
            producer = Producer(
                {
                    "bootstrap.servers": self._bootstrap,
                    "transactional.id": f"upstream-of-{self._topic}",
                    "transaction.timeout.ms": 20_000,
                    "linger.ms": 5,
                    "log_level": 0,
                }
            )
            with suppress(KafkaException):  # the next step says it, too
                producer.init_transactions(_ANSWER_S)
            self._producer = producer
        return self._producer


def _records(encoding: Encoding, number: int, seed: int) -> list[Sent]:
    return [record for window in moment(number, seed) for record in encoding.records(window)]
