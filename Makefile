# Hostbridge. Most people need only `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
# Use the system's certificates, like pip and npm where a proxy signs for the package registry.
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv --system-certs
QUICK :=
QUICK_TESTS := not browser and not conformance and not postgresql and not server and not soak
FRONTEND_SOURCES := $(shell find frontend/src frontend/public -type f 2>/dev/null) $(wildcard frontend/*.json frontend/*.ts frontend/*.html)

.DEFAULT_GOAL := help
.PHONY: help run test test-quick test-frontend test-python lint fix plugins check-plugins api-types screenshots bench soak fuzz frontend clean check-tools

help: ## List the commands.
	@echo "make run            set everything up and serve on http://127.0.0.1:8000 (set PORT, HOST or DATA_DIR to change that)"
	@echo "make test           set up what the tests need and run them all, on every core"
	@echo "make test-quick     run those without Chromium, real servers, PostgreSQL, generated requests and soak (two minutes)"
	@echo "make lint           check with ruff, mypy, import-linter, eslint, prettier and the TypeScript compiler"
	@echo "make fix            format, and apply automatic fixes"
	@echo "make plugins        build the bundled plugins and fixtures from source (needs Rust)"
	@echo "make check-plugins  check that the source builds to the committed .wasm (needs Rust)"
	@echo "make api-types      generate the front end's types from the OpenAPI documents"
	@echo "make screenshots    retake the screenshots in README.md and docs/ (needs Chromium)"
	@echo "make bench          measure performance against FastAPI and Node servers"
	@echo "make soak           send good and hostile calls from 32 clients for ten minutes, then report what broke or leaked"
	@echo "make fuzz           send 10,000 damaged modules through the upload gate and the trial"
	@echo "make clean          remove everything that these commands created, except your data in var/"

run: .make/python .make/frontend
	@$(BIN)/python manage.py serve

# Both run to their end at the same time; make fails if either fails.
test: .make/python-dev .make/frontend
	@echo "Running front-end tests and tests"
	@$(MAKE) --no-print-directory -j 2 test-frontend test-python

test-quick: .make/python-dev .make/frontend
	@echo "Running front-end tests and quick tests"
	@$(MAKE) --no-print-directory -j 2 test-frontend test-python QUICK=1

# Keep the output in a file until the end, so that it does not mix with pytest's.
test-frontend:
	@cd frontend && npm test --silent >../.make/test-frontend.log 2>&1 || { cat ../.make/test-frontend.log; exit 1; }
	@tail -n 5 .make/test-frontend.log

test-python:
	@$(BIN)/pytest -q -n auto --dist worksteal $(if $(QUICK),-m "$(QUICK_TESTS)") $(PYTEST_ARGS)

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

# --- Set-up: each step runs once, and again when its sources change ----------------------------------

check-tools:
	@PYTHON=$(PYTHON) sh scripts/check-tools.sh

$(BIN)/uv: | check-tools
	@echo "Creating the Python environment"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.make/python: pyproject.toml uv.lock | $(BIN)/uv
	@echo "Installing Python packages"
	@$(UV) sync --quiet --locked --inexact --no-dev
	@mkdir -p .make && touch $@

.make/python-dev: pyproject.toml uv.lock | $(BIN)/uv
	@echo "Installing Python packages for development"
	@$(UV) sync --quiet --locked --inexact
	@mkdir -p .make && touch $@ .make/python

.make/node: frontend/package.json frontend/package-lock.json | check-tools
	@echo "Installing front-end packages"
	@cd frontend && npm ci --silent --no-fund --no-audit
	@mkdir -p .make && touch $@

.make/frontend: .make/node $(FRONTEND_SOURCES)
	@echo "Building the front end"
	@cd frontend && npm run --silent build -- --logLevel warn
	@touch $@
