"""What the commands `snapshot` and `reset` work with, made from the settings."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import click

from pg_streaming_machine_learning.assembly import engine_config
from pg_streaming_machine_learning.cli.patience import Patience
from pg_streaming_machine_learning.config import Settings
from pg_streaming_machine_learning.engine import Engine
from pg_streaming_machine_learning.operations.generations import next_generation, order_generation
from pg_streaming_machine_learning.operations.snapshot_judge import Judge
from pg_streaming_machine_learning.operations.state_writer import KafkaStateWriter, keeper_writer, parted
from pg_streaming_machine_learning.operations.stored_state import PartitionState, StateTopic
from pg_streaming_machine_learning.operations.topic_reader import TopicReader
from pg_streaming_machine_learning.state.generation import GenerationOrder
from pg_streaming_machine_learning.state.layout import StateRecord
from pg_streaming_machine_learning.state.signing import Signer, key_file, load_key

__all__ = ["StateAccess", "confirm", "now_ms", "open_state", "where_the_key_is"]


@dataclass(frozen=True)
class StateAccess:
    """The state topic of the settings, and who judges what lies in it.

    Parameters
    ----------
    settings : Settings
        Of the workers.
    topic : StateTopic
        Reads it.
    judge : Judge
        Tells what can be used.
    tell : Patience
        Is told what is being done.
    """

    settings: Settings
    topic: StateTopic
    judge: Judge
    tell: Patience

    def keep(self, records: Mapping[int, Sequence[StateRecord]]) -> None:
        """Write kept snapshots, or delete them, beside the workers; there is none before all of it is."""
        self.tell(f"writing to {self.settings.state_topic}")
        writer = self._writer(keeper_writer(self.settings.application_id))
        writer.fence()
        for group in parted(records):
            writer.write(group)

    def order(self, states: Sequence[PartitionState], model: str) -> int:
        """Order the next generation of the model from all workers; return its number."""
        order = GenerationOrder(next_generation(states), model, now_ms())
        application = self.settings.application_id
        return order_generation(
            states, order, application, self._writer, self.topic.read_on, self.tell
        ).number

    def _writer(self, transactional_id: str) -> KafkaStateWriter:
        settings = self.settings
        return KafkaStateWriter(settings.bootstrap_servers, settings.state_topic, transactional_id)


@contextmanager
def open_state(*, makes_key: bool = False) -> Iterator[StateAccess]:
    """Open the state topic that the settings name.

    Parameters
    ----------
    makes_key : bool
        Whether a key may be made for this machine if there is none. A command that only checks leaves none.
    """
    settings = Settings.load()
    config = engine_config(settings)
    file = key_file()
    may_load = makes_key or settings.snapshot_key or file.exists()
    signer = Signer(load_key(settings.snapshot_key, file) if may_load else None, settings.snapshot_unsigned)
    with Patience() as tell, TopicReader(settings.bootstrap_servers) as reader:
        tell(f"waiting for Kafka at {settings.bootstrap_servers}")
        judge = Judge(
            settings.application_id,
            signer,
            settings.snapshot_max_bytes,
            lambda generation: Engine(config, generation),
            tell,
        )
        topic = StateTopic(reader, settings.state_topic, settings.log_topic, settings.log_partitions, tell)
        yield StateAccess(settings, topic, judge, tell)


def confirm(access: StateAccess, question: str, *, yes: bool) -> None:
    """Go on only if the user says yes, or has said so."""
    access.tell("")
    if not yes:
        click.confirm(question, abort=True, err=True)


def where_the_key_is(settings: Settings) -> str:
    """Return which key signs, in words; never the key."""
    return "SNAPSHOT_KEY" if settings.snapshot_key else f"the key of this machine, {key_file()}"


def now_ms() -> int:
    """Return the present time, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
