# Everything here works from a fresh clone: each target first makes what it needs.
#
#   make demo         open the sample slide with a prediction (without a screen: a screenshot)
#   make test         the tests, except the slow ones
#   make test-slow    the slow ones
#   make test-all     both
#   make test-timing  how long the window stands still, on a machine that does nothing else
#   make check        lint, types and contracts, as CI runs them
#
# PYTHON=/path/to/python3.12 chooses the Python of the virtual environment,
# ARGS="-k slide" is passed on to pytest, JOBS=4 runs the tests on four processes.

VENV ?= .venv
ARGS ?=
JOBS ?= 2
export VENV PYTHON
# pytest rewrites what napari's plugins for it hold: seconds in each process, unless it is kept.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow test-timing test-all check lint format types contracts clean

help:
	@sed -n 's/^#   //p' Makefile

# The stamp makes a second run start at once; changed metadata renew it.
$(STAMP): setup.cfg pyproject.toml scripts/setup-venv.sh scripts/system-deps.sh
	@scripts/system-deps.sh
	@scripts/setup-venv.sh
	@touch $@

venv: $(STAMP)

demo: $(STAMP)
	@$(BIN)/napari-stexp demo

# A file's tests stay in one process, so that they share what they have made.
test: $(STAMP)
	scripts/with-display.sh $(BIN)/python -m pytest -m "not slow and not timing" -n $(JOBS) --dist loadfile $(ARGS)

test-slow: $(STAMP)
	scripts/with-display.sh $(BIN)/python -m pytest -m slow -n $(JOBS) --dist loadfile $(ARGS)

test-all: $(STAMP)
	scripts/with-display.sh $(BIN)/python -m pytest -m "not timing" $(ARGS)

test-timing: $(STAMP)
	scripts/with-display.sh $(BIN)/python -m pytest -m timing -s $(ARGS)

check: lint types contracts

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
