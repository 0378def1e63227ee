"""The compose file and the Dockerfile, checked without a Docker engine.

Whether the containers start was not tried. What can be checked is: the compose file is one by the
specification's schema; the files, commands and settings (ours, Kafka's, Karapace's) both name exist.
"""

from __future__ import annotations

import ast
import json
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import settings
from pg_streaming_machine_learning.config import setting_names
from pg_streaming_machine_learning.state.signing import key_file
from pg_streaming_machine_learning.streams.worker import STOP_WITHIN_S

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "compose"

SETTINGS = {name for name in vars(settings) if name.isupper()}
OF_PYTHON = {"PATH", "PYTHONUNBUFFERED", "SIMPLE_SETTINGS"}
INTERPOLATED = re.compile(r"\$\{(\w+):-([^}]*)\}")
OF_THE_IMAGE = {"WEB_ENABLED", "WEB_PORT", "WEB_BIND"}
"""Settings that the image has, and its health check relies on."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Return the compose file."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile with their arguments, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def known(file: str) -> set[str]:
    """Return the settings a foreign program knows."""
    return set((FIXTURES / file).read_text(encoding="utf-8").split())


def arguments(dockerfile: list[tuple[str, str]], instruction: str) -> list[str]:
    """Return the arguments of each use of an instruction."""
    return [rest for word, rest in dockerfile if word == instruction]


def is_command(name: str) -> bool:
    """Say whether installing the package gives a command of that name, or Python itself does."""
    scripts = {script.name for script in entry_points(group="console_scripts")}
    return name in scripts | {"python", "python3"}


def test_compose_file_is_one_by_the_specification(compose: dict[str, Any]) -> None:
    """The schema of the compose specification accepts it."""
    schema = json.loads((FIXTURES / "compose-spec.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []


def test_the_schema_would_refuse_a_mistake(compose: dict[str, Any]) -> None:
    """The check above can fail: a misspelt key is found."""
    schema = json.loads((FIXTURES / "compose-spec.json").read_text(encoding="utf-8"))
    broken = json.loads(json.dumps(compose))
    broken["services"]["worker"]["enviroment"] = {}
    assert not jsonschema.Draft202012Validator(schema).is_valid(broken)


def test_profiles_are_those_of_the_contract(compose: dict[str, Any]) -> None:
    """`ml` is this application, `infrastructure` what it needs; nothing starts without a profile."""
    profiles = {name: service["profiles"] for name, service in compose["services"].items()}
    assert profiles.pop("worker") == ["ml"]
    assert set(map(tuple, profiles.values())) == {("infrastructure",)}


def test_ports_are_those_of_the_contract(compose: dict[str, Any]) -> None:
    """Kafka at 9092 outside and 9093 inside, the registry at 8081."""
    services = compose["services"]
    assert services["kafka"]["ports"] == ["9092:9092"]
    assert services["schema-registry"]["ports"] == ["8081:8081"]
    advertised = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert advertised == "OUTSIDE://localhost:9092,INSIDE://kafka:9093"
    assert services["schema-registry"]["environment"]["KARAPACE_PORT"] == 8081


def test_every_advertised_listener_is_listened_to(compose: dict[str, Any]) -> None:
    """A listener is bound, advertised, and has a security protocol."""
    environment = compose["services"]["kafka"]["environment"]
    bound = dict(each.split("://") for each in environment["KAFKA_LISTENERS"].split(","))
    advertised = dict(each.split("://") for each in environment["KAFKA_ADVERTISED_LISTENERS"].split(","))
    protocols = dict(
        each.split(":") for each in environment["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    assert set(bound) == set(protocols) == set(advertised) | {environment["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    for name, address in advertised.items():
        assert address.rpartition(":")[2] == bound[name].rpartition(":")[2]
    assert environment["KAFKA_CONTROLLER_QUORUM_VOTERS"].endswith(bound["CONTROLLER"])


def test_the_worker_uses_settings_that_exist(compose: dict[str, Any]) -> None:
    """Each name is one of ours, and what may be overridden is overridden by the same name."""
    environment = compose["services"]["worker"]["environment"]
    assert set(environment) <= SETTINGS
    for name, value in environment.items():
        if value is None:
            continue
        found = INTERPOLATED.fullmatch(value)
        assert found is not None
        assert found.group(1) == name
    default = INTERPOLATED.fullmatch(environment["INPUT_TOPIC"])
    assert default is not None
    assert default.group(2) == settings.INPUT_TOPIC


def test_every_input_topic_is_made(compose: dict[str, Any]) -> None:
    """Those that the setting names, else those that the worker reads by default: none is made by itself."""
    command = compose["services"]["input-topics"]["command"]
    made = {found.group(1): found.group(2) for each in command if (found := INTERPOLATED.fullmatch(each))}
    assert len(made) == len(command)
    wanted = {name: getattr(settings, name) for name in SETTINGS if name.endswith("_TOPIC")}
    ours = {"LOG_TOPIC", "PREDICTIONS_TOPIC", "DEAD_LETTERS_TOPIC", "STATE_TOPIC", "PROGRESS_TOPIC"}
    assert made == {name: topic for name, topic in wanted.items() if name not in ours}


def test_every_setting_reaches_the_worker(compose: dict[str, Any]) -> None:
    """A name without value is taken from where docker-compose runs, or left out if it is not set there."""
    environment = compose["services"]["worker"]["environment"]
    assert set(environment) == set(setting_names()) - OF_THE_IMAGE
    with_default = {name for name, value in environment.items() if value is not None}
    assert with_default == {"KAFKA_BOOTSTRAP_SERVER", "SCHEMA_REGISTRY_URL", "INPUT_TOPIC"}


def test_what_the_image_sets_is_the_rest(dockerfile: list[tuple[str, str]]) -> None:
    """A web server at the port that the image shows, reachable from outside the container."""
    found = dict(re.findall(r"(WEB_\w+)=(\S+)", " ".join(arguments(dockerfile, "ENV"))))
    assert set(found) == OF_THE_IMAGE
    assert found["WEB_BIND"] == "0.0.0.0"
    assert arguments(dockerfile, "EXPOSE") == [found["WEB_PORT"]]


def test_the_worker_starts_again_whatever_it_ended_with(compose: dict[str, Any]) -> None:
    """Exit code 75 means that a new start mends it; it has longer to stop than it needs."""
    worker = compose["services"]["worker"]
    assert worker["restart"] == "unless-stopped"
    assert int(worker["stop_grace_period"].removesuffix("s")) > STOP_WITHIN_S


def test_compose_file_and_image_check_the_health_alike(
    compose: dict[str, Any], dockerfile: list[tuple[str, str]]
) -> None:
    """The image's check is for those who run it without the compose file."""
    options, _, command = arguments(dockerfile, "HEALTHCHECK")[-1].partition(" CMD ")
    check = compose["services"]["worker"]["healthcheck"]
    assert check.pop("test") == ["CMD", *json.loads(command)]
    written = {name.replace("-", "_"): value for name, value in re.findall(r"--([\w-]+)=(\S+)", options)}
    assert {name: str(value) for name, value in check.items()} == written


