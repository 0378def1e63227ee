"""The whole chain on a broker: what agents send becomes predictions, in one piece and in several."""

from __future__ import annotations

import json
import random
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pg_streaming_machine_learning.records.trace import TraceMeasure, TraceMetric, TraceUnit
from pg_streaming_machine_learning.simulation.plan import Scenario, SimulationPlan
from pg_streaming_machine_learning.wire.codec import AvroEncoder, schema_of
from pg_streaming_machine_learning.wire.feature import Feature, FeatureKey
from pg_streaming_machine_learning.wire.target import encode_target, encode_target_key
from pg_streaming_machine_learning.wire.windowed_key import encode_windowed_key
from services.agents import Message, Outcome, Refused, fleet_messages, in_process, send
from services.place import MakePlace, Place, StartWorker, register_input_schemas, register_schema
from services.predictions import read_predictions
from services.topics import Read, create_topic, partitions_of, read_until

PATIENCE_S = 120.0
START_MS = 1_700_000_010_000
SIZE_MS, HOP_MS = 60_000, 30_000
SETTINGS = {"WINDOW_SIZE_S": "60", "WINDOW_HOP_S": "30", "WINDOW_GRACE_S": "60", "IDLE_AFTER_S": "4"}

# Clocks that are off make windows close early or late, which depends on what is read when.
SCENARIOS = tuple(each for each in Scenario if each is not Scenario.CLOCKS_OFF)
PLAN = SimulationPlan(
    seed=7,
    hosts=6,
    services=3,
    scenarios=SCENARIOS,
    start_ms=START_MS,
    episode_ms=300_000,
    share=0.3,
)
CYCLES = 180
SHORT_CYCLES = 120
OBJECTIVES = """
[default]
slower_than = "800ms"
rule = "p75"
least = 10
"""


def input_topic(here: Place, broker: str, name: str, partitions: int) -> str:
    """Make an input topic that keeps records however old; return its name."""
    topic = f"{here.topic('INPUT')}-{name}"
    if broker != "embedded":
        create_topic(here.bootstrap, topic, partitions, {"retention.ms": "-1"})
    assert partitions_of(here.bootstrap, topic) >= partitions
    return topic


def objectives(folder: Path) -> str:
    """Write what counts as slow; return the name of the file."""
    path = folder / "objectives.toml"
    path.write_text(OBJECTIVES, encoding="utf-8")
    return str(path)


def outcome_at(here: Place, wanted: Outcome) -> Outcome:
    """Return the predictions and dead letters at a place, once there are as many as wanted."""
    topic = here.topic("PREDICTIONS")
    found = read_predictions(here.bootstrap, topic, here.registry_url, len(wanted.predictions), PATIENCE_S)
    return Outcome(found, refused_at(here, len(wanted.refused)))


def at_least(count: int) -> Callable[[list[Read]], bool]:
    """Return what says whether there are so many records."""
    return lambda read: len(read) >= count > 0


def refused_at(here: Place, count: int) -> list[Refused]:
    """Return the dead letters at a place once there are so many, a second's if there are to be none."""
    topic = here.topic("DEAD_LETTERS")
    read = read_until(here.bootstrap, topic, at_least(count), PATIENCE_S if count else 1.0)
    return [
        (each.headers["topic"].decode(), each.key, each.value, each.headers["reason"].decode())
        for each in read
    ]


def check(found: Outcome, wanted: Outcome) -> None:
    """Compare with what the same content becomes in this process; dead letters in any order."""
    assert found.predictions == wanted.predictions
    assert Counter(found.refused) == Counter(wanted.refused)


