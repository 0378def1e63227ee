"""A fleet that does not exist, with known truth: hosts, load, causes, readings and spans from a seed.

Reading order: `plan` says what is asked for; `fleet` which hosts there are; `traffic` who comes; `model` how
latency follows from load and causes; `scenarios` what goes wrong when; `sensors` what is measured of it;
`lines` and `spans` write that as Telegraf and Zipkin would; `truth` says what was to blame; `simulation` does
all of this cycle by cycle; `files` and `delivery` bring it somewhere.
"""
