"""Command `dead-letters`: refused records, listed and sent back."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from pg_streaming_machine_learning.errors import Reason

if TYPE_CHECKING:
    from pg_streaming_machine_learning.operations.dead_letters import DeadLetter, Selection

__all__ = ["dead_letters"]

_Command = TypeVar("_Command", bound=Callable[..., object])


def _selection_options(command: _Command) -> _Command:
    """Add the options that choose dead letters."""
    for option in (
        click.option(
            "--offset", "offsets", multiple=True, help="Places in the dead-letter topic: 17, 17-25, 0:17-25."
        ),
        click.option("--topic", "topics", multiple=True, help="Only records that came from this topic."),
        click.option(
            "--reason",
            "reasons",
            multiple=True,
            type=click.Choice([reason.value for reason in Reason]),
            help="Only records refused for this reason.",
        ),
    ):
        command = option(command)
    return command


@click.group("dead-letters", short_help="List refused records, and send them back.")
def dead_letters() -> None:
    """List records the worker refused, and send chosen ones back to where they came from.

    The worker keeps the bytes of each record it cannot read in the dead-letter topic, with the reason. Once
    the cause is gone (a schema is registered, a setting is mended), they can be sent back.

    \b
    Examples:
        pg-streaming-machine-learning dead-letters list
        pg-streaming-machine-learning dead-letters list --reason unknown-schema --json
        pg-streaming-machine-learning dead-letters replay --reason unknown-schema --dry-run
        pg-streaming-machine-learning dead-letters replay --offset 0:17-25
    """  # noqa: D301


@dead_letters.command("list", short_help="List them: where they came from, and why.")
@_selection_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_(reasons: tuple[str, ...], topics: tuple[str, ...], offsets: tuple[str, ...], as_json: bool) -> None:
    """List dead letters: their place, where they came from, and why they were refused.

    Options of one kind may be repeated, any of them will do; of each kind given one must fit.
    """
    letters = _chosen(_selection(reasons, topics, offsets))
    if as_json:
        for letter in letters:
            click.echo(json.dumps(_fields(letter), ensure_ascii=False))
        return
    for letter in letters:
        click.echo(_line(letter))
    click.echo(_counts(letters), err=True)


@dead_letters.command(short_help="Send them back to where they came from.")
@_selection_options
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(
    reasons: tuple[str, ...],
    topics: tuple[str, ...],
    offsets: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    yes: bool,
) -> None:
    """Send chosen dead letters back to the topic and partition they came from, bytes untouched.

    What is sent are the dead letters there are when the command starts; one that is refused again becomes a
    new dead letter, and its header dead-letter-replays counts how often. Nothing is removed from the
    dead-letter topic: sending twice sends twice. A window that has closed meanwhile stays as it was.
    """
    from pg_streaming_machine_learning.config import Settings
    from pg_streaming_machine_learning.operations import replay as operations

    selection = _selection(reasons, topics, offsets)
    if selection.is_everything != everything:
        raise click.UsageError("choose by --reason, --topic or --offset, or take --all")
    letters = _chosen(selection)
    for letter in letters if dry_run else ():
        click.echo(_line(letter))
    click.echo(_counts(letters), err=True)
    if dry_run or not letters:
        return
    if not yes:
        click.confirm(f"send {len(letters)} records back?", abort=True, err=True)
    count = operations.replay(Settings.load().bootstrap_servers, letters)
    click.echo(f"{count} records sent back")


def _selection(reasons: tuple[str, ...], topics: tuple[str, ...], offsets: tuple[str, ...]) -> Selection:
    from pg_streaming_machine_learning.operations.dead_letters import OffsetRange, Selection

    return Selection(
        frozenset(reasons), frozenset(topics), tuple(OffsetRange.parse(text) for text in offsets)
    )


def _chosen(selection: Selection) -> list[DeadLetter]:
    from pg_streaming_machine_learning.config import Settings
    from pg_streaming_machine_learning.operations import dead_letters as operations
    from pg_streaming_machine_learning.operations.topic_reader import TopicReader

    settings = Settings.load()
    with TopicReader(settings.bootstrap_servers) as reader:
        return list(operations.dead_letters(reader, settings.dead_letters_topic, selection))


def _line(letter: DeadLetter) -> str:
    place = f"{letter.record.partition}:{letter.record.offset}"
    again = f" (replays: {letter.replays})" if letter.replays else ""
    return f"{place:10}  {letter.origin:42}  {letter.reason:15}  {letter.detail}{again}"


def _counts(letters: list[DeadLetter]) -> str:
    reasons = Counter(letter.reason or "no reason" for letter in letters)
    listed = ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
    noun = "dead letter" if len(letters) == 1 else "dead letters"
    return f"{len(letters)} {noun}{': ' + listed if listed else ''}"


def _fields(letter: DeadLetter) -> dict[str, object]:
    record = letter.record
    return {
        "partition": record.partition,
        "offset": record.offset,
        "reason": letter.reason,
        "detail": letter.detail,
        "origin": {"topic": letter.topic, "partition": letter.partition, "offset": letter.offset},
        "timestamp_ms": letter.timestamp_ms,
        "replays": letter.replays,
        "key": None if record.key is None else record.key.hex(" "),
        "value": None if record.value is None else record.value.hex(" "),
    }
