# Hostbridge. `make run` and `make test` are all that most people need; `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
# The system's certificates: where a proxy signs for the registry, pip and npm are set up for it that way too.
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv --system-certs
FRONTEND_SOURCES := $(shell find frontend/src frontend/public -type f 2>/dev/null) $(wildcard frontend/*.json frontend/*.ts frontend/*.html)

.DEFAULT_GOAL := help
.PHONY: help run test lint fix plugins check-plugins api-types screenshots bench soak fuzz frontend clean check-tools

help: ## Lists the commands.
	@echo "make run            set up everything and serve on http://127.0.0.1:8000 (PORT, HOST and DATA_DIR change that)"
	@echo "make test           set up what the tests need and run them all"
	@echo "make lint           ruff, mypy, import contracts, eslint and the TypeScript compiler"
	@echo "make fix            format, and mend what can be mended by itself"
	@echo "make plugins        build the bundled plugins and fixtures from source (needs Rust)"
	@echo "make check-plugins  check that the committed .wasm is what the source builds (needs Rust)"
	@echo "make api-types      write the front end's types from the OpenAPI documents of the code"
	@echo "make screenshots    take the pictures of README.md and docs/ anew (needs Chromium)"
	@echo "make bench          measure, and print ratios beside the peers"
	@echo "make soak           good and hostile calls from 32 clients for ten minutes, then a verdict on each promise"
	@echo "make fuzz           10,000 damaged modules through the upload gate and the trial"
	@echo "make clean          remove what the commands above made, except your data in var/"

run: .make/python .make/frontend
	@$(BIN)/python manage.py serve

test: .make/python-dev .make/frontend
	@echo "Front-end tests"
	@cd frontend && npm test --silent
	@echo "Tests"
	@$(BIN)/pytest -q $(PYTEST_ARGS)

api-types: .make/python-dev .make/node
	@mkdir -p frontend/openapi
	@$(BIN)/python manage.py openapi frontend/openapi
	cd frontend && npm run --silent generate:api

lint: .make/python-dev .make/node
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@mkdir -p frontend/openapi && $(BIN)/python manage.py openapi frontend/openapi
	cd frontend && npm run --silent generate:api -- --check && npm run --silent lint && npm run --silent typecheck

fix: .make/python-dev .make/node
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd frontend && npm run --silent lint -- --fix

plugins: .make/python-dev ## Needs cargo and `rustup target add wasm32-wasip1 wasm32-unknown-unknown`.
	$(BIN)/python wasm-plugins/build.py

check-plugins: .make/python-dev
	$(BIN)/python wasm-plugins/build.py --check

screenshots: .make/python-dev .make/frontend
	@$(BIN)/python -m tests.e2e.screenshots

bench: .make/python-dev .make/frontend
	@$(BIN)/python -m tests.bench

soak: .make/python-dev
	@$(BIN)/python -m tests.soak $(SOAK_ARGS)

fuzz: .make/python-dev
	@$(BIN)/python -m tests.soak --fuzz 10000

frontend: .make/frontend

clean:
	rm -rf .make $(VENV) frontend/node_modules frontend/dist wasm-plugins/target .mypy_cache .ruff_cache .pytest_cache

# --- What is made once, and again when its sources change ---------------------------------------------

check-tools:
	@PYTHON=$(PYTHON) sh scripts/check-tools.sh

$(BIN)/uv: | check-tools
	@echo "Python environment"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.make/python: pyproject.toml uv.lock | $(BIN)/uv
	@echo "Python packages"
	@$(UV) sync --quiet --locked --inexact --no-dev
	@mkdir -p .make && touch $@

.make/python-dev: pyproject.toml uv.lock | $(BIN)/uv
	@echo "Python packages for development"
	@$(UV) sync --quiet --locked --inexact
	@mkdir -p .make && touch $@ .make/python

.make/node: frontend/package.json frontend/package-lock.json | check-tools
	@echo "Front-end packages"
	@cd frontend && npm ci --silent --no-fund --no-audit
	@mkdir -p .make && touch $@

.make/frontend: .make/node $(FRONTEND_SOURCES)
	@echo "Front end"
	@cd frontend && npm run --silent build -- --logLevel warn
	@touch $@
