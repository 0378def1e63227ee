"""Programs from Maven, fetched once into the cache folder; Java 17 and Maven are needed to run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["cache_folder", "fetch_dependencies", "missing"]

_FETCH_TIMEOUT_S = 600

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>integration</groupId><artifactId>test</artifactId><version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""

_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def missing() -> str | None:
    """Return what a program from Maven needs and this machine has not, None if all is there."""
    absent = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"{' and '.join(absent)} not found, Java 17 and Maven are needed" if absent else None


def cache_folder() -> Path:
    """Return where downloads are kept from one run to the next."""
    return Path(os.environ.get("PG_TEST_CACHE", Path(__file__).parents[2] / ".cache"))


def fetch_dependencies(folder: Path, *artifacts: str) -> Path:
    """Fetch artifacts, ``group:name:version``, with all they depend on, unless the folder is there already.

    They are fetched beside their place and moved there, so that an interrupted run, or one beside this one,
    leaves nothing half done.
    """
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as directory:
        project = Path(directory)
        dependencies = "".join(_DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
        (project / "pom.xml").write_text(_POM.format(dependencies=dependencies), encoding="utf-8")
        copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"]
        subprocess.run([*copy, "-DincludeScope=runtime"], cwd=project, check=True, timeout=_FETCH_TIMEOUT_S)
        try:
            (project / "libs").rename(folder)
        except OSError:
            if not folder.exists():
                raise
    return folder
