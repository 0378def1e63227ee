"""The settings: loaded by simple-settings, overridden by the environment, checked once.

Defaults and meanings are in ``settings.py`` at the root of the checkout, types and ranges are here, and
``docs/settings.md`` has all of it in a table, which a test compares with this module.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar
from urllib.parse import urlsplit

from simple_settings.core import LazySettings

from pg_streaming_machine_learning.errors import SettingsError
from pg_streaming_machine_learning.sources.nagios_rule import NAGIOS_SERVICES
from pg_streaming_machine_learning.sources.telegraf_built_in import BUILT_IN_MAPPING, DEVICES_LEFT_OUT

__all__ = ["Settings", "setting_names"]

SOURCE_TOPICS: Mapping[str, str] = {
    "labeled-data": "INPUT_TOPIC",
    "features": "FEATURES_TOPIC",
    "targets": "TARGETS_TOPIC",
    "system-traces": "SYSTEM_TRACES_TOPIC",
    "telegraf": "TELEGRAF_TOPIC",
    "nagios": "NAGIOS_TOPIC",
    "zipkin": "ZIPKIN_TOPIC",
}
"""The setting that names the topic of each source."""

PUBLISHED = ("system-traces", "features", "targets", "labeled-data")
"""What can be published, besides predictions and dead letters; the topics are those of the sources."""

SETTINGS_MODULE = "settings"
"""What `SIMPLE_SETTINGS` names where it is not set."""

_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_BROKER = re.compile(r"(?:kafka://)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_GREATEST_PORT = 65_535
_NEARLY = 0.87
_LONG = 200
_SHORT = 5
_SHORTEST_KEY = 16
_NEARLY_IF_SHORT = 0.9
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}

_Parse = Callable[[object], Any]
_Value = TypeVar("_Value")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or value != value.strip():
        raise ValueError
    return value


def _topic(value: object) -> str:
    if not isinstance(value, str) or not _TOPIC.fullmatch(value) or value in (".", ".."):
        raise ValueError
    return value


def _brokers(value: object) -> str:
    brokers = [broker.strip() for broker in re.split("[,;]", _text(value))]
    for broker in brokers:
        found = _BROKER.fullmatch(broker)
        if found is None:
            raise ValueError
        if found.group(1) is not None and not 0 < int(found.group(1)) <= _GREATEST_PORT:
            raise ValueError
    return ",".join("kafka://" + broker.removeprefix("kafka://") for broker in brokers)


def _http_url(value: object) -> str:
    url = _text(value)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    return url


def _key(value: object) -> str:
    if value in ("", None):
        return ""
    key = _text(value)
    if len(key) < _SHORTEST_KEY:
        raise ValueError
    return key


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS[value.lower()]
    raise ValueError


def _integer(low: int, high: int) -> _Parse:
    def parse(value: object) -> int:
        if isinstance(value, str):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError
        return value

    return parse


def _number(low: float, high: float) -> _Parse:
    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        number = float(value)
        if not math.isfinite(number) or not low <= number <= high:
            raise ValueError
        return number

    return parse


def _json_object(value: object) -> Mapping[str, Any]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise ValueError
    json.dumps(dict(found))
    return dict(found)


def _json_list(value: object) -> tuple[Any, ...]:
    found = json.loads(value) if isinstance(value, str) else value
    if not isinstance(found, list | tuple):
        raise ValueError
    json.dumps(found)
    return tuple(found)


def _names(known: Collection[str], *, at_least_one: bool) -> _Parse:
    """Read names separated by commas, each known and given once."""

    def parse(value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            value = [name.strip() for name in value.split(",")] if value.strip() else []
        if not isinstance(value, list | tuple) or len(set(value)) != len(value):
            raise ValueError
        if (at_least_one and not value) or not all(name in known for name in value):
            raise ValueError
        return tuple(value)

    return parse


def _one_of(*known: str) -> _Parse:
    def parse(value: object) -> str:
        if str(value) not in known:
            raise ValueError
        return str(value)

    return parse


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError from error
    return value


def _path_or_nothing(value: object) -> str:
    return "" if value in ("", None) else _text(value)


def _some_of(names: Iterable[str]) -> str:
    *most, last = names
    return f"some of {', '.join(most)} and {last}, separated by commas"


def _setting(default: _Value, parse: _Parse, expected: str) -> _Value:
    """Declare a setting: its default, what reads it, and what to tell who got it wrong."""
    declared: _Value = field(default=default, metadata={"parse": parse, "expected": expected})
    return declared


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of the application, typed and in range.

    The name of a setting is that of the field in capitals; ``settings.py`` says what each means.
    """

    kafka_bootstrap_server: str = _setting(
        "kafka://localhost:9092", _brokers, "kafka://host:port, several separated by commas"
    )
    schema_registry_url: str = _setting("http://localhost:8081", _http_url, "http://host:port")
    input_topic: str = _setting("pg-streaming-labeled-data", _topic, "the name of a topic")
    features_topic: str = _setting("pg-streaming-features", _topic, "the name of a topic")
    targets_topic: str = _setting("pg-streaming-targets", _topic, "the name of a topic")
    system_traces_topic: str = _setting("pg-traces-system", _topic, "the name of a topic")
    telegraf_topic: str = _setting("pg-traces-telegraf", _topic, "the name of a topic")
    nagios_topic: str = _setting("pg-traces-nagios", _topic, "the name of a topic")
    zipkin_topic: str = _setting("pg-traces-software", _topic, "the name of a topic")
    sources: tuple[str, ...] = _setting(
        ("labeled-data",), _names(SOURCE_TOPICS, at_least_one=True), _some_of(SOURCE_TOPICS)
    )
    publish: tuple[str, ...] = _setting(
        (), _names(PUBLISHED, at_least_one=False), f"{_some_of(PUBLISHED)}, or nothing"
    )
    telegraf_mapping: tuple[Any, ...] = field(
        default_factory=lambda: tuple(BUILT_IN_MAPPING),
        metadata={"parse": _json_list, "expected": "a JSON list of objects"},
    )
    telegraf_devices_left_out: str = _setting(DEVICES_LEFT_OUT, _pattern, "a regular expression, or nothing")
    telegraf_precision: str = _setting("ns", _one_of("ns", "us", "ms", "s"), "ns, us, ms or s")
    nagios_services: Mapping[str, Any] = field(
        default_factory=lambda: dict(NAGIOS_SERVICES),
        metadata={"parse": _json_object, "expected": "a JSON object"},
    )
    zipkin_host_from: str = _setting(
        "remote.ipv4",
        _text,
        "remote.ipv4, remote.service, local.ipv4, local.service, or tag: and the name of a tag",
    )
    zipkin_kinds: tuple[str, ...] = _setting(
        ("SERVER", "none"),
        _names(("SERVER", "CLIENT", "PRODUCER", "CONSUMER", "none"), at_least_one=True),
        "some of SERVER, CLIENT, PRODUCER, CONSUMER and none, separated by commas",
    )
    host_aliases: Mapping[str, Any] = field(
        default_factory=dict, metadata={"parse": _json_object, "expected": "a JSON object"}
    )
    objectives: str = _setting("", _path_or_nothing, "the name of a file, or nothing")
    label_without_spans: str = _setting("none", _one_of("none", "0"), "none or 0")
    log_topic: str = _setting("pg-streaming-samples", _topic, "the name of a topic")
    predictions_topic: str = _setting("pg-streaming-predictions", _topic, "the name of a topic")
    dead_letters_topic: str = _setting("pg-streaming-dead-letters", _topic, "the name of a topic")
    state_topic: str = _setting("pg-streaming-state", _topic, "the name of a topic")
    progress_topic: str = _setting("pg-streaming-progress", _topic, "the name of a topic")
    application_id: str = _setting("pg-streaming-machine-learning", _topic, "letters, digits, . _ and -")
    log_partitions: int = _setting(1, _integer(1, 1000), "a whole number from 1 to 1000")
    topics_create: bool = _setting(True, _boolean, "true or false")
    replication_factor: int = _setting(1, _integer(1, 100), "a whole number from 1 to 100")
    schemas_register: bool = _setting(True, _boolean, "true or false")
    session_timeout_s: int = _setting(6, _integer(1, 300), "whole seconds from 1 to 300")
    start_timeout_s: int = _setting(60, _integer(1, 86_400), "whole seconds from 1 to 86400")
    window_size_s: int = _setting(1800, _integer(1, 2_678_400), "whole seconds from 1 to 2678400 (31 days)")
    window_hop_s: int = _setting(60, _integer(1, 2_678_400), "whole seconds from 1 to WINDOW_SIZE_S")
    window_grace_s: int = _setting(60, _integer(0, 2_678_400), "whole seconds from 0 to 2678400 (31 days)")
    idle_after_s: int = _setting(120, _integer(1, 2_678_400), "whole seconds from 1 to 2678400 (31 days)")
    max_ahead_s: int = _setting(3600, _integer(0, 315_576_000), "whole seconds from 0 to 315576000")
    max_record_bytes: int = _setting(1_048_576, _integer(1024, 104_857_600), "bytes from 1024 to 104857600")
    model: str = _setting(
        "pg_streaming_machine_learning.learning.forest.AdaptiveRandomForestClassifier",
        _text,
        "the dotted path of a river classifier",
    )
    model_parameters: Mapping[str, Any] = field(
        default_factory=dict, metadata={"parse": _json_object, "expected": "a JSON object"}
    )
    seed: int = _setting(1, _integer(0, 2**32 - 1), "a whole number from 0 to 4294967295")
    warm_up_samples: int = _setting(50, _integer(0, 10**9), "a whole number from 0 to 1000000000")
    decision_threshold: float = _setting(0.5, _number(0.0, 1.0), "a number from 0 to 1")
    host_as_feature: bool = _setting(False, _boolean, "true or false")
    snapshot_every_updates: int = _setting(10_000, _integer(1, 10**9), "a whole number from 1 to 1000000000")
    snapshot_every_s: int = _setting(60, _integer(1, 2_678_400), "whole seconds from 1 to 2678400 (31 days)")
    snapshot_max_bytes: int = _setting(268_435_456, _integer(65_536, 2**32), "bytes from 65536 to 4294967296")
    snapshot_key: str = field(
        default="", repr=False, metadata={"parse": _key, "expected": "at least 16 characters, or nothing"}
    )
    snapshot_unsigned: bool = _setting(False, _boolean, "true or false")
    allow_cold_start: bool = _setting(False, _boolean, "true or false")
    allow_holes: bool = _setting(False, _boolean, "true or false")
    check_crcs: bool = _setting(True, _boolean, "true or false")
    stuck_after_s: int = _setting(60, _integer(1, 86_400), "whole seconds from 1 to 86400")
    web_enabled: bool = _setting(False, _boolean, "true or false")
    web_port: int = _setting(6066, _integer(1, _GREATEST_PORT), "a port from 1 to 65535")
    web_bind: str = _setting("127.0.0.1", _text, "an address of this machine, or 0.0.0.0 for all")

    def __post_init__(self) -> None:
        if self.window_hop_s > self.window_size_s:
            raise SettingsError(
                f"WINDOW_HOP_S is {self.window_hop_s}, expected at most WINDOW_SIZE_S, {self.window_size_s}: "
                "time between windows would be lost"
            )
        both = [name for name in self.sources if name in self.publish]
        if both:
            raise SettingsError(
                f"{both[0]} is in SOURCES and in PUBLISH, expected in one of them: "
                "what is published would be read again"
            )
        names: dict[str, str] = {}
        for name in _TOPICS:
            topic = getattr(self, name.lower())
            if topic in names:
                raise SettingsError(f"{name} is {topic!r}, expected another topic than {names[topic]}")
            names[topic] = name

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of the module that `SIMPLE_SETTINGS` names, overridden by the environment.

        Parameters
        ----------
        environ : mapping of str to str, optional
            The environment; that of the process if None.

        Raises
        ------
        SettingsError
            If a value cannot be what its setting needs, or a name is nearly that of a setting.
        """
        environment = os.environ if environ is None else environ
        module = environment.get("SIMPLE_SETTINGS", SETTINGS_MODULE)
        found = _load_module(module)
        _refuse_near_misses(found, f"settings module {module!r}")
        _refuse_near_misses(environment, "the environment")
        found.update((name, environment[name]) for name in setting_names() if name in environment)
        return cls(**{one.name: _read(one, found[_name(one)]) for one in fields(cls) if _name(one) in found})

    @property
    def bootstrap_servers(self) -> str:
        """The brokers as librdkafka takes them.

        Examples
        --------
        >>> Settings(kafka_bootstrap_server="kafka://one:9092,kafka://two:9092").bootstrap_servers
        'one:9092,two:9092'
        """
        return self.kafka_bootstrap_server.replace("kafka://", "")

    @property
    def input_topics(self) -> dict[str, str]:
        """Topic of each source that is switched on, by the source's name."""
        return {name: getattr(self, SOURCE_TOPICS[name].lower()) for name in self.sources}

    @property
    def published_topics(self) -> dict[str, str]:
        """Topic of what is published, besides predictions and dead letters, by its name."""
        return {name: getattr(self, SOURCE_TOPICS[name].lower()) for name in self.publish}

    def describe(self) -> list[str]:
        """Return ``NAME=value`` for every setting, passwords left out.

        Examples
        --------
        >>> Settings(schema_registry_url="http://me:secret@host:8081").describe()[1]
        'SCHEMA_REGISTRY_URL=http://***@host:8081'
        """
        return [f"{_name(one)}={self._shown(one)}" for one in fields(self)]

    def _shown(self, one: Field[Any]) -> str:
        """Return a setting's value for people; a long default is not shown again at each start."""
        value = getattr(self, one.name)
        shown = _shown(value, is_secret=not one.repr)
        is_default = value == getattr(_DEFAULTS, one.name)
        return "its default" if is_default and len(shown) > _LONG else shown


