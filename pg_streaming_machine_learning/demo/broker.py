"""A Kafka cluster inside this process: librdkafka's own, which speaks the protocol on a loopback port."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from confluent_kafka import Producer

__all__ = ["PARTITIONS", "EmbeddedBroker"]

PARTITIONS = 4
"""Every topic of the embedded broker has so many partitions."""

_ANSWER_S = 10.0


class EmbeddedBroker:
    """A broker for the demo and for tests; use it as a context.

    It keeps about 5 MiB of each partition and drops what is older, compacts nothing, makes topics when they
    are first used and refuses to make them on request, and refuses commits during a rebalance. It runs
    transactions without what they are for: readers see records before the commit and after an abort, and
    an older writer is not fenced. What it shows of a worker that is killed is no proof.

    Parameters
    ----------
    topics : sequence of str
        Topics to be there from the start.

    Examples
    --------
    >>> with EmbeddedBroker(topics=["one"]) as broker:
    ...     host, _, port = broker.bootstrap.partition(":")
    >>> host
    '127.0.0.1'
    """

    def __init__(self, topics: Sequence[str] = ()) -> None:
        self._topics = tuple(topics)
        self._owner: Producer | None = None
        self._bootstrap = ""
        self.partitions = PARTITIONS

    def __enter__(self) -> EmbeddedBroker:
        # The address is replaced by that of the cluster the client starts.
        self._owner = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "localhost:1", "log_level": 0}
        )
        broker = next(iter(self._owner.list_topics(timeout=_ANSWER_S).brokers.values()))
        self._bootstrap = f"{broker.host}:{broker.port}"
        for topic in self._topics:
            self._owner.list_topics(topic, timeout=_ANSWER_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._owner = None  # the cluster ends with its client

    @property
    def bootstrap(self) -> str:
        """The broker's address, ``host:port``.

        Raises
        ------
        RuntimeError
            If the broker does not run.
        """
        if self._owner is None:
            raise RuntimeError("the embedded broker does not run: use it as a context")
        return self._bootstrap
