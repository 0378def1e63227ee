"""A real Apache Kafka, one node in KRaft mode, from Maven; needs Java 17 and Maven."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from services.maven import cache_folder, fetch_dependencies

__all__ = ["VERSIONS", "Kafka"]

VERSIONS = ("3.9.1", "4.1.0")

_READY_WITHIN_S = 60.0
_STOPPED_WITHIN_S = 20.0

_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxied},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""


class Kafka:
    """A broker on a free loopback port; use it as a context.

    Parameters
    ----------
    version : str
        One of `VERSIONS`.
    advertised_port : int, optional
        Port of a proxy before the second listener, `proxied_port`: who asks there for brokers is told of the
        proxy. The broker itself and those who ask at `bootstrap` are not behind it.
    properties : mapping of str to str, optional
        More of the broker's properties.
    java_options : sequence of str
        For the virtual machine.
    """

    def __init__(
        self,
        version: str,
        *,
        advertised_port: int | None = None,
        properties: Mapping[str, str] | None = None,
        java_options: Sequence[str] = ("-Xmx512m",),
    ) -> None:
        self.version = version
        self._port, self.proxied_port, controller = _free_ports(3)
        self._java_options = java_options
        self._folder = Path(tempfile.mkdtemp(prefix="pg-streaming-kafka-"))
        self._properties = self._folder / "server.properties"
        text = _PROPERTIES.format(
            port=self._port,
            proxied=self.proxied_port,
            advertised=self.proxied_port if advertised_port is None else advertised_port,
            controller=controller,
            data=self._folder / "data",
        )
        more = "".join(f"{name}={value}\n" for name, value in (properties or {}).items())
        self._properties.write_text(text + more, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Its address as librdkafka takes it."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Kafka:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # In one word: an id may begin with a dash, and would be taken for an option.
        format_storage = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
        format_storage += ["-c", str(self._properties)]
        subprocess.run(
            self._java(*format_storage), check=True, timeout=60, capture_output=True, cwd=self._folder
        )
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self._java(*self._java_options, "kafka.Kafka", str(self._properties)),
                cwd=self._folder,
                env=os.environ | {"LOG_DIR": str(self._folder)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._await_ready()

    def stop(self, number: int = signal.SIGTERM, within_s: float = _STOPPED_WITHIN_S) -> None:
        """Stop it with a signal, SIGKILL as ``kill -9`` does; by force if it takes too long."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _java(self, *arguments: str) -> list[str]:
        kafka = "org.apache.kafka"
        libs = fetch_dependencies(
            cache_folder() / "kafka" / self.version,
            f"{kafka}:kafka_2.13:{self.version}",
            f"{kafka}:kafka-tools:{self.version}",
            "org.slf4j:slf4j-simple:1.7.36",
        )
        return ["java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{libs}/*", *arguments]

    def _await_ready(self) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        deadline_s = time.monotonic() + _READY_WITHIN_S
        while time.monotonic() < deadline_s and self._process is not None and self._process.poll() is None:
            try:
                admin.list_topics(timeout=1)
            except KafkaException:
                continue
            return
        output = (self._folder / "output").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"Kafka {self.version} was not ready, it said:\n{output[-5000:]}")


def _free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