_TOPICS = (
    *SOURCE_TOPICS.values(),
    "LOG_TOPIC",
    "PREDICTIONS_TOPIC",
    "DEAD_LETTERS_TOPIC",
    "STATE_TOPIC",
    "PROGRESS_TOPIC",
)


_DEFAULTS = Settings()


def setting_names() -> list[str]:
    """Return the names of all settings, in the order of the documentation."""
    return [_name(one) for one in fields(Settings)]


def _name(one: Field[Any]) -> str:
    return one.name.upper()


def _shown(value: object, *, is_secret: bool = False) -> str:
    if is_secret:
        return "***" if value else ""
    if isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    text = json.dumps(value) if isinstance(value, Mapping | bool | tuple) else str(value)
    return re.sub(r"//[^/@\s]*@", "//***@", text)


def _without_password(value: object) -> str:
    return re.sub(r"//[^/@\s]*@", "//***@", repr(value))


def _secret_names() -> list[str]:
    return [_name(one) for one in fields(Settings) if not one.repr]


def _read(one: Field[Any], value: object) -> Any:
    """Return a setting's value as its type."""
    try:
        return one.metadata["parse"](value)
    except (ValueError, KeyError, TypeError) as error:
        shown = _without_password(value) if one.repr else "not shown"
        raise SettingsError(f"{_name(one)} is {shown}, expected {one.metadata['expected']}") from error


def _load_module(names: str) -> dict[str, Any]:
    """Return what simple-settings finds in the modules, files or environments named."""
    try:
        found: dict[str, Any] = LazySettings(*(name.strip() for name in names.split(","))).as_dict()
    except Exception as error:  # the module is the user's: it can raise anything
        text = " ".join(str(error).split()) or type(error).__name__
        raise SettingsError(
            f"SIMPLE_SETTINGS is {names!r}, which cannot be loaded ({text}), expected an importable module "
            "such as 'settings'"
        ) from error
    return found


def _refuse_near_misses(found: Mapping[str, object], where: str) -> None:
    """Raise if a name is nearly, but not quite, that of a setting which is not given there as well."""
    names = setting_names()
    for name in sorted(found):
        if name in names:
            continue
        cutoff = _NEARLY if len(name) > _SHORT else _NEARLY_IF_SHORT
        nearest = difflib.get_close_matches(name.upper(), names, n=1, cutoff=cutoff)
        if nearest and nearest[0] not in found:
            value = "not shown" if nearest[0] in _secret_names() else _without_password(found[name])
            raise SettingsError(
                f"{name} in {where} is {value}, but there is no such setting, expected {nearest[0]}"
            )
