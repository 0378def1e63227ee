"""Bytes ↔ records: framing, windowed keys, Avro by the registry's schemas, and the log."""
