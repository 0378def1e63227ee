"""Settings are typed and checked once, and what is wrong is said in one line that helps."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

import settings as settings_module
from pg_streaming_machine_learning.config import Settings, setting_names
from pg_streaming_machine_learning.errors import SettingsError

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs" / "settings.md"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield the file of an importable settings module named `my_settings`."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path / "my_settings.py"
    sys.modules.pop("my_settings", None)


def default_of(name: str) -> Any:
    """Return what a setting is if nobody says anything."""
    declared = next(one for one in fields(Settings) if one.name.upper() == name)
    return declared.default_factory() if declared.default_factory is not MISSING else declared.default


def test_without_an_environment_everything_is_as_settings_py_says() -> None:
    """`settings.py` has every setting, and its values are the defaults."""
    assert Settings.load({}) == Settings()
    written = {name: value for name, value in vars(settings_module).items() if name.isupper()}
    assert written == {name: default_of(name) for name in setting_names()}


def test_contract_names_have_the_contracts_defaults() -> None:
    """The three settings of the contract, with the values other programs rely on."""
    settings = Settings.load({})
    assert settings.kafka_bootstrap_server == "kafka://localhost:9092"
    assert settings.schema_registry_url == "http://localhost:8081"
    assert settings.input_topic == "pg-streaming-labeled-data"


def test_environment_comes_first() -> None:
    """Every value can be overridden by a variable of the same name, and gets its type."""
    settings = Settings.load(
        {
            "INPUT_TOPIC": "windows",
            "WINDOW_SIZE_S": "10",
            "WINDOW_HOP_S": "5",
            "TOPICS_CREATE": "no",
            "DECISION_THRESHOLD": "0.25",
            "MODEL_PARAMETERS": '{"n_models": 3}',
            "UNRELATED": "yes",
        }
    )
    assert (settings.input_topic, settings.window_size_s, settings.window_hop_s) == ("windows", 10, 5)
    assert (settings.topics_create, settings.decision_threshold) == (False, 0.25)
    assert settings.model_parameters == {"n_models": 3}


def test_a_module_of_ones_own_needs_only_what_differs(module: Path) -> None:
    """`SIMPLE_SETTINGS` names it; what it leaves out has its default."""
    module.write_text("SEED = 7\nMODEL_PARAMETERS = {'n_models': 3}\nLOGGING = {}\n", encoding="utf-8")
    settings = Settings.load({"SIMPLE_SETTINGS": "my_settings"})
    assert settings == Settings(seed=7, model_parameters={"n_models": 3})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAFKA_BOOTSTRAP_SERVER", "http://localhost:9092"),
        ("KAFKA_BOOTSTRAP_SERVER", "kafka://"),
        ("KAFKA_BOOTSTRAP_SERVER", "localhost:99999"),
        ("KAFKA_BOOTSTRAP_SERVER", "kafka://a:1,,b:2"),
        ("SCHEMA_REGISTRY_URL", "localhost:8081"),
        ("SCHEMA_REGISTRY_URL", "http://"),
        ("SCHEMA_REGISTRY_URL", "http://host:port"),
        ("INPUT_TOPIC", ""),
        ("INPUT_TOPIC", "a topic"),
        ("LOG_PARTITIONS", "0"),
        ("LOG_PARTITIONS", "one"),
        ("LOG_PARTITIONS", "1.5"),
        ("TOPICS_CREATE", "maybe"),
        ("TOPICS_CREATE", ""),
        ("WINDOW_GRACE_S", "-1"),
        ("DECISION_THRESHOLD", "1.5"),
        ("DECISION_THRESHOLD", "nan"),
        ("MODEL", ""),
        ("MODEL_PARAMETERS", "[1]"),
        ("MODEL_PARAMETERS", "{"),
        ("WEB_PORT", "65536"),
        ("WEB_BIND", ""),
        ("STATE_TOPIC", ""),
        ("PROGRESS_TOPIC", "a topic"),
        ("SESSION_TIMEOUT_S", "0"),
        ("SESSION_TIMEOUT_S", "0.5"),
        ("SNAPSHOT_EVERY_UPDATES", "0"),
        ("SNAPSHOT_EVERY_S", "-1"),
        ("SNAPSHOT_MAX_BYTES", "65535"),
        ("SNAPSHOT_UNSIGNED", "never"),
        ("ALLOW_COLD_START", "2"),
        ("ALLOW_HOLES", ""),
        ("STUCK_AFTER_S", "0"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_expected(name: str, value: str) -> None:
    """One line: setting, value, expectation."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: value})
    message = str(caught.value)
    assert message.startswith(f"{name} is {value!r}, expected ")
    assert "\n" not in message
    assert caught.value.exit_code == 2


