# pofx. `make` lists the targets. Everything runs from .venv, which is made on first use and sees no other packages.
#
#   ARGS    passed on to the demo or to pytest:  make test ARGS="-k kde"
#   JOBS    pytest's processes (2)
#   PYTHON  the interpreter that .venv is made from (the first of python3.11, 3.12, ... python3 that is new enough)

VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip install -qq --no-input --disable-pip-version-check -c constraints.txt
JOBS   ?= 2
ARGS   ?=
PYTHON ?=

unexport PYTHONPATH
unexport PYTHONHOME
export PYTHONNOUSERSITE := 1
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test lint format types imports laws bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s  %s\n", $$1, $$2 }' Makefile

install: $(VENV)/.dev ## make .venv with pofx and all that its tests need

demo: $(VENV)/.core ## fit real data, print the leaderboard, write the report
	@$(PY) -m pofx demo $(ARGS)

test: lint types imports ## check everything: lint, types, layers, then tests and doctests
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(JOBS) $(ARGS)

lint: $(VENV)/.dev ## ruff: rules and format
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

format: $(VENV)/.dev ## let ruff mend what it can
	@$(PY) -m ruff check --fix
	@$(PY) -m ruff format

types: $(VENV)/.dev ## mypy, strict, on src
	@$(PY) -m mypy

imports: $(VENV)/.dev ## import-linter: imports only go down the layers
	@$(VENV)/bin/lint-imports

laws: $(VENV)/.dev ## the laws, over every registered model
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(JOBS) tests/laws $(ARGS)

bench: $(VENV)/.dev ## every benchmark, one after the other, each against a peer
	@set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(PY) "$$file" $(ARGS); done

docs: $(VENV)/.dev ## run every example in the README, docs/ and the docstrings
	@OMP_NUM_THREADS=1 $(PY) -m pytest -q -n $(JOBS) tests/docs src/pofx $(ARGS)

clean: ## remove caches and build outputs; .venv and runs/ stay
	@rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -path ./$(VENV) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# The stamps: installed once, and again when pyproject.toml or constraints.txt change.

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing pofx into $(VENV) (once; minutes, as PyTorch is large) ..." >&2
	@$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Installing pofx and its development tools into $(VENV) (once; minutes, as PyTorch is large) ..." >&2
	@$(PIP) -e '.[dev]'
	@touch $(VENV)/.core $@

NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ISOLATED   := import sys, pip; sys.exit(sys.version_info < (3, 11) or sys.prefix == sys.base_prefix)

$(VENV)/.made:
	@set -e; \
	usable() { $(PY) -c '$(ISOLATED)' && grep -q 'system-site-packages = false' $(VENV)/pyvenv.cfg; } >/dev/null 2>&1; \
	if ! usable; then \
	  for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3 python ''; do \
	    if [ -n "$$python" ] && "$$python" -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "pofx needs Python 3.11 or newer, with its venv module (on Debian and Ubuntu: python3-venv): none found; install one or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	  fi; \
	  echo "Creating $(VENV) with $$("$$python" --version) ..." >&2; \
	  "$$python" -m venv $(VENV); \
	  usable || { echo "$(VENV) is not a usable environment: remove it (rm -r $(VENV)) and try again" >&2; exit 1; }; \
	fi
	@touch $@
