"""The broker that a benchmark runs on: a real Kafka where Java and Maven are, else the embedded one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "integration-test"))

from pg_streaming_machine_learning.demo.broker import EmbeddedBroker
from services.kafka import VERSIONS, Kafka
from services.maven import missing

__all__ = ["BenchBroker", "start_broker"]


@dataclass(frozen=True)
class BenchBroker:
    """A broker that runs.

    Parameters
    ----------
    name : str
        Which one, for people.
    bootstrap : str
        Its address.
    data : Path or None
        Where it keeps its partitions, a folder each; None for the embedded one, which keeps them in memory.
    """

    name: str
    bootstrap: str
    data: Path | None

    @property
    def is_real(self) -> bool:
        """Whether it is a real Kafka."""
        return self.data is not None


@contextmanager
def start_broker() -> Iterator[BenchBroker]:
    """Start a broker for the time of a context; say which."""
    why = missing()
    if why is not None:
        print(f"embedded broker, as {why}: transactions cost less there, and hide nothing")
        with EmbeddedBroker() as embedded:
            yield BenchBroker("embedded broker", embedded.bootstrap, None)
        return
    with Kafka(VERSIONS[-1]) as kafka:
        print(f"Apache Kafka {kafka.version}, one node")
        yield BenchBroker(f"Apache Kafka {kafka.version}", kafka.bootstrap, kafka._folder / "data")
