"""Apicurio Registry, a foreign registry with Confluent's interface, from Maven; needs Java 17 and Maven."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.maven import cache_folder

VERSION = "2.6.13.Final"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
READY_WITHIN_S = 120.0
STOPPED_WITHIN_S = 20.0


@contextmanager
def apicurio() -> Iterator[str]:
    """Run the registry on a free loopback port, empty, in memory; yield the address of Confluent's interface.

    Its compatibility is NONE to begin with, unlike Confluent's; it is set to BACKWARD here.
    """
    jar = _unpacked()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HTTP_PORT": str(port)}
    command = ["java", "-Xmx384m", "-Dquarkus.http.host=127.0.0.1", "-jar", str(jar)]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=jar.parent, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            _await_ready(process, port, output.fileno())
            url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
            _put(f"{url}/config", b'{"compatibility": "BACKWARD"}')
            yield url
        finally:
            _stop(process)


def _unpacked() -> Path:
    """Return the registry's program, downloaded and unpacked if it has not been yet."""
    cache = cache_folder() / "apicurio"
    folder = cache / VERSION
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # Unpacked beside its place and moved there: an interrupted or parallel run leaves nothing half done.
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            target = Path(directory)
            copy = ["mvn", "-q", "-B", COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={target}"]
            subprocess.run(copy, cwd=target, check=True, timeout=600)
            with tarfile.open(next(target.glob("*.tar.gz"))) as archive:
                archive.extractall(target / "unpacked")
            try:
                (target / "unpacked").rename(folder)
            except OSError:
                if not folder.exists():
                    raise
    return next(folder.glob("*-runner.jar"))


def _await_ready(process: subprocess.Popen[bytes], port: int, output: int) -> None:
    deadline_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    said = os.pread(output, 100_000, 0).decode(errors="replace")
    raise RuntimeError(f"Apicurio was not ready within {READY_WITHIN_S:.0f} s, it said:\n{said}")


def _put(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        pass


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