def test_a_module_with_a_wrong_type_is_refused(module: Path) -> None:
    """Zero and one are no truth values in Python code, and text is no number of partitions."""
    module.write_text("TOPICS_CREATE = 1\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"^TOPICS_CREATE is 1, expected true or false$"):
        Settings.load({"SIMPLE_SETTINGS": "my_settings"})


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVER"),
        ("INPUT_TOPICS", "INPUT_TOPIC"),
        ("input_topic", "INPUT_TOPIC"),
        ("WINDOW_SIZE", "WINDOW_SIZE_S"),
        ("WINDOW_HOP", "WINDOW_HOP_S"),
        ("WEB_PROT", "WEB_PORT"),
        ("MODELS", "MODEL"),
    ],
)
def test_a_name_that_is_nearly_a_setting_is_refused(name: str, nearest: str) -> None:
    """A misspelt name would silently leave the default in force."""
    expected = rf"^{name} in the environment is 'x', but there is no such setting, expected {nearest}$"
    with pytest.raises(SettingsError, match=expected):
        Settings.load({name: "x"})


def test_a_near_miss_in_a_module_is_refused(module: Path) -> None:
    """The same for names in Python code."""
    module.write_text("WINDOW_SIZE = 7\n", encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"^WINDOW_SIZE in settings module 'my_settings' is 7, .* expected WINDOW_SIZE_S$"
    ):
        Settings.load({"SIMPLE_SETTINGS": "my_settings"})


@pytest.mark.parametrize(
    "name", ["MODE", "PORT", "LOG_LEVEL", "TOPIC", "HOST", "WORK_DIR", "PWD", "KAFKA_HOME"]
)
def test_names_of_others_are_left_alone(name: str) -> None:
    """A variable that only shares a word with a setting is none of our business."""
    assert Settings.load({name: "x"}) == Settings()


def test_a_near_miss_beside_the_setting_itself_is_left_alone() -> None:
    """Another program may well read KAFKA_BOOTSTRAP_SERVERS."""
    environment = {"KAFKA_BOOTSTRAP_SERVERS": "a:1", "KAFKA_BOOTSTRAP_SERVER": "b:2"}
    assert Settings.load(environment).bootstrap_servers == "b:2"


@pytest.mark.parametrize("text", ["import nothing_of_this_name\n", "1 / 0\n", "def\n"])
def test_a_module_that_cannot_be_loaded_is_one_line(module: Path, text: str) -> None:
    """Whatever a user's module raises."""
    module.write_text(text, encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"^SIMPLE_SETTINGS is 'my_settings', which cannot be loaded"
    ) as caught:
        Settings.load({"SIMPLE_SETTINGS": "my_settings"})
    assert "\n" not in str(caught.value)


def test_hop_longer_than_size_is_refused() -> None:
    """Readings between two windows would be in none."""
    with pytest.raises(SettingsError, match=r"^WINDOW_HOP_S is 20, expected at most WINDOW_SIZE_S, 10:"):
        Settings.load({"WINDOW_SIZE_S": "10", "WINDOW_HOP_S": "20"})


def test_two_topics_with_one_name_are_refused() -> None:
    """Reading what it writes, the worker would feed itself."""
    with pytest.raises(SettingsError, match=r"^LOG_TOPIC is 'x', expected another topic than INPUT_TOPIC$"):
        Settings.load({"INPUT_TOPIC": "x", "LOG_TOPIC": "x"})


def test_addresses_come_in_the_form_each_library_takes() -> None:
    """Kafka's addresses are accepted with and without scheme, separated as Faust or librdkafka have it."""
    settings = Settings.load({"KAFKA_BOOTSTRAP_SERVER": "kafka://one:9092; two:9093,[::1]:9094"})
    assert settings.kafka_bootstrap_server == "kafka://one:9092,kafka://two:9093,kafka://[::1]:9094"
    assert settings.bootstrap_servers == "one:9092,two:9093,[::1]:9094"


def test_inputs_are_those_switched_on() -> None:
    """In the order they are named, each with the topic of its own setting."""
    assert Settings().input_topics == {"labeled-data": "pg-streaming-labeled-data"}
    settings = Settings.load({"SOURCES": "telegraf, zipkin", "ZIPKIN_TOPIC": "spans"})
    assert settings.input_topics == {"telegraf": "pg-traces-telegraf", "zipkin": "spans"}
    assert Settings.load({"PUBLISH": ""}).published_topics == {}
    published = Settings(publish=("features",), features_topic="here").published_topics
    assert published == {"features": "here"}


