# Everything below works in a fresh clone with Python >= 3.10 and a package index. It makes its own
# virtual environment in .venv and keeps its caches in .cache.

PYTHON ?= python3
VENV := .venv
CACHE := .cache
PYTEST = $(VENV)/bin/python -m pytest
# Half of the integration tests by their time, run beside the others.
BESIDE = $(addprefix integration-test/test_,storm.py chain.py snapshot_commands.py health.py)

# A virtual environment knows where it was made. One that came along in a copy of the checkout is made again.
MADE_IN := $(shell cat $(VENV)/.made-in 2>/dev/null)
ifneq ($(MADE_IN),)
ifneq ($(MADE_IN),$(CURDIR))
$(shell rm -rf $(VENV))
endif
endif

.DEFAULT_GOAL := help
.PHONY: help demo test check format lint types unit integration bench clean

help: ## this list
	@echo "make <target>, PYTHON=$(PYTHON)"
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "  %-14s %s\n", $$1, $$2 }'

demo: $(VENV)/.installed ## see it work on recorded data, no Kafka needed (DEMO='--help' for its options)
	@$(VENV)/bin/pg-streaming-machine-learning demo $(DEMO)

test: ## everything: check, then the tests against real services, then how many passed
	@rm -rf $(CACHE)/junit
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory integration
	@$(VENV)/bin/python .ci/totals.py $(CACHE)/junit

check: format lint types unit ## before a review: format, lint, types, fast tests

format: $(VENV)/.installed-tests ## is everything formatted? (mend with: .venv/bin/ruff format)
	@echo "== format"
	@$(VENV)/bin/ruff format --check .

lint: $(VENV)/.installed-tests
	@echo "== lint"
	@$(VENV)/bin/ruff check .

types: $(VENV)/.installed-tests
	@echo "== types"
	@$(VENV)/bin/mypy pg_streaming_machine_learning settings.py setup.py conftest.py tests benchmarks .ci/totals.py .ci/side_by_side.py
	@$(VENV)/bin/mypy integration-test

unit: $(VENV)/.installed-tests ## fast tests, no network (ARGS='-k windows' picks some)
	@echo "== unit tests"
	@$(PYTEST) --junit-xml=$(CACHE)/junit/unit.xml $(ARGS)

integration: $(VENV)/.installed-tests ## against real Kafka where Java 17 and Maven are, else the embedded broker
	@echo "== integration tests"
	@$(VENV)/bin/python .ci/side_by_side.py \
	  $(PYTEST) -v --junit-xml=$(CACHE)/junit/integration.xml $$(.ci/require-kafka) \
	    integration-test $(addprefix --ignore=,$(BESIDE)) $(ARGS) -- \
	  $(PYTEST) -v --junit-xml=$(CACHE)/junit/beside.xml $$(.ci/require-kafka) $(BESIDE) $(ARGS)

.PHONY: storm
storm: $(VENV)/.installed-tests ## storms of hours against both Kafkas (STORM='--only kills --seed 7 --scale 0.1')
	@PYTHONPATH=.:integration-test $(VENV)/bin/python -m storm $(STORM)

.PHONY: telegraf-test
telegraf-test: $(VENV)/.installed-tests ## a real Telegraf, built with Go, writes this machine's metrics for a minute
	@$(PYTEST) -v integration-test/real_telegraf.py -k kafka-4.1.0 $(ARGS)

bench: $(VENV)/.installed-tests ## measure speed and accuracy
	@for script in benchmarks/*.py; do echo "== $$script"; $(VENV)/bin/python $$script || exit 1; done
	@echo "== an hour at 5,000 windows a second"
	@$(VENV)/bin/python benchmarks/topic_to_topic.py --soak 60

clean: ## remove the virtual environment, caches and downloads
	rm -rf $(VENV) $(CACHE) build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 10) else f"Python >= 3.10 is needed, $(PYTHON) is {v[0]}.{v[1]}: make PYTHON=python3.11 ...")'
	@echo "== installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable .
	@echo "$(CURDIR)" > $(VENV)/.made-in
	@touch $@

$(VENV)/.installed-tests: $(VENV)/.installed
	@echo "== installing what the tests need"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,check]'
	@touch $@
