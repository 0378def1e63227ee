"""The testbed: a small shop of real services, its load and faults, and its recording.

Reading order: `shop` says what there is; `load` who comes; `faults` what goes wrong when, and `effects` how;
`service` and `processes` run it; `readings` watches it; `record` does all of this and writes a `recording`;
`figures` and `description` say what the recording is worth.
"""
