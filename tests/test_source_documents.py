"""What docs/sources.md and docs/objectives.md show works as it stands there; their tables are complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.labels.objective_file import read_objectives
from pg_streaming_machine_learning.sources import SOURCES
from pg_streaming_machine_learning.sources.host_aliases import HostAliases
from pg_streaming_machine_learning.sources.nagios_rule import NAGIOS_SERVICES, nagios_rules
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING
from pg_streaming_machine_learning.sources.telegraf_mapping import TelegrafMapping
from pg_streaming_machine_learning.sources.zipkin import ZipkinOptions

DOCS = Path(__file__).parent.parent / "docs"
ABOUT_SOURCES = (DOCS / "sources.md").read_text(encoding="utf-8")
ABOUT_OBJECTIVES = (DOCS / "objectives.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(heading: str) -> str:
    """Return what stands below a heading of docs/sources.md."""
    return ABOUT_SOURCES.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_every_source_has_a_row_and_a_section() -> None:
    table = re.findall(r"^\| `([a-z-]+)` \| `pg-", ABOUT_SOURCES, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", ABOUT_SOURCES, re.MULTILINE)
    assert sorted(table) == sorted(SOURCES)
    assert {name for heading in headings for name in heading.split(", ")} >= set(SOURCES)


def test_topics_of_the_sources_are_those_of_the_settings() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| `([a-z-]+)` \| `([A-Z_]+)` \|", ABOUT_SOURCES, re.MULTILINE)
    defaults = Settings(sources=tuple(SOURCES))
    assert {name: topic for name, topic, _ in rows} == defaults.input_topics
    assert [getattr(defaults, setting.lower()) for _, _, setting in rows] == [topic for _, topic, _ in rows]


@pytest.mark.parametrize(
    "entry", BUILT_IN_MAPPING[: len(BUILT_IN_MAPPING) // 2], ids=lambda each: each["field"]
)
def test_every_field_of_telegraf_that_is_read_is_in_the_table(entry: dict[str, Any]) -> None:
    """With what becomes of it in its row; the second half of the mapping is the first by other names."""
    table = section("telegraf").replace("`", "")
    [row] = [
        line
        for line in table.splitlines()
        if line.startswith(f"| {entry['measurement']}") and entry["field"] in line
    ]
    for name in ("metric", "measure", "unit", "device"):
        assert entry.get(name, "") in row


@pytest.mark.parametrize("name", NAGIOS_SERVICES)
def test_every_service_of_nagios_that_is_read_is_in_the_table(name: str) -> None:
    rule = NAGIOS_SERVICES[name]
    [row] = [line for line in section("nagios").splitlines() if f"`{rule['service']}`" in line]
    for key in ("label", "metric", "measure", "unit"):
        assert rule[key] in row


def test_a_settings_module_may_extend_the_mapping_as_it_is_shown() -> None:
    [example] = blocks(ABOUT_SOURCES, "python")
    found: dict[str, Any] = {}
    exec(example, found)
    mapping = TelegrafMapping.from_json(found["TELEGRAF_MAPPING"])
    assert [str(field.metric) for field in mapping.fields_of("swap")] == [
        "MEMORY.THROUGHPUT.KILOBYTES_PER_SECOND"
    ]
    assert mapping.fields_of("win_cpu")[0].tags == (("instance", "_Total"),)
    assert mapping.fields_of("mem") != ()


def test_settings_in_the_environment_are_taken_as_they_are_shown() -> None:
    words = [word for block in blocks(ABOUT_SOURCES, "sh") for word in shlex.split(block)]
    given = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    assert set(given) == {"SOURCES", "NAGIOS_SERVICES", "ZIPKIN_HOST_FROM", "HOST_ALIASES"}
    settings = Settings.load({"SIMPLE_SETTINGS": "settings", **given})
    assert settings.sources == ("telegraf", "zipkin")
    assert nagios_rules(settings.nagios_services)["memory"].names_service("Memory (all)")
    aliases = HostAliases(settings.host_aliases)
    assert ZipkinOptions(settings.zipkin_host_from, aliases=aliases).host_from == "local.service"
    assert [aliases.host(name) for name in ("checkout", "10.1.0.9", "10.1.0.7", "cart")] == [
        "web-1",
        "shop",
        "database",
        "cart",
    ]


def test_devices_that_are_said_to_be_left_out_are() -> None:
    mapping = TelegrafMapping.from_json(BUILT_IN_MAPPING)
    text = section("telegraf").split("**Which devices are left out**")[1]
    [names] = re.findall(r"partitions \((.*?)\)", text)
    partitions = re.findall(r"`([a-z0-9]+)`", names)
    assert len(partitions) == 3
    assert all(mapping.leaves_out(name) for name in [*partitions, "lo", "dm-0", "docker0", "veth12", "bond0"])
    assert not any(mapping.leaves_out(name) for name in ("xvda", "sda", "nvme0n1", "eth0", "ens3"))


def test_objectives_are_read_as_they_are_shown() -> None:
    shown, preset = blocks(ABOUT_OBJECTIVES, "toml")
    assert read_objectives(shown, "shown").describe() == (
        '[["*","checkout",1200000.0,"p99",20,false],["batch-*","*",60000000.0,"any",null,false],'
        '["*","*",800000.0,"p99",20,false]]'
    )
    assert read_objectives(preset, "preset").describe() == '[["*","*",1000.0,"any",null,false]]'


def test_the_message_of_a_mistake_is_the_one_shown() -> None:
    with pytest.raises(SettingsError) as found:
        read_objectives("[default]\nslower_than = 800\n", "objectives.toml")
    assert f"pg-streaming-machine-learning: {found.value}\n" in ABOUT_OBJECTIVES
