"""Bottleneck predictions from streams of performance traces.

Reading order, which is the order of the data: ``records`` (what flows), ``wire`` (bytes ↔ records),
``sources`` (bytes of an input topic → updates), ``windows`` (updates → closed windows), ``learning``
(sample → prediction), ``engine`` (the state machine over one partition of the log), ``state`` (its snapshots
and progress ↔ records), ``outputs`` (predictions → bytes), ``streams`` (the Faust side), ``assembly`` (all of
it joined), ``app`` and ``cli``.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
