"""What `pip install` gives: the version, the dependencies, the data, the command."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

import pg_streaming_machine_learning

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pg_streaming_machine_learning"


needs_names_of_imports = pytest.mark.skipif(
    sys.version_info < (3, 11), reason="Python 3.10 does not know which distribution an import belongs to"
)


def setup_arguments() -> dict[str, ast.expr]:
    """Return the keyword arguments of the call of `setup`."""
    for node in ast.walk(ast.parse((ROOT / "setup.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "setup":
            return {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg is not None}
    raise AssertionError("setup.py does not call setup")


def literal(name: str) -> Any:
    """Return the value of an argument of `setup` that is a literal."""
    return ast.literal_eval(setup_arguments()[name])


def normalized(requirement: str) -> str:
    """Return the name of the distribution a requirement is about."""
    return re.split(r"[<>=!~;\[ ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def imported(folder: Path) -> set[str]:
    """Return the top names of all modules imported below a folder, without the standard library."""
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
                names.add(node.module.partition(".")[0])
    ours = {path.stem for each in (ROOT, ROOT / "integration-test", folder) for path in each.iterdir()}
    return names - set(sys.stdlib_module_names) - ours


def undeclared(folder: Path, requirements: set[str]) -> set[str]:
    """Return the imports below a folder that no requirement brings."""
    distributions = packages_distributions()
    return {
        name
        for name in imported(folder)
        if not {normalized(each) for each in distributions.get(name, [name])} & requirements
    }


@needs_names_of_imports
def test_every_import_of_the_package_is_declared() -> None:
    """What it imports it requires, instead of relying on what others require."""
    assert undeclared(PACKAGE, set(map(normalized, literal("install_requires")))) == set()


@needs_names_of_imports
def test_every_requirement_is_imported() -> None:
    """Every dependency earns its place."""
    distributions = packages_distributions()
    # What this Python has no need of is not installed: it goes by its own name.
    used = {normalized(each) for name in imported(PACKAGE) for each in distributions.get(name, [name])}
    # Faust imports it; our hooks into it are written against exactly one version.
    assert set(map(normalized, literal("install_requires"))) - used <= {"aiokafka"}


@needs_names_of_imports
def test_every_import_of_the_tests_is_declared() -> None:
    """The extra `test` completes what the tests import."""
    requirements = set(map(normalized, [*literal("install_requires"), *literal("extras_require")["test"]]))
    for folder in ("tests", "integration-test", "benchmarks"):
        assert undeclared(ROOT / folder, requirements) == set(), folder


def test_what_is_hooked_into_is_pinned_exactly() -> None:
    """Faust and aiokafka below their public interface, and the learner whose answers must not change."""
    for requirement in literal("install_requires"):
        if normalized(requirement) in {"faust-streaming", "aiokafka", "mode-streaming", "river"}:
            assert "==" in requirement.partition(";")[0]


def test_data_of_the_package_is_installed() -> None:
    """Each file below the package that is no module is matched by `package_data`."""
    patterns = ast.literal_eval(
        ast.unparse(setup_arguments()["package_data"]).replace("PACKAGE", "'PACKAGE'")
    )
    installed = {path for pattern in patterns["PACKAGE"] for path in PACKAGE.glob(pattern)}
    data = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix != ".py" and not {"__pycache__", ".cache"} & set(path.parts)
    }
    assert data - installed == set()
    assert (PACKAGE / "py.typed") in installed


def test_the_command_exists() -> None:
    """The console script points at something that can be called."""
    script = ast.unparse(setup_arguments()["entry_points"])
    found = re.search(r"pg-streaming-machine-learning = \{PACKAGE\}\.(\w+):(\w+)", script)
    assert found is not None
    module = importlib.import_module(f"pg_streaming_machine_learning.{found.group(1)}")
    assert callable(getattr(module, found.group(2)))


def test_the_version_has_three_numbers() -> None:
    """Semantic versioning; `setup.py` reads it where the package has it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", pg_streaming_machine_learning.__version__)


def test_python_versions_agree() -> None:
    """Setup, linter and type checker speak of the same oldest Python."""
    assert literal("python_requires") == ">=3.10"
    configuration = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'target-version = "py310"' in configuration
    assert 'python_version = "3.10"' in configuration
