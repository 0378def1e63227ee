"""The shop: six services, what they call, and how much work a request costs them."""

from __future__ import annotations

from dataclasses import dataclass

SERVICES: tuple[str, ...] = ("gateway", "catalog", "recommend", "cart", "checkout", "payment")
"""Every service; its place here is its index in a recording."""

ENTRY = "gateway"
"""The service that requests of customers come to."""

SENT_HEADER = "X-Sent-Ns"
"""Header with the wall-clock time of sending, nanoseconds, from which a response time counts."""

REQUEST_HEADER = "X-Request"
"""Header with the number of the customer's request, from which the ids of its spans follow."""

ADDRESSES: dict[str, str] = {service: f"10.0.0.{number}" for number, service in enumerate(SERVICES, start=1)}
"""The address of each service's host, as its spans have it; in truth all listen on loopback."""

MIX: tuple[tuple[str, float], ...] = (("browse", 0.60), ("cart", 0.25), ("order", 0.15))
"""What customers ask for, and the share of each."""

STAGES: dict[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("gateway", "browse"): (("catalog", "recommend"),),
    ("gateway", "cart"): (("cart",),),
    ("gateway", "order"): (("checkout",),),
    ("cart", "cart"): (("catalog",),),
    ("cart", "order"): (("catalog",),),
    ("checkout", "order"): (("cart",), ("payment",)),
}
"""Calls of a service for a request: stages one after another, the calls of a stage at once."""

CALLERS: dict[tuple[str, str], str] = {
    (called, kind): caller
    for (caller, kind), stages in STAGES.items()
    for stage in stages
    for called in stage
}
"""Who calls a service for a request; for each, one does at most."""


@dataclass(frozen=True, slots=True)
class ServiceSize:
    """What one request costs a service when nothing is wrong.

    Parameters
    ----------
    work_ms : float
        Median processor time of a request, milliseconds; the spread is log-normal.
    response_ms : float
        Typical response time, milliseconds, calls included; faults are sized by it.
    share : float
        Requests of this service for each request of a customer.
    body_bytes : int
        Median size of an answer's body, bytes.
    """

    work_ms: float
    response_ms: float
    share: float
    body_bytes: int


SIZES: dict[str, ServiceSize] = {
    "gateway": ServiceSize(work_ms=0.9, response_ms=10.0, share=1.00, body_bytes=6_000),
    "catalog": ServiceSize(work_ms=3.6, response_ms=5.0, share=1.00, body_bytes=4_000),
    "recommend": ServiceSize(work_ms=3.6, response_ms=5.0, share=0.60, body_bytes=2_000),
    "cart": ServiceSize(work_ms=2.5, response_ms=8.5, share=0.40, body_bytes=1_500),
    "checkout": ServiceSize(work_ms=3.5, response_ms=19.0, share=0.15, body_bytes=1_000),
    "payment": ServiceSize(work_ms=5.0, response_ms=6.0, share=0.15, body_bytes=500),
}

WORK_SPREAD = 0.4
"""Standard deviation of the logarithm of a request's work and of an answer's size."""
