"""The documents say what is: links lead somewhere, commands and settings named exist, tables are complete."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import pg_streaming_machine_learning
import settings
from pg_streaming_machine_learning.cli import main as command_line
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.errors import Reason
from pg_streaming_machine_learning.streams.topics import OwnTopic, own_topics

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

COMMAND = "pg-streaming-machine-learning"
SETTINGS = {name for name in vars(settings) if name.isupper()}
# Environment names that are not settings of the worker.
OTHER_NAMES = {
    "ARGS",
    "BROKER_URL",
    "DEMO",
    "FOREST_CACHE_DIR",
    "PG_DATA_DIR",
    "PG_FOREST_MUTATIONS",
    "PG_TEST_CACHE",
    "PYTHON",
    "SIMPLE_SETTINGS",
    "XDG_CACHE_HOME",
}
# Symbols of the contract that documents mention.
SYMBOLS = {"BYTES_PER_SECOND", "DISK_READ", "DISK_WRITE", "NETWORK_IN", "NETWORK_OUT", "RESPONSE_TIME"}


def text_of(path: Path) -> str:
    """Return the text of a document."""
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL)


def shell_lines() -> Iterator[list[str]]:
    """Yield the words of every command line in the documents' shell blocks, comments left out."""
    for path in DOCUMENTS:
        for block in blocks(path, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                for command in re.split(r"\s\|\s|\s&&\s", line):
                    words = shlex.split(command, comments=True)
                    if words:
                        yield words


def without_environment(words: list[str]) -> list[str]:
    """Return a command without `NAME=value` before it."""
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    return words


def anchors(path: Path) -> set[str]:
    """Return the anchors a forge makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def first_column(path: Path, heading: str) -> list[str]:
    """Return the codes in the first column of the table below a heading."""
    section = text_of(path).split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """A relative link names a file of the checkout, and a heading in it if it has an anchor."""
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name) if name else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_make_targets_named_exist() -> None:
    """`make something` in a shell block is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {word for words in shell_lines() if words[0] == "make" for word in words[1:] if "=" not in word}
    assert {"demo", "test"} <= named
    assert named <= targets


def test_commands_named_exist() -> None:
    """Commands of ours in shell blocks exist, and so do their options."""
    found = 0
    for words in map(without_environment, shell_lines()):
        if words[:1] == [COMMAND]:
            check_command(words[1:])
            found += 1
    assert found >= 4


def check_command(words: list[str]) -> None:
    """Walk down the groups of the command line, then look at each option."""
    command: click.Command = command_line
    if words == ["--help"]:
        return
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{COMMAND} {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    if command.name == "worker":
        return  # passes everything on to Faust
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in options | {"--help"}, f"{command.name} {word}"


def test_settings_named_exist() -> None:
    """A name in capitals with an underscore, in a document's code, is a setting."""
    for path in DOCUMENTS:
        code = " ".join(re.findall(r"`([^`\n]+)`", text_of(path)) + blocks(path, "sh"))
        named = set(re.findall(r"(?<![\w.-])([A-Z]+(?:_[A-Z]+)+)(?![\w.-])", code))
        assert named - OTHER_NAMES - SETTINGS - SYMBOLS == set(), path.name


def test_python_blocks_are_python() -> None:
    """The examples at least compile."""
    examples = [block for path in DOCUMENTS for block in blocks(path, "python")]
    assert examples
    for example in examples:
        ast.parse(example)


def test_every_reason_of_a_dead_letter_is_documented() -> None:
    """The table has exactly the codes that the header `reason` can have."""
    documented = first_column(ROOT / "docs" / "topics.md", "Reasons of dead letters")
    assert sorted(documented) == sorted(reason.value for reason in Reason)


def test_every_topic_is_documented() -> None:
    """The topics the worker makes are in the table, with partitions and retention; so are its inputs."""
    path = ROOT / "docs" / "topics.md"
    documented = first_column(path, "Topics")
    assert settings.INPUT_TOPIC in documented
    for topic in own_topics(Settings(log_partitions=7)):
        assert topic.name in documented
        row = next(line for line in text_of(path).splitlines() if line.startswith(f"| `{topic.name}` |"))
        partitions, retention = [cell.strip() for cell in row.split("|")[4:6]]
        assert partitions.startswith("`LOG_PARTITIONS`" if topic.partitions == 7 else str(topic.partitions))
        assert retention.startswith(kept(topic))


def kept(topic: OwnTopic) -> str:
    """Return how long a topic's records are kept, as the document says it."""
    if topic.retention_ms is None:
        return "compacted"
    return "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // 86_400_000} days"


def test_changelog_has_the_version() -> None:
    """The newest entry is the version of the package."""
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == pg_streaming_machine_learning.__version__


def test_decisions_are_numbered_and_complete() -> None:
    """No number is missing or used twice; each says context, choice and price."""
    paths = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in paths] == list(range(1, len(paths) + 1))
    for path in paths:
        assert text_of(path).startswith(f"# {path.name[:4]} ")
        assert re.findall(r"^## (\w+)$", text_of(path), re.MULTILINE) == ["Context", "Choice", "Price"]


def test_words_are_in_order() -> None:
    """Someone who looks up a word finds it."""
    words = re.findall(r"^\| ([a-z][^|]*?) \|", text_of(ROOT / "docs" / "glossary.md"), re.MULTILINE)[1:]
    assert len(words) > 30
    assert words == sorted(words, key=str.lower)


def test_licence_is_the_apache_licence() -> None:
    """The text is there in full, and setup.py names it."""
    licence = text_of(ROOT / "LICENSE")
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert 'license="Apache-2.0"' in text_of(ROOT / "setup.py")


def test_no_figure_is_owed() -> None:
    """Figures are measured before they are written; a place left open is marked, and none is left."""
    assert [path.name for path in DOCUMENTS if "TODO" in text_of(path)] == []
