"""Requests as Zipkin's reporters write them: spans, version 2 of the JSON format."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from pg_streaming_machine_learning.simulation.fleet import Fleet, Floats

__all__ = ["MOST_SPANS", "SPREAD", "SpanWriter"]

MOST_SPANS = 200
"""Spans of a host in a cycle."""

SPREAD = 0.35
"""Standard deviation of the logarithm of durations."""

_LONGEST_US = 86_400_000_000  # a day
_USUAL_ERRORS = 0.001
_MOST_ERRORS = 0.2


class SpanWriter:
    """Writes spans of a fleet.

    Parameters
    ----------
    fleet : Fleet
        The hosts.
    spans_per_second : float
        Spans of a host in a second at its usual load.
    every_ms : int
        Length of a cycle, milliseconds.
    objective_ms : int
        Latency from which on errors become more, milliseconds.
    named_hosts : bool
        Whether the local service is the host's name instead of the service's.
    """

    def __init__(
        self, fleet: Fleet, spans_per_second: float, every_ms: int, objective_ms: int, named_hosts: bool
    ) -> None:
        self._fleet = fleet
        self._spans = spans_per_second * every_ms / 1000
        self._every_ms = every_ms
        self._objective_ms = objective_ms
        self._ends = [
            self._end(number, named_hosts, tags)
            for tags in ('"http.status_code":"200"', '"http.status_code":"503","error":"overload"')
            for number in range(len(fleet.hosts))
        ]

    def spans(
        self,
        load: Floats,
        latency_ms: Floats,
        times_ms: NDArray[np.int64],
        there: NDArray[np.bool_],
        random: np.random.Generator,
    ) -> list[list[str]]:
        """Return the spans of each host that has any, in the order of the hosts.

        Parameters
        ----------
        load : ndarray, shape (n_hosts,)
            Requests over the usual.
        latency_ms : ndarray, shape (n_hosts,)
            Median of the durations, milliseconds.
        times_ms : ndarray of int64, shape (n_hosts,)
            What each host's clock says at the end of the cycle, milliseconds since the epoch.
        there : ndarray of bool, shape (n_hosts,)
            Hosts that serve at all.
        random : numpy.random.Generator
            Of this cycle.
        """
        if self._spans == 0:
            return []
        counts = np.minimum(random.poisson(self._spans * load), MOST_SPANS)
        counts[~there] = 0
        host = np.repeat(np.arange(len(counts)), counts)
        draws = random.random((2, len(host)))
        logarithm = SPREAD * random.standard_normal(len(host))
        ids = random.integers(1, 2**64 - 1, len(host), dtype=np.uint64).tolist()
        took_us = np.rint(1000 * latency_ms[host] * np.exp(logarithm))
        took = np.clip(took_us, 1, _LONGEST_US).astype(np.int64).tolist()
        begun = times_ms[host] * 1000 - 1 - (draws[0] * (self._every_ms * 1000 - 1)).astype(np.int64)
        beyond = np.clip(latency_ms / self._objective_ms - 1, 0, 1)
        failed = draws[1] < (_USUAL_ERRORS + _MOST_ERRORS * beyond)[host]
        ends = (host + len(counts) * failed).tolist()
        written = [
            f'{{"traceId":"{id_:016x}","id":"{id_:016x}","timestamp":{at},"duration":{us}{self._ends[end]}'
            for id_, at, us, end in zip(ids, begun.tolist(), took, ends, strict=True)
        ]
        bounds = np.concatenate([[0], np.cumsum(counts[counts > 0])]).tolist()
        return [written[first:last] for first, last in itertools.pairwise(bounds)]

    def _end(self, number: int, named_hosts: bool, tags: str) -> str:
        fleet = self._fleet
        service = fleet.services[fleet.service_of[number]]
        address = fleet.addresses[number]
        local = fleet.hosts[number] if named_hosts else service
        return (
            f',"kind":"SERVER","name":"get /{service}",'
            f'"localEndpoint":{{"serviceName":"{local}","ipv4":"{address}","port":8080}},'
            f'"remoteEndpoint":{{"ipv4":"{address}"}},'
            f'"tags":{{"host.name":"{fleet.hosts[number]}",{tags}}}}}'
        )
