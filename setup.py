"""Install the package: `pip3 install -e .`, for the tests `pip3 install -e '.[test,check]'`."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
PACKAGE = "pg_streaming_machine_learning"


def version() -> str:
    """Return the version the package says it has, without importing it."""
    text = (HERE / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{PACKAGE}/__init__.py has no line __version__ = ...")
    return found.group(1)


setup(
    name="pg-streaming-machine-learning",
    version=version(),
    description="Learns from metrics and traces in Kafka, or windows of them, predicts bottlenecks by host",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["kafka", "faust", "river", "stream processing", "online machine learning", "bottleneck"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: System :: Monitoring",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    py_modules=["settings"],
    package_data={PACKAGE: ["py.typed", "wire/schemas/*.avsc", "demo/recording/*"]},
    zip_safe=False,
    install_requires=[
        # streams/ hooks into these below their public interface: only these versions are tested.
        "faust-streaming==0.15.3",
        # By itself it reads what is compressed with gzip only, and ends over the other codecs of Kafka.
        "aiokafka[lz4,snappy,zstd]==0.14.0",
        "mode-streaming==0.7.1",
        # Same log, same predictions: only with the same learner. 0.22.0 is the last for Python 3.10.
        'river==0.26.1; python_version >= "3.11"',
        'river==0.22.0; python_version < "3.11"',
        # The schemas it generates are compared with the contract's, letter by letter.
        "dataclasses-avroschema>=0.71.1,<0.72",
        "python-schema-registry-client>=2.6.1,<3",
        "fastavro>=1.12.2,<2",
        "simple-settings>=1.2.0,<2",
        'tomli>=2.0,<3; python_version < "3.11"',
        "confluent-kafka>=2.16.1,<3",
        "aiohttp>=3.12,<4",
        "click>=8.1,<9",
        "httpx>=0.28,<0.29",
        # The forest is compiled by it; the bits do not depend on its release, the way to its cache does.
        "numba>=0.65,<0.69",
        "numpy>=2.2.5,<3",
        "psutil>=7.0,<8",
        "rich>=14.0,<16",
        # The spans of the testbed are made by a client library of Zipkin's, not by us.
        "py_zipkin>=1.2.8,<2",
    ],
    extras_require={
        "test": [
            "hypothesis>=6.168,<7",
            "jsonschema>=4.23,<5",
            "pytest>=9.0,<10",
            "pytest-randomly>=5.0,<6",
            "pytest-timeout>=2.4,<3",
            "PyYAML>=6.0.2,<7",
            # river's check_estimator
            "scikit-learn>=1.7,<2",
            # What confluent_kafka's AvroDeserializer imports. Its own extras name a certifi newer than some
            # package indexes have, so they are spelled out.
            "attrs>=21.2",
            "authlib>=1.8",
            "cachetools>=5.5",
            "httpx2>=2.0",
        ],
        "check": [
            "mypy==2.4.1",
            "ruff==0.17.5",
            "types-jsonschema>=4.23,<5",
            "types-psutil>=7.0,<8",
            "types-setuptools",
            "types-PyYAML>=6.0.12,<7",
        ],
    },
    entry_points={"console_scripts": [f"pg-streaming-machine-learning = {PACKAGE}.cli:main"]},
)
