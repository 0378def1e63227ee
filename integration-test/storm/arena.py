"""Where storms take place: a broker with a proxy before it, a registry, and a nursery for workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pg_streaming_machine_learning.demo.registry import DemoRegistry
from services.kafka import Kafka
from storm.nursery import Nursery
from storm.proxy import Proxy

__all__ = ["Arena", "arena"]

_PROPERTIES = {
    "group.min.session.timeout.ms": "1000",
    # A broker that was killed may come back at once: as it comes, its own controller takes it for a stranger
    # until the session of the one before has run out, nine seconds.
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "200",
    "transaction.state.log.num.partitions": "4",
    "log.cleaner.backoff.ms": "300",
    "log.cleaner.threads": "1",
}
_JAVA_OPTIONS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@dataclass(frozen=True)
class Arena:
    """What storms share.

    Parameters
    ----------
    kafka : Kafka
        The broker.
    proxy : Proxy
        Before it; workers know no other address.
    registry_url : str
        A registry that works.
    nursery : Nursery
        Where workers come from.
    session_s : int
        `SESSION_TIMEOUT_S` of the workers.
    """

    kafka: Kafka
    proxy: Proxy
    registry_url: str
    nursery: Nursery
    session_s: int

    @property
    def proxied(self) -> str:
        """The broker's address for workers."""
        return f"127.0.0.1:{self.proxy.port}"


@contextmanager
def arena(version: str, *, session_s: int, fresh: bool) -> Iterator[Arena]:
    """Set all of it up.

    Parameters
    ----------
    version : str
        Of Kafka.
    session_s : int
        `SESSION_TIMEOUT_S` of the workers.
    fresh : bool
        Whether each worker gets a fresh interpreter (`Nursery`).
    """
    with ExitStack() as stack:
        nursery = stack.enter_context(Nursery(fresh=fresh))
        proxy = stack.enter_context(Proxy())
        kafka = Kafka(version, advertised_port=proxy.port, properties=_PROPERTIES, java_options=_JAVA_OPTIONS)
        proxy.target = kafka.proxied_port
        stack.enter_context(kafka)
        registry = stack.enter_context(DemoRegistry.start_in_thread())
        yield Arena(kafka, proxy, registry.url, nursery, session_s)
