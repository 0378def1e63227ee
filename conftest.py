"""What every test run shares: hypothesis without deadlines, a count of the tests that met a real Kafka."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

CACHE = Path(__file__).parent / ".cache"
KAFKA = ("marker", "kafka")

# Compiled code is kept where it was when functions were declared, and is not looked at again when a file that
# they call into changes. The backend chooses a folder for that: it has to be the first to import the kernel.
os.environ.setdefault("FOREST_CACHE_DIR", str(CACHE / "forest"))
collect_ignore_glob = [
    "pg_streaming_machine_learning/learning/forest/kernel/*.py",
    "pg_streaming_machine_learning/learning/forest/compiled.py",
]

# Examples are slow on a busy machine without being wrong.
hypothesis.settings.register_profile("no deadline", deadline=None)
hypothesis.settings.load_profile("no deadline")
set_hypothesis_home_dir(CACHE / "hypothesis")


class KafkaCount:
    """Count the passed tests marked `kafka`; with `--require-kafka`, fail the run if there is none."""

    def __init__(self, *, required: bool) -> None:
        self._required = required
        self._passed = 0

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note the marker where the JUnit file and the reports can see it."""
        if item.get_closest_marker("kafka") is not None:
            item.user_properties.append(KAFKA)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that passed."""
        if report.when == "call" and report.passed and KAFKA in report.user_properties:
            self._passed += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Turn a green run without Kafka into a red one."""
        if self._required and self._passed == 0 and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how many tests met a real Kafka."""
        if self._passed or self._required:
            terminalreporter.section("real Kafka")
            terminalreporter.line(f"{self._passed} tests against a real Kafka passed")
        if self._required and self._passed == 0:
            terminalreporter.line("--require-kafka: at least one has to", red=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--require-kafka`."""
    help_text = "fail unless a test marked kafka ran and passed"
    parser.addoption("--require-kafka", action="store_true", help=help_text)


def pytest_configure(config: pytest.Config) -> None:
    """Count from the start of the run."""
    count = KafkaCount(required=bool(config.getoption("--require-kafka")))
    config.pluginmanager.register(count, "kafka-count")
