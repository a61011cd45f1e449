# Thin over .venv/bin/impler-pipelines. Needs python3 (3.11 or newer) and make, nothing else.
# `make help` lists what there is. PYTHON=python3.12 picks another interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLI := $(BIN)/impler-pipelines
INSTALL := $(BIN)/python .ci/install.py
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Whatever environment is active in the caller's shell is not ours.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := help
.PHONY: demo test run check bench fuzz screenshots format lock help

demo: $(VENV)/.compiled ## see it work: a sample feed becomes rows, in a temporary place, in a minute
	@$(CLI) demo

test: $(VENV)/.dev $(VENV)/.compiled ## the whole test suite, with its own PostgreSQL, MariaDB and browser
	@.ci/programs.sh mariadb chromium redis faketime
	@echo "make: running the tests, in parallel"
	@$(BIN)/pytest -n auto --dist worksteal $(PYTEST_ARGS)

run: $(VENV)/.compiled ## everything in the foreground, Ctrl-C stops it; DEMO=1 adds a sample, WORKERS=2 warm workers
	@$(if $(WORKERS),.ci/programs.sh redis)
	@$(CLI) run $(if $(DEMO),--demo) $(if $(WORKERS),--workers $(WORKERS))

check: $(VENV)/.dev ## format, linters, types, architecture contract
	@echo "make: ruff format"
	@$(BIN)/ruff format --check .
	@echo "make: ruff check"
	@$(BIN)/ruff check .
	@echo "make: mypy"
	@$(BIN)/mypy
	@echo "make: lint-imports"
	@$(BIN)/lint-imports

bench: $(VENV)/.dev $(VENV)/.compiled ## the benchmarks: a table, and benchmarks/results.json
	@$(BIN)/python -m benchmarks

fuzz: $(VENV)/.dev ## search for bytes that break what should hold for any; FUZZ_SECONDS=600 goes on longer
	@$(BIN)/python -m impler_pipelines_tests.extraction.fuzz \
		-max_total_time=$(or $(FUZZ_SECONDS),120) -timeout=10 -rss_limit_mb=1024

screenshots: $(VENV)/.dev $(VENV)/.compiled ## every step of the widget as pictures, in screenshots/ or INTO=folder
	@.ci/programs.sh chromium
	@$(BIN)/python -m impler_pipelines_tests.widget.screenshots $(or $(INTO),screenshots)

format: $(VENV)/.dev ## let ruff format and fix what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(VENV)/.made ## resolve the dependencies anew into the lock files
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@echo "setuptools>=77" | $(LOCK) --upgrade pyproject.toml - -o requirements.lock
	@echo "setuptools>=77" | $(LOCK) --upgrade -c requirements.lock --extra dev \
		pyproject.toml - -o requirements-dev.lock

help: ## this list
	@$(PYTHON) -c 'import re; [print(f"  make {n:13}{t}") for n, t in re.findall(r"^([a-z]+):.*?## (.*)", open("Makefile").read(), re.M)]'

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit("make: Python 3.11 or newer is needed, $(PYTHON) is %d.%d: set PYTHON=" % v)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "make: this Python can't make virtual environments: install python3-venv (Debian, Ubuntu) or a complete Python" >&2; exit 1; }
	@echo "make: creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@: > $@

$(VENV)/.runtime: $(VENV)/.made requirements.lock pyproject.toml
	@$(INSTALL) requirements.lock "the dependencies"
	@: > $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@$(INSTALL) requirements-dev.lock "the development tools"
	@: > $@

# As pip does for what it installs: where PYTHONDONTWRITEBYTECODE is set, as it often is in
# containers, each process of each run would compile all of it anew.
$(VENV)/.compiled: $(VENV)/.runtime $(shell find impler_pipelines -name "*.py")
	@$(BIN)/python -m compileall -q impler_pipelines
	@: > $@
