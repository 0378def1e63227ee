"""What a service is told by its parent before it begins."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from pg_streaming_machine_learning.testbed.faults import Fault, FaultKind


@dataclass(frozen=True)
class Orders:
    """All that a service must know.

    Parameters
    ----------
    service : str
        Which service it is.
    ports : dict of str to int
        Port of every service on loopback.
    faults : tuple of Fault
        The plan of the whole recording.
    start_ms : int
        Start of the recording, milliseconds since the epoch.
    seed : int
        Seed of its work and of the sizes of its answers.
    directory : str
        Where its disk fault writes.

    Examples
    --------
    >>> orders = Orders("cart", {"cart": 8001}, (Fault(FaultKind.DISK, "cart", 0, 10, 20),), 1_000, 1, ".")
    >>> Orders.from_line(orders.to_line()) == orders
    True
    """

    service: str
    ports: dict[str, int]
    faults: tuple[Fault, ...]
    start_ms: int
    seed: int
    directory: str

    def to_line(self) -> bytes:
        """Return the orders as a line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Orders:
        """Return the orders of a line of JSON."""
        fields: dict[str, Any] = json.loads(line)
        faults = tuple(Fault(**{**fault, "kind": FaultKind(fault["kind"])}) for fault in fields["faults"])
        return cls(**{**fields, "faults": faults})
