"""What a source says at once is what it says when it is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pg_streaming_machine_learning.errors import RefusedRecord
from pg_streaming_machine_learning.records.input import InputRecord
from pg_streaming_machine_learning.sources import Source
from pg_streaming_machine_learning.sources.labeled_data import LabeledDataSource
from pg_streaming_machine_learning.sources.source import PromptSource, read_whole
from pg_streaming_machine_learning.wire.codec import AvroEncoder
from pg_streaming_machine_learning.wire.feature import Feature, LabeledFeature
from pg_streaming_machine_learning.wire.target import encode_target, encode_target_key
from tests.sources import test_system_traces as traces
from tests.sources.conftest import FEATURE_ID, LABELED_ID, ContractSchemas, options
from tests.sources.test_sources import RECORD, VALUES, keys, mutated

PLAIN = replace(RECORD, topic="plain", value=AvroEncoder(Feature, FEATURE_ID).encode(Feature(*VALUES)))
TARGET = InputRecord("targets", 0, 7, RECORD.timestamp_ms, encode_target_key("web", 60_000), encode_target(1))
TRACE = traces.record(traces.TRACE)


@pytest.fixture(scope="module")
def prompt(joined: dict[str, Source], sources: dict[str, Source]) -> dict[str, PromptSource]:
    """Return the prompt sources by topic."""
    found = {**sources, "targets": joined["targets"], "traces": traces.SOURCE}
    return {topic: source for topic, source in found.items() if isinstance(source, PromptSource)}


@pytest.mark.parametrize("record", [RECORD, PLAIN, TARGET, TRACE], ids=lambda record: str(record.topic))
def test_once_the_schemas_are_known_a_good_record_is_not_waited_for(
    prompt: dict[str, PromptSource], record: InputRecord
) -> None:
    source = prompt[record.topic]
    (update,) = asyncio.run(read_whole(source, record))

    assert source.at_once(record) == update


def test_a_record_whose_schemas_are_not_known_has_to_be_waited_for() -> None:
    """Neither that of the key nor that of the value."""
    source = LabeledDataSource(ContractSchemas(), options().limits)
    assert source.at_once(RECORD) is None

    with pytest.raises(RefusedRecord, match="bad-framing"):
        asyncio.run(read_whole(source, replace(RECORD, value=b"no value of ours")))
    assert source.at_once(RECORD) is None


def labeled(statistics: list[Any], label: Any) -> bytes:
    feature = LabeledFeature(*[*statistics, label])
    return AvroEncoder(LabeledFeature, LABELED_ID).encode(feature)


values = st.one_of(
    st.none(),
    st.binary(),
    st.sampled_from([record.value for record in (RECORD, PLAIN, TARGET, TRACE)]),
    mutated,
    traces.mutated,
    st.builds(labeled, st.lists(st.floats(), min_size=11, max_size=11), st.integers(-1, 2)),
)


@given(
    topic=st.sampled_from(["labeled", "plain", "targets", "traces"]),
    key=keys | mutated | st.just(RECORD.key) | st.just(TARGET.key),
    value=values,
    timestamp_ms=st.integers(-1, 2**62) | st.just(RECORD.timestamp_ms),
)
def test_any_bytes_are_at_once_what_they_are_when_waited_for(
    prompt: dict[str, PromptSource], topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int
) -> None:
    source, record = prompt[topic], InputRecord(topic, 0, 5, timestamp_ms, key, value)

    before = outcome(lambda: source.at_once(record))
    waited = outcome(lambda: asyncio.run(read_whole(source, record))[0])
    after = outcome(lambda: source.at_once(record))

    assert before in ("None", waited)
    assert after in ("None", waited)
    assert after == waited or not waited.startswith(("WindowUpdate", "LabelUpdate", "ReadingsUpdate"))


def outcome(read: Callable[[], object]) -> str:
    """Return what comes out as text, in which NaN equals itself."""
    try:
        return repr(read())
    except RefusedRecord as refused:
        return f"{refused.reason} {refused.detail}"
