"""Command `snapshot`: see, keep, carry and go back to states of the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pg_streaming_machine_learning.operations.snapshot_file import SnapshotFile

__all__ = ["FENCED", "snapshot"]

FENCED = (
    "Running workers end with exit code 75 with the next thing they write, and go on with it when their "
    "supervisor starts them again. One without input writes nothing: start it anew if it shall not wait."
)


@click.group(short_help="See, keep, carry and go back to states of the model.")
def snapshot() -> None:
    """See, keep, carry and go back to states of the model.

    Workers take a snapshot of each partition's state now and then and start from it. The newest two are in
    slots, which are overwritten in turns. One kept under a name stays until it is deleted, and a new
    generation of the model can begin with it. docs/snapshots.md has all of it.

    \b
    Examples:
        pg-streaming-machine-learning snapshot list
        pg-streaming-machine-learning snapshot save before-the-upgrade
        pg-streaming-machine-learning snapshot restore before-the-upgrade
        pg-streaming-machine-learning snapshot export before-the-upgrade model.pgsx
        pg-streaming-machine-learning snapshot import model.pgsx --name from-staging
        pg-streaming-machine-learning snapshot delete before-the-upgrade
    """  # noqa: D301


@snapshot.command("list", short_help="List them, and what a start would do.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for each partition.")
def list_(as_json: bool) -> None:
    """List all snapshots, how far predictions were sent, and what a start would read again.

    Each snapshot is tried as a worker would: what it says of signature, release and settings holds for the
    release and the settings this command runs with.

    \b
    Examples:
        pg-streaming-machine-learning snapshot list
        pg-streaming-machine-learning snapshot list --json
    """  # noqa: D301
    from pg_streaming_machine_learning.cli.snapshot_table import as_values, lines
    from pg_streaming_machine_learning.cli.state_access import now_ms, open_state

    with open_state() as access:
        reports = [access.judge.report(state) for state in access.topic.read()]
    for report in reports:
        if as_json:
            click.echo(json.dumps(as_values(report, now_ms()), ensure_ascii=False))
        else:
            click.echo("\n".join(lines(report, now_ms())))


@snapshot.command(short_help="Keep the newest one under a name.")
@click.argument("name")
@click.option("--force", is_flag=True, help="Replace a snapshot of that name.")
def save(name: str, force: bool) -> None:
    """Keep the newest usable snapshot of every partition under NAME.

    Workers are not disturbed, and take no new one for it: how old the newest is shows `snapshot list`.

    \b
    Example:
        pg-streaming-machine-learning snapshot save before-the-upgrade
    """  # noqa: D301
    from pg_streaming_machine_learning.cli.snapshot_table import age, amount
    from pg_streaming_machine_learning.cli.state_access import now_ms, open_state
    from pg_streaming_machine_learning.operations import snapshots as operations

    operations.check_name(name)
    with open_state() as access:
        states = access.topic.read()
        operations.check_free(states, name, may_replace=force)
        kept = operations.keep_newest(states, access.judge)
        access.keep(operations.records_of(states, name, kept))
    for partition, one in kept.items():
        manifest = one.manifest
        click.echo(
            f"partition {partition}: kept the state at offset {manifest.position:,}, "
            f"{age((now_ms() - manifest.created_ms) / 1000)} old, {amount(manifest.size_bytes)}"
        )


@snapshot.command(short_help="Begin a new generation with the model of a kept one.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore(name: str, yes: bool) -> None:
    """Begin a new generation of the model with the one kept under NAME.

    Where predictions have come to, the kept model takes the place of the present one, with its scores. Open
    windows and the watermark stay as they are; predictions that were sent stay, and none is made again. The
    number of the generation is at the end of each prediction's model_version. Running workers end with exit
    code 75 with the next thing they write, and go on with the new generation when they are started again.

    \b
    Example:
        pg-streaming-machine-learning snapshot restore before-the-upgrade
    """  # noqa: D301
    from pg_streaming_machine_learning.cli.snapshot_table import age
    from pg_streaming_machine_learning.cli.state_access import confirm, now_ms, open_state
    from pg_streaming_machine_learning.errors import SnapshotError
    from pg_streaming_machine_learning.operations import snapshots as operations
    from pg_streaming_machine_learning.operations.generations import next_generation
    from pg_streaming_machine_learning.state.layout import named_place

    with open_state() as access:
        states = access.topic.read()
        for partition, slot in operations.find_named(states, name).items():
            fault = access.judge.model_fault(slot)
            if fault is not None:
                raise SnapshotError(f"snapshot {name!r} of partition {partition} cannot be used: {fault}")
            assert slot.manifest is not None
            old = age((now_ms() - slot.manifest.created_ms) / 1000)
            learned = slot.manifest.figures.get("samples_learned", 0)
            click.echo(
                f"partition {partition}: the model of {old} ago, {learned:,} samples learned", err=True
            )
        click.echo(FENCED, err=True)
        confirm(access, f"begin generation {next_generation(states)} with {name!r}?", yes=yes)
        number = access.order(states, named_place(name))
    click.echo(f"generation {number} is ordered, with the model of {name!r}")


@snapshot.command(short_help="Write a kept one into a file.")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file.")
def export(name: str, file: Path, force: bool) -> None:
    """Write the snapshot kept under NAME, of all partitions, into FILE.

    It can be imported into another cluster whose workers have the same SNAPSHOT_KEY, or with --trust.

    \b
    Example:
        pg-streaming-machine-learning snapshot export before-the-upgrade model.pgsx
    """  # noqa: D301
    from pg_streaming_machine_learning.cli.snapshot_table import amount
    from pg_streaming_machine_learning.cli.state_access import now_ms, open_state
    from pg_streaming_machine_learning.errors import SnapshotError
    from pg_streaming_machine_learning.operations import snapshots as operations
    from pg_streaming_machine_learning.operations.snapshot_file import SnapshotFile, write_snapshot_file

    if file.exists() and not force:
        raise SnapshotError(f"there is a file {str(file)!r} already: take another name, or --force")
    with open_state() as access:
        slots = operations.find_named(access.topic.read(), name)
        limit = access.settings.snapshot_max_bytes
        snapshots = tuple(operations.whole(slots[partition], limit) for partition in sorted(slots))
        application = access.settings.application_id
        access.tell(f"writing {str(file)!r}")
        size = write_snapshot_file(file, SnapshotFile(name, application, now_ms(), snapshots))
    click.echo(f"{str(file)!r}: {len(snapshots)} partitions, {amount(size)}")


@snapshot.command("import", short_help="Keep one from a file.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", help="Keep it under this name, instead of the one it was exported under.")
@click.option("--trust", is_flag=True, help="Sign it anew if it is signed with another key or not at all.")
@click.option("--force", is_flag=True, help="Replace a snapshot of that name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def import_(file: Path, name: str | None, trust: bool, force: bool, yes: bool) -> None:
    """Keep the snapshot in FILE, which `snapshot export` wrote, under its name or another.

    Nothing else changes: `snapshot restore` begins a generation with it. The model and the number of
    partitions have to be those of here, and for a model of river's the release of river.

    \b
    Examples:
        pg-streaming-machine-learning snapshot import model.pgsx
        pg-streaming-machine-learning snapshot import model.pgsx --name from-staging --trust
    """  # noqa: D301
    from pg_streaming_machine_learning.cli.state_access import confirm, open_state, where_the_key_is
    from pg_streaming_machine_learning.operations import snapshots as operations
    from pg_streaming_machine_learning.operations.snapshot_file import read_snapshot_file

    with open_state(makes_key=trust) as access:
        access.tell(f"reading {str(file)!r}")
        content = read_snapshot_file(file, access.settings.snapshot_max_bytes)
        kept_name = content.name if name is None else name
        operations.check_name(kept_name)
        states = access.topic.read()
        operations.check_free(states, kept_name, may_replace=force)
        click.echo(_described(content), err=True)
        if trust:
            _warn(where_the_key_is(access.settings))
            confirm(access, "sign it?", yes=yes)
        admitted = operations.admit(content.snapshots, len(states), access.judge, trust=trust)
        access.keep(operations.records_of(states, kept_name, admitted))
    click.echo(
        f"kept as {kept_name!r}; to go on with it: pg-streaming-machine-learning snapshot restore {kept_name}"
    )


def _described(content: SnapshotFile) -> str:
    versions = content.snapshots[0].manifest.versions
    made_by = ", ".join(f"{name} {versions.get(name, '?')}" for name in ("package", "river", "python"))
    count = len(content.snapshots)
    return f"snapshot {content.name!r} of {content.application!r}, partitions: {count}, made by {made_by}"


def _warn(key: str) -> None:
    click.echo(
        "WARNING: --trust signs what is in the file with the key of here, and workers then load it as their "
        "own. A model that somebody else made can predict what they like, and may fill a worker's memory. Do "
        f"it only if you know who wrote the file and how it came here. It is signed with {key}.",
        err=True,
    )


@snapshot.command(short_help="Delete a kept one.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, yes: bool) -> None:
    """Delete the snapshot kept under NAME, of all partitions.

    \b
    Example:
        pg-streaming-machine-learning snapshot delete before-the-upgrade
    """  # noqa: D301
    from pg_streaming_machine_learning.cli.state_access import confirm, open_state
    from pg_streaming_machine_learning.operations import snapshots as operations

    with open_state() as access:
        states = access.topic.read()
        records = operations.deletions(states, name)
        operations.check_free(states, name, may_replace=True)
        confirm(access, f"delete {name!r}?", yes=yes)
        access.keep(records)
    click.echo(f"{name!r} is deleted")