def test_the_key_of_snapshots_outlives_the_container(
    compose: dict[str, Any], dockerfile: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The volume is where the key file is, in a folder that belongs to the user of the image."""
    (mount,) = compose["services"]["worker"]["volumes"]
    _, _, folder = mount.partition(":")
    home = re.search(r"--home-dir (\S+)", " ".join(arguments(dockerfile, "RUN")))
    assert home is not None
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", home.group(1))
    assert key_file().is_relative_to(folder)
    made = next(rest for rest in arguments(dockerfile, "RUN") if "install --directory" in rest)
    assert made.endswith(f" {folder}")
    assert f"--owner={arguments(dockerfile, 'USER')[-1]}" in made


def test_the_worker_finds_the_services_of_this_file(compose: dict[str, Any]) -> None:
    """By default it speaks to Kafka's inside listener and to the registry by their service names."""
    environment = compose["services"]["worker"]["environment"]
    assert environment["KAFKA_BOOTSTRAP_SERVER"].endswith("kafka://kafka:9093}")
    assert environment["SCHEMA_REGISTRY_URL"].endswith("http://schema-registry:8081}")


def test_every_dependency_is_a_service_that_can_meet_its_condition(compose: dict[str, Any]) -> None:
    """Who is waited for to be healthy has a health check; profile `ml` alone works without the others."""
    services = compose["services"]
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"][0] == "CMD", (name, other)
            assert wanted.get("required", True) is (service["profiles"] == services[other]["profiles"])


def test_kafka_knows_its_settings(compose: dict[str, Any]) -> None:
    """Each `KAFKA_...` is a setting of the broker version the image has: `.` became `_`."""
    names = set(compose["services"]["kafka"]["environment"]) - {"CLUSTER_ID"}
    version = compose["services"]["kafka"]["image"].rpartition(":")[2]
    settings_of_kafka = known(f"kafka-{version}-settings.txt")
    unknown = {
        name
        for name in names
        if name.removeprefix("KAFKA_").lower().replace("_", ".") not in settings_of_kafka
    }
    assert unknown == set()


def test_the_cluster_id_is_one(compose: dict[str, Any]) -> None:
    """Kafka takes sixteen bytes in URL-safe base64 without padding."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", compose["services"]["kafka"]["environment"]["CLUSTER_ID"])


def test_kafka_of_the_compose_file_is_a_version_the_tests_run_against(compose: dict[str, Any]) -> None:
    """The integration tests start the same version from Maven."""
    version = compose["services"]["kafka"]["image"].rpartition(":")[2]
    starter = (ROOT / "integration-test" / "services" / "kafka.py").read_text(encoding="utf-8")
    assert f'"{version}"' in starter
    assert compose["services"]["input-topics"]["image"] == compose["services"]["kafka"]["image"]


def test_karapace_knows_its_settings(compose: dict[str, Any]) -> None:
    """Each `KARAPACE_...` is a field of Karapace's configuration."""
    names = set(compose["services"]["schema-registry"]["environment"])
    assert {name.removeprefix("KARAPACE_").lower() for name in names} <= known("karapace-settings.txt")


def test_every_volume_is_declared(compose: dict[str, Any]) -> None:
    """A named volume is declared at the end of the file, and Kafka keeps its data there."""
    mounts = [
        mount.split(":") for service in compose["services"].values() for mount in service.get("volumes", [])
    ]
    assert [name for name, _ in mounts] == list(compose["volumes"])
    assert compose["services"]["kafka"]["volumes"] == [
        "kafka-data:" + compose["services"]["kafka"]["environment"]["KAFKA_LOG_DIRS"]
    ]


def test_images_are_pinned(compose: dict[str, Any], dockerfile: list[tuple[str, str]]) -> None:
    """No image floats with `latest`."""
    images = [service["image"] for service in compose["services"].values() if "build" not in service]
    images += [rest.partition(" AS ")[0] for rest in arguments(dockerfile, "FROM")]
    assert [image for image in images if ":" not in image or image.endswith(":latest")] == []


def test_what_the_dockerfile_copies_is_there_and_not_ignored(dockerfile: list[tuple[str, str]]) -> None:
    """Each file is in the checkout and let in by `.dockerignore`."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        source.removeprefix("./")
        for rest in arguments(dockerfile, "COPY")
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]
    assert copied
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [source for source in copied if f"!{source}" not in ignore] == []


def test_what_setup_needs_is_copied_before_it_runs(dockerfile: list[tuple[str, str]]) -> None:
    """`setup.py` reads README.md and LICENSE and installs settings.py."""
    copied = " ".join(arguments(dockerfile, "COPY"))
    for needed in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "settings.py"):
        assert needed in copied


def test_commands_of_the_dockerfile_exist(dockerfile: list[tuple[str, str]]) -> None:
    """What starts and what checks are commands the installation gives; its Python compiles."""
    command = json.loads(arguments(dockerfile, "CMD")[-1])
    assert is_command(command[0])
    module = command[command.index("-A") + 1]
    assert (ROOT / Path(*module.split("."))).with_suffix(".py").exists()
    check = json.loads(arguments(dockerfile, "HEALTHCHECK")[-1].partition("CMD ")[2])
    assert is_command(check[0])
    assert check[1] == "-c"
    ast.parse(check[2])


def test_environment_of_the_dockerfile_is_known(dockerfile: list[tuple[str, str]]) -> None:
    """Each name is one of our settings or one that Python or simple-settings reads."""
    names = {name for rest in arguments(dockerfile, "ENV") for name in re.findall(r"(\w+)=", rest)}
    assert names <= SETTINGS | OF_PYTHON


def test_the_image_does_not_run_as_root(dockerfile: list[tuple[str, str]]) -> None:
    """The user is made in the image and has no privileges."""
    user = arguments(dockerfile, "USER")[-1]
    assert user not in {"root", "0"}
    assert f" {user}" in next(rest for rest in arguments(dockerfile, "RUN") if rest.startswith("useradd"))


def test_the_health_check_asks_where_the_worker_listens(dockerfile: list[tuple[str, str]]) -> None:
    """The port asked is the port set."""
    port = re.findall(r"WEB_PORT=(\d+)", " ".join(arguments(dockerfile, "ENV")))
    assert len(port) == 1
    assert f"127.0.0.1:{port[0]}/live'" in arguments(dockerfile, "HEALTHCHECK")[0]


def test_health_checks_of_the_compose_file_compile(compose: dict[str, Any]) -> None:
    """Python given to a health check is Python."""
    for service in compose["services"].values():
        test = service.get("healthcheck", {}).get("test", [])
        if "-c" in test:
            ast.parse(test[test.index("-c") + 1])
