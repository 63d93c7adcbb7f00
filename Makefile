# The only commands a newcomer needs. Everything goes into .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DAYS ?= 7
HOUSE ?= beech
SEED ?= 1
WORKERS ?= 2
CODE := gw_spaceheat actors commands
ENTRIES := $(wildcard run_*.py try_actors.py)

.PHONY: help install run test test-slow check bench study seeds storm lock clean

help:
	@echo "make install    make .venv and install what a house needs"
	@echo "make run        start a simulated house with everything in it and show it"
	@echo "make test       install what tests need and run the fast tests"
	@echo "make test-slow  run the tests that take minutes"
	@echo "make check      style, types, architecture, lock files, wheels for a Raspberry Pi"
	@echo "make bench      measure what must be fast; ONLY=planning measures one thing"
	@echo "make study      run a house in virtual time: HOUSE=$(HOUSE) DAYS=$(DAYS) SEED=$(SEED);"
	@echo "                SERIES=FILE: the table of docs/results.md, five weeks of 2020 under four ways and two tariffs"
	@echo "make seeds      the same over several seeds, to see that no seed is special"
	@echo "make storm      kill SCADA, broker and ear at random, 540 times in half an hour; SHORT=1: 30 times"
	@echo "make lock       compile requirements/*.in to locked .txt files"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "make: $(PYTHON) is %d.%d, at least 3.11 is needed: make PYTHON=python3.11" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.house: $(BIN)/python pyproject.toml requirements/base.txt requirements/drivers.txt requirements/broker.txt
	$(PIP) install --require-hashes -r requirements/base.txt -r requirements/drivers.txt -r requirements/broker.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.house requirements/test.txt
	$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.test requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/.house

run: $(VENV)/.house
	$(BIN)/python run_local.py --simulate

test: $(VENV)/.test
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile -rs

test-slow: $(VENV)/.test
	@$(BIN)/python -c 'import ray' 2>/dev/null || echo "ray is not installed: the test of plans on a cluster is SKIPPED; $(BIN)/python -m pip install --require-hashes -r requirements/fleet.txt brings it"
	$(BIN)/python -m pytest -m slow --timeout 900 -rs || test $$? -eq 5

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE) $(ENTRIES)
	$(BIN)/python -m pytest -q tests/test_architecture.py
	$(BIN)/python requirements/lock.py --check
	$(BIN)/python requirements/lock.py --aarch64

bench: $(VENV)/.test
	@for file in $(if $(ONLY),benchmarks/$(ONLY).py,$(wildcard benchmarks/*.py)); do $(BIN)/python $$file || exit 1; done

study: $(VENV)/.house
	$(BIN)/gws $(if $(SERIES),compare --series $(SERIES) --workers $(WORKERS),study --days $(DAYS)) \
		--house $(HOUSE) --seed $(SEED)

seeds: $(VENV)/.house
	@for seed in 1 2 3 4 5; do $(BIN)/gws study --house $(HOUSE) --days $(DAYS) --seed $$seed --json || exit 1; done

storm: $(VENV)/.test
	$(BIN)/python -m tests.campaigns.storm --seed $(SEED) --kills $(if $(SHORT),30,540)

lock: $(VENV)/.dev
	$(BIN)/python requirements/lock.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
