"""The testbed: a small shop of real services, its load and faults, and its recording.

Read `shop` and `faults`, then `service` and `effects`, then `record`.
"""
