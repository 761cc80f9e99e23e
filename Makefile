# What a newcomer and CI need; everything else is the `darkroom` command (.venv/bin/darkroom --help).
.DEFAULT_GOAL := help
.PHONY: help setup setup-check setup-browser up demo test test-apache-kafka test-browser check format lock mutate record-state

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
PYTEST = $(BIN)/pytest --numprocesses $(WORKERS)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  $(BIN)/darkroom --help   everything else"

setup: $(VENV)/.installed ## create the virtual environment from the hash-locked requirements

$(VENV)/.requirements: requirements/runtime.txt requirements/installer.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Darkroom needs Python 3.11 or newer; choose one with make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "Python's venv module is missing; install it with: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/installer.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/runtime.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.requirements pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .
	@touch $@

setup-check: $(VENV)/.installed-check

$(VENV)/.installed-check: $(VENV)/.installed requirements/check.txt
	@echo "Installing formatters, linters and type checkers"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/check.txt
	@touch $@

setup-browser: $(VENV)/.installed-browser

$(VENV)/.installed-browser: $(VENV)/.installed requirements/browser.txt
	@echo "Installing the driver of the browser"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/browser.txt
	@touch $@

up: setup ## start everything and stay until Ctrl-C; the Dagster UI is at http://dagster.localhost:18000
	@$(BIN)/darkroom up

demo: setup ## send photographs and sales through the platform; IMAGES=dir for your own
	@$(BIN)/darkroom demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(COUNT),--count $(COUNT))

test: setup ## run the tests on embedded servers; ONLY=tests/unit for a part, WORKERS=2 processes
	@$(PYTEST) --dist loadfile --no-loadscope-reorder $(ONLY) # the tests of a file share servers and views

test-apache-kafka: setup ## run the tests against Apache Kafka; needs Java 17 and Maven
	@$(BIN)/pytest tests/apache_kafka

test-browser: setup-browser ## run the tests of the upload page in Chromium
	@command -v chromium >/dev/null || \
	    { echo "The upload page is tested in Chromium; install it with: apt-get install chromium"; exit 1; }
	@$(BIN)/pytest tests/browser

check: setup-check ## check format, lint, types, SQL and the dbt project; run unit and architecture tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests infra benchmarks
	@$(BIN)/dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project --target-path target/check
	@$(PYTEST) --quiet tests/unit tests/architecture

format: setup-check ## format the code and fix what the linters can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/sqlfluff fix --disable-progress-bar --quiet dbt_project/models dbt_project/tests infra benchmarks

record-state: setup-check ## record the state of a new migration, from which later versions upgrade
	@$(BIN)/python -m tests.integration.upgrades.record_state

lock: setup ## lock the newest allowed versions, with hashes, without addresses
	@$(BIN)/python requirements/lock.py

mutate: setup-check ## change the modules that decide, line by line, and require that unit tests notice 90 %
	@rm -rf mutants # results of earlier tests
	@$(BIN)/mutmut run --max-children $(WORKERS)
	@$(BIN)/mutmut export-cicd-stats
	@$(BIN)/python -m tests.campaigns.mutation_score
