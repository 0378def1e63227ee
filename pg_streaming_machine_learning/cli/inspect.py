"""Command `inspect`: records of our topics as JSON."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, TextIO

import click

if TYPE_CHECKING:
    from pg_streaming_machine_learning.config import Settings
    from pg_streaming_machine_learning.operations.inspection import Inspector, TopicKind
    from pg_streaming_machine_learning.wire.registry import Registry

__all__ = ["inspect"]


@click.command()
@click.argument("topic")
@click.option("--partition", type=click.IntRange(min=0), help="Only this partition.")
@click.option(
    "--offset",
    type=int,
    default=-1,
    show_default=True,
    help="First record; below 0 counts from the end of each partition.",
)
@click.option(
    "--count", type=click.IntRange(min=1), default=1, show_default=True, help="Records a partition."
)
@click.option(
    "--hex", "digits", type=click.File("r"), help="Decode the hexadecimal digits in a file, - for input."
)
@click.option("--key/--value", "is_key", default=False, help="What the digits are; by default a value.")
@click.option("--compact", is_flag=True, help="One line of JSON a record.")
def inspect(
    topic: str,
    partition: int | None,
    offset: int,
    count: int,
    digits: TextIO | None,
    is_key: bool,
    compact: bool,
) -> None:
    """Show records of TOPIC as JSON, keys and values decoded.

    Knows the application's topics under the names that the settings give them; records of any other topic
    are shown as Avro if their schema is in the registry, else as text. A dead letter is decoded as the topic
    has it that it came from. Bytes that cannot be decoded are shown with the reason.

    \b
    Examples:
        pg-streaming-machine-learning inspect pg-streaming-predictions
        pg-streaming-machine-learning inspect pg-streaming-labeled-data --partition 2 --offset 1250
        pg-streaming-machine-learning inspect pg-streaming-samples --offset -20 --count 20 --compact
        echo 0000000001... | pg-streaming-machine-learning inspect pg-streaming-labeled-data --key --hex -
    """  # noqa: D301
    from pg_streaming_machine_learning.config import Settings

    settings = Settings.load()
    if digits is not None:
        descriptions = asyncio.run(_decoded(settings, topic, is_key, _bytes(digits.read())))
    else:
        descriptions = asyncio.run(_described(settings, topic, partition, offset, count))
    for description in descriptions:
        indent = None if compact else 2
        click.echo(json.dumps(description, indent=indent, ensure_ascii=False, allow_nan=False))
    if not descriptions:
        click.echo(f"no such record in {topic}", err=True)


async def _decoded(settings: Settings, topic: str, is_key: bool, data: bytes) -> list[object]:
    registry, inspector = _inspector(settings)
    try:
        return [await inspector.decode(topic, "key" if is_key else "value", data)]
    finally:
        await registry.aclose()


async def _described(
    settings: Settings, topic: str, partition: int | None, offset: int, count: int
) -> list[object]:
    from pg_streaming_machine_learning.operations.topic_reader import TopicReader

    registry, inspector = _inspector(settings)
    try:
        with TopicReader(settings.bootstrap_servers) as reader:
            return [
                await inspector.describe(record)
                for number in reader.partitions(topic)
                if partition in (None, number)
                for record in reader.some(topic, number, offset, count)
            ]
    finally:
        await registry.aclose()


def _inspector(settings: Settings) -> tuple[Registry, Inspector]:
    from pg_streaming_machine_learning.operations.inspection import Inspector
    from pg_streaming_machine_learning.wire.registry import Registry

    registry = Registry(settings.schema_registry_url)
    return registry, Inspector(_kinds(settings), registry)


def _kinds(settings: Settings) -> dict[str, TopicKind]:
    from pg_streaming_machine_learning.operations.inspection import TopicKind

    return {
        settings.features_topic: TopicKind.WINDOWED,
        settings.input_topic: TopicKind.WINDOWED,
        settings.targets_topic: TopicKind.TARGETS,
        settings.system_traces_topic: TopicKind.SYSTEM_TRACES,
        settings.telegraf_topic: TopicKind.TEXT,
        settings.nagios_topic: TopicKind.TEXT,
        settings.zipkin_topic: TopicKind.TEXT,
        settings.log_topic: TopicKind.LOG,
        settings.predictions_topic: TopicKind.PREDICTIONS,
        settings.dead_letters_topic: TopicKind.DEAD_LETTERS,
    }


def _bytes(text: str) -> bytes:
    digits = "".join(text.split()).removeprefix("0x").replace(":", "")
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise click.UsageError(f"the input is not hexadecimal digits: {error}") from error
