# Every target sets up what it needs. All it takes is Python 3.11 or newer, make and a package index.
#
#   make test ARGS="tests/test_floors.py -x"     passes ARGS on to pytest
#   make test WORKERS=0                          runs the tests in one process, for a debugger
#   make test PYTHON=python3.13                  uses another interpreter (after "make clean")

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
COVERAGE ?=
WORKERS ?= auto

PY := $(VENV)/bin/python
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(PY) -m pip install --quiet --quiet

.DEFAULT_GOAL := help
.PHONY: help env demo test fuzz coverage style format typing docs catalogues package bench scale clean

help:
	@echo "make demo      start the demo application; no account anywhere is needed"
	@echo "make test      run all tests"
	@echo "make coverage  run all tests and require 95 % branch coverage"
	@echo "make fuzz      let Hypothesis search for a long time"
	@echo "make style     check style and formatting; make format puts them right"
	@echo "make typing    check types"
	@echo "make docs      build the documentation into docs/_build/html"
	@echo "make catalogues  bring the translations up to date; ARGS=--check only looks"
	@echo "make package   build the package and try it in an environment of its own"
	@echo "make bench     measure the cost of a login"
	@echo "make scale     renew and seal a million connections, and watch the memory"
	@echo "make clean     remove everything that these targets made"

# --- set-up --------------------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Flask-Social needs Python 3.11 or newer, and $(PYTHON) is not: $$($(PYTHON) --version 2>&1)"; \
	  echo "Name another one, for example: make $(or $(MAKECMDGOALS),test) PYTHON=python3.13"; \
	  exit 1; } >&2
	@echo "Making the virtual environment $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { \
	  rm -rf $(VENV); \
	  echo "$(PYTHON) cannot make virtual environments (Debian and Ubuntu: install python3-venv)." >&2; \
	  exit 1; }

# Stamps: an installation is made once, and again when the dependencies change.
$(VENV)/demo.stamp: setup.cfg pyproject.toml | $(PY)
	@echo "Installing what the demo needs"
	@$(PIP) --editable ".[demo]"
	@touch $@

$(VENV)/dev.stamp: setup.cfg pyproject.toml | $(PY)
	@echo "Installing what the tests, the checks and the documentation need"
	@$(PIP) --editable ".[all,demo,docs,test]"
	@touch $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	@$(PIP) --editable ".[bench]"
	@touch $@

# The OpenID provider that the tests run against is a package of Node.js. Without it they are skipped by name.
COUNTERPART := $(VENV)/counterpart
$(COUNTERPART)/node_modules: tests/counterpart/package.json tests/counterpart/package-lock.json | $(VENV)/dev.stamp
	@if command -v npm >/dev/null; then \
	  echo "Installing the OpenID provider that the tests run against"; \
	  mkdir -p $(COUNTERPART) && cp $^ $(COUNTERPART) && cd $(COUNTERPART) && \
	  npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null && \
	  touch node_modules || echo "That failed; its tests will be skipped."; fi

env: $(VENV)/dev.stamp $(COUNTERPART)/node_modules

# --- targets -------------------------------------------------------------------------------------

# "exec": Ctrl-C reaches Python itself, and no shell stands between.
demo: $(VENV)/demo.stamp
	@exec $(PY) -m flask_social.demo $(ARGS)

test: $(VENV)/dev.stamp $(COUNTERPART)/node_modules
ifeq ($(COVERAGE),)
	@$(PY) -m pytest -n $(WORKERS) $(ARGS)
else
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest -n $(WORKERS) $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report
endif

fuzz: $(VENV)/dev.stamp
	@FUZZ=long $(PY) -m pytest tests/fuzz $(ARGS)

coverage:
	@$(MAKE) --no-print-directory test COVERAGE=yes

style: $(VENV)/dev.stamp
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: $(VENV)/dev.stamp
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

typing: $(VENV)/dev.stamp
	@$(PY) -m mypy

docs: $(VENV)/dev.stamp
	@$(PY) -m sphinx -W --keep-going --quiet -b html docs docs/_build/html
	@echo "The documentation is at docs/_build/html/index.html"

catalogues: $(VENV)/dev.stamp
	@$(PY) scripts/catalogues.py $(ARGS)

package: $(VENV)/dev.stamp
	@$(PY) scripts/check_package.py

bench: $(VENV)/bench.stamp
	@$(PY) benchmarks/login.py $(ARGS)

scale: $(VENV)/dev.stamp
	@$(PY) benchmarks/scale.py $(ARGS)

clean:
	rm -rf $(VENV) .tox build dist docs/_build htmlcov *.egg-info
	rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
