# Everyday commands of Darkroom; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup setup-check up down status reset shell demo seed test check bench bench-warehouse \
    access access-drift access-report access-document user user-password user-remove users lock format

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
export PYTHONPATH := $(CURDIR)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## make the virtual environment from the hash-locked requirements

$(VENV)/.installed: requirements/runtime.txt requirements/installer.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Darkroom needs Python 3.11 or newer; choose one with make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo "Python's venv module is missing; install it with: apt-get install python3-venv"; exit 1; }
	@echo "Installing into $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/installer.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/runtime.txt
	@touch $@

setup-check: $(VENV)/.installed-check

$(VENV)/.installed-check: $(VENV)/.installed requirements/check.txt
	@echo "Installing formatters, linters and type checkers"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/check.txt
	@touch $@

up: setup ## start everything and stay: the Dagster UI, until Ctrl-C
	@$(RUN) infra.local up

down: setup ## stop everything; state is kept
	@$(RUN) infra.local down

status: setup ## show which servers run, and where
	@$(RUN) infra.local status

reset: setup ## stop everything and delete all state (asks first; YES=1 does not)
	@$(RUN) infra.local reset $(if $(YES),--yes)

shell: setup ## open a shell with the stack's addresses and passwords
	@$(RUN) infra.local run $${SHELL:-bash}

demo: setup ## send photographs and sales through the platform; IMAGES=dir for your own
	@$(RUN) infra.demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(COUNT),--count $(COUNT))

seed: setup ## make invented sales: SCALE=small, medium or large (a million members)
	@$(RUN) infra.sales --scale $(or $(SCALE),small)

access: setup ## grant what infra/postgres/access.yaml says; REVOKE=1 also takes what it does not say
	@$(RUN) infra.access apply $(if $(REVOKE),--revoke)

access-drift: setup ## show where the database and the access file differ
	@$(RUN) infra.access drift

access-report: setup ## try everything as each kind of person, and compare with the access file
	@$(RUN) infra.access report

access-document: setup ## write docs/access.md from the access file
	@$(RUN) infra.access document

user: setup ## admit a person: NAME=ann TEAM=sales (logistics, analytics); shows the password once
	@$(RUN) infra.access user-add "$(NAME)" --team "$(TEAM)"

user-password: setup ## give a person a new password: NAME=ann
	@$(RUN) infra.access user-password "$(NAME)"

user-remove: setup ## end a person's sessions and take them out: NAME=ann
	@$(RUN) infra.access user-remove "$(NAME)"

users: setup ## list the people, their teams and sessions
	@$(RUN) infra.access users

test: setup ## pass the tests, on embedded servers
	@$(BIN)/pytest $(if $(ONLY),$(ONLY))

check: setup-check ## format, lint, types, dbt parse, unit tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests infra benchmarks
	@$(BIN)/dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project
	@$(BIN)/pytest --quiet tests/unit tests/architecture

format: setup-check ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/sqlfluff fix --disable-progress-bar --quiet dbt_project/models dbt_project/tests infra benchmarks

bench: setup ## images per second of the processing asset beside a bare Pillow loop
	@$(RUN) benchmarks.processing

bench-warehouse: setup ## questions and refreshes over millions of sales; SCALE=medium for a tenth
	@$(RUN) benchmarks.warehouse $(if $(SCALE),--scale $(SCALE))

lock: setup ## lock the newest allowed versions, with hashes, without addresses
	@$(BIN)/python requirements/lock.py
