"""The end of a process in which code outside Python lets no thread run, so not the watchdog's either.

Code in C that works with the interpreter's lock held (a regular expression that does not come to its end, a
loop in an extension) lets no other thread run. Only the operating system can end such a process: the C
library keeps a timer of the processor time of the thread that works, which calls C functions without asking
Python. Processor time, not the time of day: a process that was stopped for long finds nothing expired when it
goes on.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from pg_streaming_machine_learning.errors import StuckError

__all__ = ["LastResort"]

SPEAKS_BEFORE_S = 0.1
_CALL_IN_A_THREAD = 2  # SIGEV_THREAD


class _Event(ctypes.Structure):
    """``struct sigevent`` of Linux, 64 bytes."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("rest", ctypes.c_byte * 32),
    )


class _Times(ctypes.Structure):
    """``struct itimerspec``: no repetition, then seconds and nanoseconds until it expires."""

    _fields_ = (
        ("every_s", ctypes.c_long),
        ("every_ns", ctypes.c_long),
        ("in_s", ctypes.c_long),
        ("in_ns", ctypes.c_long),
    )


class LastResort:
    """Ends the process, exit code 75, if the thread that made it works too long without being put off.

    Parameters
    ----------
    after_s : float
        Processor time of that thread, seconds. Another thread that is alive puts it off more often than that.

    Raises
    ------
    OSError
        If the system has no such timers; those of Linux on 64 bits are used.
    """

    def __init__(self, after_s: float) -> None:
        if not sys.platform.startswith("linux") or ctypes.sizeof(ctypes.c_void_p) != 8:
            raise OSError("timers that call a function are used on 64-bit Linux only")
        code = StuckError.exit_code
        line = (
            f"code outside Python let no thread run for {after_s:g} s of processor time, expected less "
            f"(STUCK_AFTER_S), ending with exit code {code}"
        )
        # Printed as it is by the C library, which takes it for a format.
        self._line = ctypes.create_string_buffer(line.replace("%", "%%").encode())
        self._after_s = after_s
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._library: Any = ctypes.CDLL(None, use_errno=True)
        try:
            self._says = self._timer(self._library.warnx, ctypes.addressof(self._line))
            self._ends = self._timer(self._library._exit, code)
        except AttributeError as error:
            raise OSError(f"the C library lacks a function: {error}") from error

    def put_off(self) -> None:
        """Begin the time anew."""
        self._set(self._says, self._after_s)
        self._set(self._ends, self._after_s + SPEAKS_BEFORE_S)

    def _timer(self, function: Callable[..., Any], value: int) -> ctypes.c_void_p:
        """Return a timer that calls a C function with a value."""
        address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
        event = _Event(value=value, notify=_CALL_IN_A_THREAD, function=address)
        timer = ctypes.c_void_p()
        clock = ctypes.c_int(self._clock)
        self._check(self._library.timer_create(clock, ctypes.byref(event), ctypes.byref(timer)))
        return timer

    def _set(self, timer: ctypes.c_void_p, in_s: float) -> None:
        times = _Times(in_s=int(in_s), in_ns=int(in_s % 1 * 1_000_000_000))
        self._check(self._library.timer_settime(timer, 0, ctypes.byref(times), None))

    def _check(self, code: int) -> None:
        if code != 0:
            raise OSError(ctypes.get_errno(), "a timer of the C library was refused")
