"""Arithmetic that is the same everywhere: plain and compiled give the same bits, and near the truth."""

from __future__ import annotations

import importlib
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pg_streaming_machine_learning.learning.forest import arithmetic as plain
from pg_streaming_machine_learning.learning.forest.backend import Backend
from pg_streaming_machine_learning.learning.forest.layout import ADWIN_SIZE
from pg_streaming_machine_learning.learning.forest.reference.adwin import Adwin
from pg_streaming_machine_learning.learning.forest.splitmix import Splitmix

LEAST_NORMAL = 2.0**-1022
EDGES = [
    *(sign * x for x in (0.0, 0.5, 1.0, 2.0, math.sqrt(0.5), math.sqrt(2.0), 8.0, 700.0) for sign in (1, -1)),
    *(1e-300, 5e-324, LEAST_NORMAL, 2.0**-149, 2.0**24, 3.4e38, -745.0, -1e300, 1e299),
]
AROUND_EDGES = [
    near for x in EDGES for near in (x, math.nextafter(x, math.inf), math.nextafter(x, -math.inf))
]


def random_numbers(low: float, high: float) -> list[float]:
    """Return numbers of all magnitudes in a span, and evenly from it."""
    random = np.random.default_rng(1)
    bits = random.integers(0, 2**64, 20_000, dtype=np.uint64).view(np.float64)
    even = random.uniform(max(low, -1e3), min(high, 1e3), 20_000)
    powers = np.ldexp(random.uniform(0.5, 1.0, 20_000), random.integers(-60, 60, 20_000))
    numbers = [*AROUND_EDGES, *bits.tolist(), *even.tolist(), *powers.tolist(), *(-powers).tolist()]
    return [x for x in numbers if low <= x <= high]


@pytest.fixture(scope="module")
def compiled() -> Callable[[str], Any]:
    """Return how to get a module of the kernel: after the backend, which says where compiled code is kept."""
    assert Backend.best().name == "numba"
    return lambda name: importlib.import_module(
        f"pg_streaming_machine_learning.learning.forest.kernel.{name}"
    )


DOMAINS = {
    "log2": [0.0, *random_numbers(LEAST_NORMAL, 1.7e308)],
    "xlog2x": random_numbers(-1e300, 1e300),
    "exp": [-math.inf, *random_numbers(-1e308, 700.0)],
    "normal_cdf": [-math.inf, math.inf, math.nan, *random_numbers(-1.7e308, 1.7e308)],
}


@pytest.mark.parametrize("name", DOMAINS)
def test_plain_and_compiled_functions_give_the_same_bits(name: str, compiled: Callable[[str], Any]) -> None:
    """For numbers of all sizes, and around every edge."""
    function, twin, numbers = getattr(plain, name), getattr(compiled("arithmetic"), name), DOMAINS[name]
    assert len(numbers) > 30_000
    assert [x for x in numbers if bits_of(function(x)) != bits_of(twin(x))] == []


def bits_of(x: float) -> bytes:
    """Return the bits of a number."""
    return struct.pack("<d", x)


@given(st.floats(LEAST_NORMAL, 1e300))
def test_the_logarithm_is_near(x: float) -> None:
    """Within 1e-13 of the library's, relative to it where it is above 1."""
    assert plain.log2(x) == pytest.approx(math.log2(x), rel=1e-13, abs=1e-13)


@given(st.floats(-699.0, 700.0))
def test_the_exponential_is_near(x: float) -> None:
    """Within 1e-14 of the library's, relative to it."""
    assert plain.exp(x) == pytest.approx(math.exp(x), rel=1e-14)


@given(st.floats(allow_nan=False))
@example(1.5)
def test_the_normal_distribution_is_near(z: float) -> None:
    """Within 2e-4 of the error function's."""
    assert plain.normal_cdf(z) == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2.0)), abs=2e-4)


@given(st.floats())
def test_single_precision_is_that_of_arrays(x: float) -> None:
    """Rounded to even, and infinite where it is too great."""
    with np.errstate(over="ignore"):
        assert struct.pack("<f", plain.to_single(x)) == np.float32(x).tobytes() or math.isnan(x)


@given(state=st.integers(0, 2**64 - 1), n=st.integers(1, 2**32 - 1))
def test_plain_and_compiled_random_numbers_are_the_same(
    compiled: Callable[[str], Any], state: int, n: int
) -> None:
    """States, bits, and numbers below another."""
    random, randomness = Splitmix(state), compiled("randomness")
    next_state, bits = randomness.next_random(np.uint64(state))
    assert random.next() == bits
    assert random.state == next_state
    assert Splitmix(state).below(n) == randomness.below(np.uint64(bits), n)


@pytest.mark.parametrize(
    ("delta", "rates", "length"),
    [
        (0.05, (0.1, 0.3, 0.2), 10_000),
        (0.9, (0.5,), 10_000),
        (1e-10, (0.0, 1.0, 0.0), 10_000),
        (0.9, (0.0, 1.0) * 100, 17),
    ],
)
def test_plain_and_compiled_detectors_are_the_same(
    compiled: Callable[[str], Any], delta: float, rates: tuple[float, ...], length: int
) -> None:
    """Every cut, and the whole window, on streams whose mean changes."""
    random = np.random.default_rng(2)
    module = compiled("adwin")
    adwin, twin = Adwin(), np.zeros(ADWIN_SIZE, np.int64)
    estimates = np.zeros(2)
    cuts = 0
    for rate in rates:
        for value in (random.random(length) < rate).astype(int).tolist():
            cut = adwin.add(value, delta)
            assert (cut is not None) == module.adwin_add(twin, value, delta, estimates)
            if cut is not None:
                cuts += 1
                assert cut == tuple(estimates.tolist())
        assert adwin.to_numbers() == twin.tolist()
        assert Adwin.from_numbers(twin.tolist()).to_numbers() == twin.tolist()
    assert cuts > 0
