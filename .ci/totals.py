"""Print the totals of JUnit files: `totals.py DIRECTORY`. The last line is `N passed, N failed`."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path


def outcome(case: ElementTree.Element) -> str:
    """Return what became of one test."""
    for tag, word in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if case.find(tag) is not None:
            return word
    return "passed"


def met_kafka(case: ElementTree.Element) -> bool:
    """Return whether the test is marked `kafka` (`conftest.py` notes it)."""
    return any((mark.get("name"), mark.get("value")) == ("marker", "kafka") for mark in case.iter("property"))


def main(directory: Path) -> int:
    """Print one line per file and the total."""
    total: Counter[str] = Counter()
    for path in sorted(directory.glob("*.xml")):
        cases = list(ElementTree.parse(path).iter("testcase"))
        counts = Counter(outcome(case) for case in cases)
        kafka = sum(outcome(case) == "passed" for case in cases if met_kafka(case))
        seconds = sum(float(case.get("time", 0)) for case in cases)
        against = f", {kafka} of them against a real Kafka" if kafka else ""
        print(f"{path.stem}: {counts['passed']} passed{against}, {counts['failed']} failed, ", end="")
        print(f"{counts['skipped']} skipped, {seconds:.0f} s")
        total += counts
    print(f"{total['passed']} passed, {total['failed']} failed")
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
