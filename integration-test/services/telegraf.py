"""A real Telegraf, built from its Go module once; needs Go."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from services.maven import cache_folder

__all__ = ["Telegraf", "telegraf_program"]

VERSION = "1.37.2"
_PLUGINS = (
    "inputs.cpu",
    "inputs.mem",
    "inputs.diskio",
    "inputs.net",
    "outputs.kafka",
    "serializers.influx",
)
_BUILD_TIMEOUT_S = 1500
_ENDS_WITHIN_S = 20.0

_CONFIGURATION = """[agent]
interval = "{every_s}s"
flush_interval = "{every_s}s"
hostname = "{host}"
[[inputs.cpu]]
[[inputs.mem]]
[[inputs.diskio]]
[[inputs.net]]
ignore_protocol_stats = true
[[outputs.kafka]]
brokers = ["{bootstrap}"]
topic = "{topic}"
routing_tag = "host"
data_format = "influx"
"""


def telegraf_program() -> Path:
    """Return the program, built with the plug-ins of our mapping alone unless it is there already."""
    program = cache_folder().absolute() / "telegraf" / VERSION / "telegraf"
    if program.exists():
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as directory:
        module = f"github.com/influxdata/telegraf/cmd/telegraf@v{VERSION}"
        tags = ",".join(["custom", *_PLUGINS])
        subprocess.run(
            ["go", "install", "-trimpath", "-ldflags=-s -w", "-tags", tags, module],
            env=os.environ | {"GOBIN": directory},
            check=True,
            timeout=_BUILD_TIMEOUT_S,
        )
        shutil.move(Path(directory) / "telegraf", program)
    return program


class Telegraf:
    """Writes this machine's metrics to Kafka; use it as a context, at whose end it has sent all it read.

    Parameters
    ----------
    bootstrap, topic : str
        Where to.
    host : str
        What it calls this machine.
    every_s : int
        How often it reads, seconds.
    folder : Path
        For its configuration and what it prints.
    """

    def __init__(self, bootstrap: str, topic: str, host: str, every_s: int, folder: Path) -> None:
        self._log = folder / "telegraf.log"
        self._configuration = folder / "telegraf.conf"
        self._configuration.write_text(
            _CONFIGURATION.format(bootstrap=bootstrap, topic=topic, host=host, every_s=every_s),
            encoding="utf-8",
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Telegraf:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(telegraf_program()), "--config", str(self._configuration)],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def output(self) -> str:
        """Return all it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")
