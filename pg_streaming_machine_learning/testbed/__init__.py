"""The testbed: a small shop of real services, its load and faults, and its recording.

Reading order: `shop` says what there is; `load` who comes; `faults` what goes wrong when, and `effects` how;
`service` and `processes` run it; `readings` watches it from outside, `span_reporter` and `reports` from
within; `lines` and `span_text` write the `messages` of both. `record` does all of this and writes a
`recording`, which gives the messages back (`former`: one of the former format, too); `live` sends them at
once. `figures` and `description` say what a recording is worth.
"""