def test_what_is_read_is_not_published() -> None:
    with pytest.raises(SettingsError, match=r"^features is in SOURCES and in PUBLISH, expected in one"):
        Settings(sources=("labeled-data", "features"), publish=("targets", "features"))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SOURCES", "", "some of labeled-data, features, targets, .* and zipkin, separated by commas"),
        ("SOURCES", "telegraph", "some of labeled-data"),
        ("SOURCES", "zipkin,zipkin", "some of labeled-data"),
        (
            "PUBLISH",
            "predictions",
            "some of system-traces, .*, or nothing",
        ),
        ("TELEGRAF_MAPPING", "{}", "a JSON list of objects"),
        ("TELEGRAF_MAPPING", "[", "a JSON list of objects"),
        ("TELEGRAF_DEVICES_LEFT_OUT", "(", "a regular expression, or nothing"),
        ("TELEGRAF_PRECISION", "m", "ns, us, ms or s"),
        ("NAGIOS_SERVICES", "[]", "a JSON object"),
        ("ZIPKIN_KINDS", "server", "some of SERVER, CLIENT, PRODUCER, CONSUMER and none"),
        ("LABEL_WITHOUT_SPANS", "1", "none or 0"),
    ],
)
def test_a_source_set_wrongly_is_an_error_that_says_what_is_right(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingsError, match=rf"^{name} is .*, expected {expected}"):
        Settings.load({name: value})


def test_a_long_default_is_not_shown_at_each_start() -> None:
    lines = Settings().describe()
    assert "TELEGRAF_MAPPING=its default" in lines
    assert "SOURCES=labeled-data" in lines
    assert 'TELEGRAF_MAPPING=[{"field": "x"}]' in Settings(telegraf_mapping=({"field": "x"},)).describe()


def test_description_names_everything_and_no_password() -> None:
    """What is logged at the start."""
    settings = Settings.load({"SCHEMA_REGISTRY_URL": "http://user:secret@registry:8081"})
    lines = settings.describe()
    assert [line.partition("=")[0] for line in lines] == setting_names()
    assert "secret" not in " ".join(lines)
    assert "SCHEMA_REGISTRY_URL=http://***@registry:8081" in lines


def test_a_wrong_address_does_not_show_its_password() -> None:
    """Error lines end up in logs too."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({"SCHEMA_REGISTRY_URL": "ftp://user:secret@registry"})
    assert "secret" not in str(caught.value)


KEY = "0123456789 this is secret"


def test_a_secret_is_shown_nowhere() -> None:
    """Neither at the start nor in what Python shows of the settings; that there is one may be known."""
    settings = Settings.load({"SNAPSHOT_KEY": KEY})
    assert settings.snapshot_key == KEY
    assert "SNAPSHOT_KEY=***" in settings.describe()
    assert "SNAPSHOT_KEY=" in Settings().describe()
    assert KEY not in repr(settings) + str(settings) + " ".join(settings.describe())


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "SNAPSHOT_KEY",
            "too short",
            "SNAPSHOT_KEY is not shown, expected at least 16 characters, or nothing",
        ),
        ("SNAPSHOT_KEY", f" {KEY}", "SNAPSHOT_KEY is not shown, expected at least 16 characters"),
        ("SNAPSHOT_KEYS", KEY, "SNAPSHOT_KEYS in the environment is "),
        ("snapshot_key", KEY, "snapshot_key in the environment is "),
    ],
)
def test_a_secret_given_wrongly_is_not_shown(name: str, value: str, expected: str) -> None:
    """Nor one whose name is misspelt: error lines end up in logs."""
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: value})
    assert str(caught.value).startswith(expected)
    assert value.strip() not in str(caught.value)


@pytest.mark.parametrize("value", ["", None])
def test_no_secret_is_none(value: str | None, module: Path) -> None:
    """The key of the machine is used then."""
    module.write_text(f"SNAPSHOT_KEY = {value!r}\n", encoding="utf-8")
    assert Settings.load({"SIMPLE_SETTINGS": "my_settings"}).snapshot_key == ""


@pytest.mark.parametrize("name", ["STATE_TOPIC", "PROGRESS_TOPIC"])
def test_what_a_start_needs_has_topics_of_its_own(name: str) -> None:
    """They are compacted: anything else in them would be lost."""
    with pytest.raises(SettingsError, match=rf"^{name} is 'x', expected another topic than LOG_TOPIC$"):
        Settings.load({"LOG_TOPIC": "x", name: "x"})


def test_whatever_endangers_the_state_is_off() -> None:
    """Records are skipped, models are thrown away and unsigned ones loaded on request only."""
    settings = Settings()
    risks = (settings.allow_cold_start, settings.allow_holes, settings.snapshot_unsigned)
    assert not any(risks)
    assert settings.check_crcs
    assert settings.web_bind == "127.0.0.1"


def test_document_has_every_setting_with_default_and_range() -> None:
    """`docs/settings.md` is the table of this module."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \| .+ \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE
    )
    declared = [
        (one.name.upper(), shown(default_of(one.name.upper())), one.metadata["expected"])
        for one in fields(Settings)
    ]
    assert rows == declared


def shown(value: object) -> str:
    """Return a default as the document has it."""
    if value in ("", ()):
        return "nothing"
    if isinstance(value, tuple) and all(isinstance(each, str) for each in value):
        return f"`{','.join(value)}`"
    if len(str(value)) > 200:
        return "the built-in one"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
