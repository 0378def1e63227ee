"""Command `inspect` knows every topic by the name that the settings give it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from pg_streaming_machine_learning.cli import main

NOWHERE = {"SIMPLE_SETTINGS": "settings", "SCHEMA_REGISTRY_URL": "http://127.0.0.1:1"}


def inspect(topic: str, digits: str, *options: str, environment: dict[str, str] | None = None) -> Result:
    """Decode digits as a topic has them, where no registry answers."""
    arguments = ["inspect", topic, "--hex", "-", *options]
    return CliRunner().invoke(main, arguments, env={**NOWHERE, **(environment or {})}, input=digits)


@pytest.mark.parametrize(
    ("setting", "topic"),
    [
        ("TELEGRAF_TOPIC", "pg-traces-telegraf"),
        ("NAGIOS_TOPIC", "pg-traces-nagios"),
        ("ZIPKIN_TOPIC", "pg-traces-software"),
    ],
)
def test_what_agents_send_needs_no_registry(setting: str, topic: str) -> None:
    """It is text, whatever its first bytes look like; also under a name of the user's own."""
    digits, text = "00 00 00 00 01 41", "\0\0\0\0\1A"
    for name, environment in ((topic, {}), ("mine", {setting: "mine"})):
        result = inspect(name, digits, environment=environment)
        assert (result.exit_code, json.loads(result.output)) == (0, text)


@pytest.mark.parametrize(
    ("topic", "environment"), [("pg-streaming-targets", {}), ("t", {"TARGETS_TOPIC": "t"})]
)
def test_targets_need_no_registry(topic: str, environment: dict[str, str]) -> None:
    """Their key is text and a time, their value a number."""
    key = inspect(topic, "77 65 62 00 00 01 74 87 6e 80 00", "--key", environment=environment)
    assert json.loads(key.output) == {
        "host": "web",
        "window_start_ms": 1_600_000_000_000,
        "window_start": "2020-09-13T12:26:40.000+00:00",
    }
    value = inspect(topic, "00 00 00 01", environment=environment)
    assert json.loads(value.output) == {"label": 1}


@pytest.mark.parametrize("topic", ["pg-traces-system", "pg-streaming-features", "pg-streaming-labeled-data"])
def test_values_in_avro_need_the_registry(topic: str) -> None:
    """Its address is in the message."""
    result = inspect(topic, "00 00 00 00 01 02")
    assert result.exit_code == 5
    assert "http://127.0.0.1:1" in result.output