def between(good: list[Message], bad: list[Message]) -> list[Message]:
    """Return messages with bad ones between them, all of a partition in their order."""
    messages = list(good)
    for number, each in enumerate(bad):
        messages.insert((number + 1) * len(good) // (len(bad) + 1) + number, each)
    return messages


# Telegraf and Zipkin.

LINE = b"mem,host=web used_percent=50 %d"
Bad = tuple[bytes | None, list[tuple[bytes | None, str]]]
"""Value of a message, and what of it is refused for which reason."""


def whole(value: bytes | None, reason: str) -> Bad:
    """Return a value all of which is refused."""
    return value, [(value, reason)]


def bad_lines(at_ms: int) -> list[Bad]:
    good, no_host = LINE % (10**6 * at_ms), b"mem,host=,x=1 used_percent=1"
    return [
        whole(b"mem,host=web", "bad-line"),
        whole(b"mem used_percent=50", "bad-line"),
        whole(LINE % (10**6 * (at_ms + 86_400_000)), "bad-time"),
        whole(LINE % -1, "bad-time"),
        whole(b'mem,host=web used_percent="much"', "bad-value"),
        whole(b"\xff,host=web used_percent=1", "bad-line"),
        whole(None, "null-value"),
        (b"\n".join([good, b"nothing", good, no_host]), [(b"nothing", "bad-line"), (no_host, "bad-line")]),
    ]


def bad_spans(at_ms: int) -> list[Bad]:
    good: dict[str, object] = {
        "traceId": "1",
        "id": "1",
        "kind": "SERVER",
        "timestamp": 1000 * at_ms,
        "duration": 1000,
        "remoteEndpoint": {"ipv4": "10.0.0.1"},
    }
    return [
        whole(b"[{", "bad-json"),
        whole(b"7", "bad-json"),
        whole(json.dumps(good | {"remoteEndpoint": None}).encode(), "bad-host"),
        whole(json.dumps(good | {"duration": -1}).encode(), "bad-value"),
        whole(json.dumps(good | {"timestamp": at_ms}).encode(), "bad-time"),
        (b"[%s,1,2]" % json.dumps(good).encode(), [(b"1", "bad-value"), (b"2", "bad-value")]),
        whole(None, "null-value"),
    ]


def test_lines_and_spans_become_predictions_as_in_one_process(
    broker: str, place: MakePlace, worker: StartWorker, tmp_path: Path
) -> None:
    """A simulated fleet, with bad lines and spans between: the same predictions, bit by bit."""
    here = place(broker, **SETTINGS, SOURCES="telegraf,zipkin", OBJECTIVES=objectives(tmp_path))
    lines, spans = input_topic(here, broker, "lines", 3), input_topic(here, broker, "spans", 2)
    here.settings.update(TELEGRAF_TOPIC=lines, ZIPKIN_TOPIC=spans)
    at_ms = START_MS + 600_000
    bad = [(lines, each) for each in bad_lines(at_ms)] + [(spans, each) for each in bad_spans(at_ms)]
    sent = between(
        list(fleet_messages(PLAN, CYCLES, (lines, 3), (spans, 2))),
        [Message(topic, 0, at_ms, None, value) for topic, (value, _) in bad],
    )
    wanted = in_process(here.settings, sent)
    assert Counter(wanted.refused) == Counter(
        (topic, None, part, why) for topic, (_, parts) in bad for part, why in parts
    )
    labels = Counter(each["label"] for each in wanted.predictions.values())
    assert labels[0] > 100
    assert labels[1] > 20
    send(here.bootstrap, sent)
    worker(here)
    check(outcome_at(here, wanted), wanted)


# In pieces.

PIECES = {
    "one collects, one does the rest": [
        {"telegraf": "system-traces"},
        {"system-traces,zipkin": ""},
    ],
    "one extracts features, one labels and learns": [
        {"telegraf": "features"},
        {"features,zipkin": ""},
    ],
    "one labels, one learns": [
        {"telegraf,zipkin": "labeled-data"},
        {"labeled-data": ""},
    ],
    "one extracts features, one targets, one learns": [
        {"telegraf": "features", "zipkin": "targets"},
        {"features,targets": ""},
    ],
}
"""What each worker reads and publishes: those of a stage at the same time, then those of the next."""

TOPICS = {
    "telegraf": "TELEGRAF_TOPIC",
    "zipkin": "ZIPKIN_TOPIC",
    "system-traces": "SYSTEM_TRACES_TOPIC",
    "features": "FEATURES_TOPIC",
    "targets": "TARGETS_TOPIC",
    "labeled-data": "INPUT_TOPIC",
}


@pytest.mark.parametrize("real_broker", [pytest.param("kafka-4.1.0", marks=pytest.mark.kafka)], indirect=True)
@pytest.mark.parametrize("pieces", PIECES)
def test_the_chain_in_pieces_gives_the_predictions_of_one_piece(
    real_broker: str, place: MakePlace, worker: StartWorker, tmp_path: Path, pieces: str
) -> None:
    """What one worker publishes another reads: bit by bit the same comes out at the end."""
    small = {"MODEL_PARAMETERS": '{"n_models": 2}', "IDLE_AFTER_S": "3"}
    settings = SETTINGS | small | {"OBJECTIVES": objectives(tmp_path)}
    first = place(real_broker, **settings)
    topics = {setting: input_topic(first, real_broker, name, 2) for name, setting in TOPICS.items()}
    sent = list(
        fleet_messages(PLAN, SHORT_CYCLES, (topics["TELEGRAF_TOPIC"], 2), (topics["ZIPKIN_TOPIC"], 2))
    )
    wanted = in_process({**first.settings, **topics, "SOURCES": "telegraf,zipkin"}, sent)
    send(first.bootstrap, sent)
    for stage in PIECES[pieces]:
        running = []
        for sources, published in stage.items():
            here = place(real_broker, **settings, **topics, SOURCES=sources, PUBLISH=published)
            running.append((here, published, worker(here)))
        for here, published, each in running:
            if published:
                count = wanted.published[published]
                topic = topics[TOPICS[published]]
                assert len(read_until(here.bootstrap, topic, at_least(count), PATIENCE_S)) == count
                each.stop()
    # A window without a span has no label, so it is in no labeled data.
    only_labeled = "labeled-data" in PIECES[pieces][-1]
    predictions = {
        name: each
        for name, each in wanted.predictions.items()
        if each["label"] is not None or not only_labeled
    }
    assert Counter(each["label"] for each in predictions.values()).keys() >= {0, 1}
    check(outcome_at(here, Outcome(predictions, [])), Outcome(predictions, []))


# Nagios, features and targets.

HOSTS = ("db-é", "web")
WINDOWS = 60
ABOUT = (TraceMetric.CPU, TraceMeasure.UTILIZATION, TraceUnit.PERCENT)


def state(host: str, at_ms: int, percent: float) -> dict[str, str]:
    """Return the state of a service as Nagios XI gives it."""
    at = datetime.fromtimestamp(at_ms / 1000, timezone.utc)
    return {
        "host_name": host,
        "display_name": "Memory Usage",
        "status_update_time": f"{at:%Y-%m-%d %H:%M:%S}",
        "performance_data": f"&apos;percent&apos;={percent:.2f}%;80;90; &apos;used&apos;=1.5GiB;;;",
    }


def states(topic: str) -> Iterator[Message]:
    """Yield states of both hosts every 20 s, alone and two in an array in turns."""
    rng = random.Random(1)
    for number in range(WINDOWS * HOP_MS // 20_000):
        at_ms = START_MS + number * 20_000
        both = [state(host, at_ms, rng.uniform(20, 80)) for host in HOSTS]
        for each in [both] if number % 2 else both:
            yield Message(topic, 0, at_ms, None, json.dumps(each).encode())


def features_and_targets(here: Place, features: str, targets: str) -> Iterator[Message]:
    """Yield windows of both hosts, and their labels; those of the second are a little off the grid."""
    key_id, _ = register_input_schemas(here.registry_url)
    value_id = register_schema(here.registry_url, "features-value", schema_of(Feature))
    keys, values = AvroEncoder(FeatureKey, key_id), AvroEncoder(Feature, value_id)
    rng = random.Random(2)
    for number in range(WINDOWS):
        start_ms = START_MS // HOP_MS * HOP_MS + number * HOP_MS
        for place, host in enumerate(HOSTS):
            label = int(number % 10 >= 7)
            at_ms = start_ms + SIZE_MS
            key = encode_windowed_key(keys.encode(FeatureKey(host, *ABOUT)), start_ms - 5_000 * place)
            statistics = [rng.gauss(50 * label, 10.0) for _ in range(11)]
            yield Message(features, place, at_ms, key, values.encode(Feature(*statistics)))
            key = encode_target_key(host, start_ms + 7_000 * place)
            yield Message(targets, place, at_ms, key, encode_target(label))


def bad_inputs(nagios: str, features: Message, target: Message) -> list[tuple[Message, list[str]]]:
    """Return messages of which something is refused, and the reasons."""
    at_ms = features.timestamp_ms
    good = state("web", at_ms, 50.0)
    assert target.key is not None
    assert features.key is not None
    assert features.value is not None
    of_nagios: list[tuple[object, list[str]]] = [
        (good | {"host_name": ""}, ["bad-host"]),
        (good | {"status_update_time": "yesterday"}, ["bad-time"]),
        (good | {"status_update_time": "2099-01-01 00:00:00"}, ["bad-time"]),
        (good | {"performance_data": "&apos;percent&apos;=5MB"}, ["bad-value"]),
        (good | {"performance_data": "&apos;percent"}, ["bad-value"]),
        ([good | {"host_name": 7}, 8, {}], ["bad-host", "bad-value", "bad-value"]),
    ]
    start_ms = int.from_bytes(target.key[-8:], "big")
    of_others: list[tuple[Message, bytes | None, bytes | None, str]] = [
        (target, None, target.value, "null-key"),
        (target, target.key, None, "null-value"),
        (target, target.key[:4], target.value, "bad-key"),
        (target, b"\xff" + target.key[-8:], target.value, "bad-key"),
        (target, target.key, b"\x00\x00\x01", "bad-value"),
        (target, target.key, struct.pack(">i", 2), "bad-label"),
        (target, encode_target_key("web", start_ms + 10_000), target.value, "bad-window"),
        (target, encode_target_key("", start_ms), target.value, "bad-key"),
        (features, None, features.value, "null-key"),
        (features, features.key, b"{}", "bad-framing"),
        (features, features.key, features.value[:-1], "bad-avro"),
    ]
    return [
        (Message(nagios, 0, at_ms, None, b"{"), ["bad-json"]),
        (Message(nagios, 0, at_ms, None, None), ["null-value"]),
        *((Message(nagios, 0, at_ms, None, json.dumps(each).encode()), why) for each, why in of_nagios),
        *((Message(like.topic, 0, at_ms, key, value), [why]) for like, key, value, why in of_others),
    ]


def test_states_features_and_targets_meet_in_one_sample_as_in_one_process(
    broker: str, place: MakePlace, worker: StartWorker
) -> None:
    """Memory from Nagios, processors from features, labels from targets; with bad parts of each between."""
    here = place(broker, **SETTINGS, SOURCES="nagios,features,targets")
    names = {name: input_topic(here, broker, name, 2) for name in ("nagios", "features", "targets")}
    here.settings.update({f"{name.upper()}_TOPIC": topic for name, topic in names.items()})
    windows = list(features_and_targets(here, names["features"], names["targets"]))
    bad = bad_inputs(names["nagios"], windows[0], windows[1])
    good = sorted([*states(names["nagios"]), *windows], key=lambda each: each.timestamp_ms)
    sent = between(good, [message for message, _ in bad])
    wanted = in_process(here.settings, sent)
    assert Counter((topic, why) for topic, _, _, why in wanted.refused) == Counter(
        (message.topic, why) for message, reasons in bad for why in reasons
    )
    both = [each for each in wanted.predictions.values() if len(each["metrics"]) == 2]  # type: ignore[arg-type]
    assert Counter(each["label"] for each in both)[1] > 30
    send(here.bootstrap, sent)
    worker(here)
    check(outcome_at(here, wanted), wanted)
