"""Reads what a simulation writes, plainly and slowly."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from pg_streaming_machine_learning.simulation.plan import SimulationPlan
from pg_streaming_machine_learning.simulation.simulation import Cycle, Simulation
from pg_streaming_machine_learning.simulation.truth import TruthRow

FIELDS = {
    "CPU": ("cpu", "cpu-total", "usage_idle"),
    "MEMORY": ("mem", "", "used_percent"),
    "DISK_WRITE": ("diskio", "sda", "write_bytes"),
    "NETWORK_OUT": ("net", "eth0", "bytes_sent"),
}


@dataclass
class Point:
    """A line, taken apart."""

    measurement: str
    host: str
    device: str
    fields: dict[str, float]
    at_ms: int


def read_line(line: str) -> Point:
    """Take a line apart; nothing in it is escaped."""
    head, fields, at_ns = line.removesuffix("\n").split(" ")
    measurement, *tags = head.split(",")
    named = dict(tag.split("=") for tag in tags)
    values = {
        name: float(text.removesuffix("i")) for name, text in (each.split("=") for each in fields.split(","))
    }
    host = named.pop("host")
    device = next(iter(named.values()), "")
    return Point(measurement, host, device, values, int(at_ns) // 1_000_000)


@dataclass
class Seen:
    """A whole run: points by host, spans by host, truth, and what the model says."""

    plan: SimulationPlan
    points: dict[str, list[Point]] = field(default_factory=lambda: defaultdict(list))
    spans: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    truth: list[TruthRow] = field(default_factory=list)
    cycles: list[Cycle] = field(default_factory=list)

    def of(self, scenario: str) -> list[TruthRow]:
        """Return the truth of a scenario."""
        return [row for row in self.truth if row.scenario == scenario]

    def values(self, host: str, metric: str, from_ms: int, until_ms: int) -> list[float]:
        """Return the readings of a metric after one time, up to another; of counters, what was added."""
        measurement, device, name = FIELDS[metric]
        points = [
            point
            for point in self.points[host]
            if (point.measurement, point.device) == (measurement, device)
            and from_ms < point.at_ms <= until_ms
        ]
        values = [point.fields[name] for point in points]
        if metric in ("CPU", "MEMORY"):
            return values
        return [later - earlier for earlier, later in pairwise(values)]

    def median_ms(self, host: str, from_ms: int, until_ms: int) -> float:
        """Return the median duration of spans that began in a time."""
        return median(us for at_ms, us in self.spans[host] if from_ms <= at_ms < until_ms) / 1000


def see(plan: SimulationPlan, cycles: int) -> Seen:
    """Run a plan and read everything."""
    simulation = Simulation(plan)
    seen = Seen(plan)
    for cycle in simulation.cycles(cycles):
        seen.cycles.append(cycle)
        seen.truth += cycle.truth
        for _, lines in cycle.lines:
            for line in lines:
                point = read_line(line)
                seen.points[point.host].append(point)
        for spans in cycle.spans:
            for span in map(json.loads, spans):
                host = span["remoteEndpoint"]["ipv4"]
                seen.spans[host].append((span["timestamp"] // 1000, span["duration"]))
    seen.truth += simulation.rest_of_truth()
    return seen


def text_of(cycles: Iterable[Cycle]) -> str:
    """Return everything of cycles as one text."""
    return "\n".join(
        f"{cycle.at_ms} {cycle.lines} {cycle.spans} {[row.line() for row in cycle.truth]}" for cycle in cycles
    )
