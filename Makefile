# Everything needs Python 3.11+ and make; the rest is installed into .venv by the targets themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test check types lint bench lock clean

help: ## show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(BIN)/.installed: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sunlake needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -W ignore -m compileall -q -j 0 $(VENV)/lib || : # as pip would, but on all cores
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(BIN)/.installed ## export 7,168 real conversations from a local sandbox and ask first questions
	$(BIN)/sunlake demo

check: $(BIN)/.installed ## lint, types, import contracts, SQL lint
	$(MAKE) --no-print-directory --jobs 2 types lint

types: $(BIN)/.installed
	$(BIN)/mypy

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --disable-progress-bar sql

test: check ## everything that CI checks
	sh tests/system-packages.sh
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

bench: $(BIN)/.installed ## measure speed, memory and calls; writes tests/bench/results.md
	$(BIN)/python -m tests.bench

lock: ## resolve requirements.lock anew from pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet 'uv>=0.5,<1'
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --extra demo --extra dev --extra postgres --extra s3 pyproject.toml -o requirements.lock

clean: ## remove what the targets made
	rm -rf $(VENV) .venv-bench build dist sunlake-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
