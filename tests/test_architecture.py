"""The shape of the code: who may import whom, what a file may be called, how long it may be."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = "pg_streaming_machine_learning"
MODULES = sorted((ROOT / PACKAGE).rglob("*.py"))

# What a part may import, besides itself, the standard library and `errors`: parts of ours, then libraries.
# Data flows down this table, so imports point up.
MAY_IMPORT: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "records": (set(), {"dataclasses_avroschema", "numpy"}),
    "windows": ({"records"}, {"numpy"}),
    "labels": ({"records", "windows"}, {"numpy", "tomli"}),
    "wire": (
        {"records"},
        {"aiokafka", "dataclasses_avroschema", "fastavro", "httpx", "numpy", "schema_registry"},
    ),
    "sources": ({"records", "wire", "windows"}, {"numpy"}),
    "learning": ({"records"}, {"numba", "numpy", "river"}),
    "engine": ({"records", "windows", "labels", "learning"}, set()),
    "state": ({"records", "windows", "learning", "engine"}, set()),
    "outputs": ({"records", "wire"}, set()),
    "config": ({"sources"}, {"simple_settings"}),
    "simulation": ({"records", "wire"}, {"confluent_kafka", "numpy"}),
    "testbed": ({"records", "wire", "windows", "labels"}, {"aiohttp", "numpy", "psutil", "py_zipkin"}),
    "operations": (
        {"records", "wire", "sources", "windows", "learning", "engine", "state", "config"},
        {"confluent_kafka"},
    ),
    "demo": (
        {"records", "wire", "windows", "labels", "learning", "config", "testbed", "operations"},
        {"aiohttp", "aiokafka", "confluent_kafka", "numpy", "rich"},
    ),
    "streams": (
        {
            "records",
            "windows",
            "labels",
            "wire",
            "sources",
            "learning",
            "engine",
            "state",
            "outputs",
            "config",
        },
        {"aiokafka", "confluent_kafka", "faust", "mode"},
    ),
}
MAY_IMPORT_ANYTHING = {"__init__", "__main__", "app", "assembly", "cli"}

NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}

# Written in pieces, so that this file passes its own test.
FORBIDDEN_TEXT = re.compile(
    "|".join(["/" + "root/", "/" + "work/", "/" + r"home/\w", "/" + r"Users/\w", "/opt/" + "wheels"])
    + "|"
    + "|".join(["index-" + "url", "find-" + "links", "GO" + "PROXY", "PIP_" + "INDEX", "art" + "ifactory"])
)
TEXT_SUFFIXES = {"", ".avsc", ".cfg", ".csv", ".java", ".json", ".md", ".py", ".svg", ".toml", ".txt", ".yml"}
MOST_LINES = 500


def part_of(path: Path) -> str:
    """Return the part a module of ours belongs to: the folder or file directly below the package."""
    return path.relative_to(ROOT / PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} has a relative import"
            assert node.module is not None
            if node.module == PACKAGE:
                yield from ((node.lineno, f"{PACKAGE}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module


def forbidden_imports(path: Path) -> Iterator[str]:
    """Yield the imports of a module that the table does not allow."""
    part = part_of(path)
    ours, libraries = MAY_IMPORT[part]
    for line, name in imports_of(path):
        top, _, below = name.partition(".")
        if top in sys.stdlib_module_names or top == "__future__":
            continue
        if top == PACKAGE:
            allowed = {part, "errors", "__version__", ""} | ours
            if below.split(".")[0] not in allowed:
                yield f"line {line}: {part} imports {name}"
        elif top not in libraries:
            yield f"line {line}: {part} imports {name}"


def source_files() -> list[Path]:
    """Return every file of the checkout that is ours, not made by a tool."""
    made = {".git", ".venv", ".cache", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "build"}
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
        and not made & set(path.relative_to(ROOT).parts)
        and not any("__pycache__" in part or part.endswith(".egg-info") for part in path.parts)
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / PACKAGE)))
def test_imports_point_backwards_along_the_way_of_the_data(path: Path) -> None:
    """A part sees only what comes before it, and only its own libraries."""
    if part_of(path) not in MAY_IMPORT_ANYTHING:
        assert list(forbidden_imports(path)) == []


def test_every_part_is_in_the_table() -> None:
    """A new part needs a line that says what it may import."""
    assert {part_of(path) for path in MODULES} <= set(MAY_IMPORT) | MAY_IMPORT_ANYTHING


def test_only_the_settings_module_reads_simple_settings() -> None:
    """Everything else gets a checked `Settings`."""
    readers = {
        part_of(path)
        for path in MODULES
        for _, name in imports_of(path)
        if name.startswith("simple_settings")
    }
    assert readers <= {"config"}


def test_the_engine_brings_neither_kafka_nor_a_network() -> None:
    """The engine is pure: importing it in a fresh interpreter loads no client of anything."""
    script = f"import sys, {PACKAGE}.engine; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    loaded = set(run_fresh(script).split())
    assert f"{PACKAGE}" in loaded
    assert (
        loaded & {"aiohttp", "aiokafka", "confluent_kafka", "faust", "httpx", "mode", "schema_registry"}
        == set()
    )


def run_fresh(script: str) -> str:
    """Return what a script prints in an interpreter of its own."""
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORT_ALL = """
import importlib, json, sys, threading
missing = []
for name in sys.argv[1:]:
    module = importlib.import_module(name)
    missing += [f"{name}.{each}" for each in getattr(module, "__all__", ()) if not hasattr(module, each)]
print(json.dumps({"missing": missing, "threads": threading.active_count()}))
"""


def test_nothing_happens_on_import_and_all_names_exist() -> None:
    """Importing every module starts no thread, prints nothing, and finds each name of each `__all__`."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if path.relative_to(ROOT / PACKAGE) not in {Path("app.py"), Path("__main__.py")}
    ]
    script = f"import sys; sys.argv[1:] = {names!r}\n{IMPORT_ALL}"
    assert json.loads(run_fresh(script)) == {"missing": [], "threads": 1}


def exported(path: Path) -> list[str] | None:
    """Return the names of a module's `__all__`, None if it has none."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return None


def rank(name: str) -> tuple[int, str]:
    """Return the sort key of a name: constants, then classes, then the rest."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / PACKAGE)))
def test_exported_names_are_sorted_and_public(path: Path) -> None:
    """An `__all__` is sorted, without repetition, and has no private name."""
    names = exported(path)
    if names is not None:
        assert names == sorted(set(names), key=rank)
        assert [name for name in names if name.startswith("_") and name != "__version__"] == []


def test_every_folder_of_modules_is_a_package() -> None:
    """Without `__init__.py` a folder is not installed."""
    folders = {path.parent for path in MODULES}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_no_file_is_too_long() -> None:
    """One file, one concept."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in source_files()
        if path.suffix == ".py"
    }
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_module_is_named_after_nothing() -> None:
    """A file is named after its concept."""
    names = {path.stem for path in source_files() if path.suffix == ".py"} | {
        path.parent.name for path in MODULES
    }
    assert names & NAMES_THAT_SAY_NOTHING == set()


def test_no_trace_of_the_machine_it_was_written_on() -> None:
    """No path of a developer's machine and no address of a package index is in the tree."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in source_files()
        if path.suffix in TEXT_SUFFIXES
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if FORBIDDEN_TEXT.search(line)
    ]
    assert found == []
