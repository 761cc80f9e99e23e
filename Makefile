# Everyday commands of Darkroom; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup setup-check up down status reset shell demo seed test check chaos test-apache-kafka test-browser setup-browser fuzz bench-processing bench-warehouse bench-ingest bench-freshness bench-retention \
    produce topic topic-drift gaps explain-gap requeue purge erase prove receipts verify-receipts reapply-receipts access access-drift access-report access-document user user-password user-remove users api-key api-keys api-key-revoke lock format

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
WORKERS ?= 2

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

up: setup ## start everything and stay: the Dagster UI, until Ctrl-C
	@$(RUN) cli.platform up

down: setup ## stop everything; state is kept
	@$(RUN) cli.platform down

status: setup ## show which servers run, and where
	@$(RUN) cli.platform status

reset: setup ## stop everything and delete all state (asks first; YES=1 does not)
	@$(RUN) cli.platform reset $(if $(YES),--yes)

shell: setup ## open a shell with the stack's addresses and passwords
	@$(RUN) cli.platform run $${SHELL:-bash}

demo: setup ## send photographs and sales through the platform; IMAGES=dir for your own
	@$(RUN) cli.demo $(if $(IMAGES),--images "$(IMAGES)") $(if $(COUNT),--count $(COUNT))

seed: setup ## make invented sales: SCALE=small, medium or large (a million members)
	@$(RUN) cli.sales --scale $(or $(SCALE),small)

produce: setup ## send the files of a folder to Kafka: DIR=~/Pictures UPLOADER=ann; CLAIM_CHECK=1 by way of the bucket
	@$(RUN) cli.topic produce "$(DIR)" $(if $(UPLOADER),--uploader "$(UPLOADER)") $(if $(CLAIM_CHECK),--claim-check)

topic: setup ## make the Kafka topic what infra/kafka/topics.yaml says
	@$(RUN) cli.topic topic

topic-drift: setup ## show where the Kafka topic and its file differ
	@$(RUN) cli.topic topic-drift

gaps: setup ## list the ranges of Kafka messages that were gone before they could be landed
	@$(RUN) cli.topic gaps

explain-gap: setup ## record why messages are missing: GAP=3 BECAUSE="the test topic was deleted"
	@$(RUN) cli.topic explain-gap "$(GAP)" --because "$(BECAUSE)"

requeue: setup ## send rejected images through again: REASON=corrupt SOURCE=kafka SINCE=2026-01-31; YES=1 does not ask
	@$(RUN) cli.images requeue "$(REASON)" $(if $(SOURCE),--source "$(SOURCE)") $(if $(SINCE),--since "$(SINCE)") $(if $(YES),--yes)

purge: setup ## delete what has reached its age, as the hourly job does; ANY_SHARE=1 however much that is
	@$(RUN) cli.retention purge $(if $(ANY_SHARE),--any-share)

erase: setup ## delete images now, with all copies: IMAGE=<id>, or SOURCE=kafka UPLOADER=ann; YES=1 does not ask
	@$(RUN) cli.retention erase $(foreach one,$(IMAGE),--image "$(one)") $(if $(SOURCE),--source "$(SOURCE)") $(if $(UPLOADER),--uploader "$(UPLOADER)") $(if $(YES),--yes)

prove: setup ## prove that an image is gone, from receipts, ledger and buckets: IMAGE=<id>
	@$(RUN) cli.retention prove "$(IMAGE)"

receipts: setup ## list the last receipts of what was deleted; LAST=24
	@$(RUN) cli.retention receipts $(if $(LAST),--last $(LAST))

verify-receipts: setup ## verify that no receipt is missing, changed or out of its place
	@$(RUN) cli.retention verify-receipts

reapply-receipts: setup ## after the database was restored from a dump: delete again what the receipts tell of
	@$(RUN) cli.retention reapply-receipts

access: setup ## grant what infra/postgres/access.yaml says; REVOKE=1 also takes what it does not say
	@$(RUN) cli.access apply $(if $(REVOKE),--revoke)

access-drift: setup ## show where the database and the access file differ
	@$(RUN) cli.access drift

access-report: setup ## try everything as each kind of person, and compare with the access file
	@$(RUN) cli.access report

access-document: setup ## write docs/access.md from the access file
	@$(RUN) cli.access document

user: setup ## admit a person: NAME=ann TEAM=sales (logistics, analytics); shows the password once
	@$(RUN) cli.access user-add "$(NAME)" --team "$(TEAM)"

user-password: setup ## give a person a new password: NAME=ann
	@$(RUN) cli.access user-password "$(NAME)"

user-remove: setup ## end a person's sessions and take them out: NAME=ann
	@$(RUN) cli.access user-remove "$(NAME)"

users: setup ## list the people, their teams and sessions
	@$(RUN) cli.access users

api-key: setup ## let somebody send images to the upload API: UPLOADER=shop; shows the key once
	@$(RUN) cli.keys key-add "$(UPLOADER)"

api-keys: setup ## list the keys of the upload API
	@$(RUN) cli.keys keys

api-key-revoke: setup ## end a key of the upload API: KEY=<key id>
	@$(RUN) cli.keys key-revoke "$(KEY)"

test: setup ## pass the tests, on embedded servers; ONLY=tests/unit, WORKERS=2 processes with servers of their own
	@$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile $(ONLY)

test-apache-kafka: setup ## pass the tests that need Apache Kafka, and so Java 17 and Maven
	@$(BIN)/pytest tests/apache_kafka

test-browser: setup-browser ## pass the tests of the upload page, in Chromium
	@command -v chromium >/dev/null || \
	    { echo "The upload page is tested in Chromium; install it with: apt-get install chromium"; exit 1; }
	@$(BIN)/pytest tests/browser

check: setup-check ## format, lint, types, dbt parse, unit tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/sqlfluff lint --disable-progress-bar dbt_project/models dbt_project/tests infra benchmarks
	@$(BIN)/dbt --quiet parse --project-dir dbt_project --profiles-dir dbt_project --target-path target/check
	@$(BIN)/pytest --quiet --numprocesses $(WORKERS) --dist loadfile tests/unit tests/architecture

format: setup-check ## format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/sqlfluff fix --disable-progress-bar --quiet dbt_project/models dbt_project/tests infra benchmarks

chaos: setup ## kill, cut and delay while images stream in, and count them: N=20 IMAGES=2000 MINUTES=5 KAFKA=apache SEED=1
	@$(RUN) cli.chaos $(if $(N),--kills $(N)) $(if $(IMAGES),--images $(IMAGES)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(KAFKA),--kafka $(KAFKA)) $(if $(SEED),--seed $(SEED))

fuzz: setup ## send hostile files through the decoders' workers: FILES=5000 SEED=1
	@$(RUN) cli.fuzz $(if $(FILES),--files $(FILES)) $(if $(SEED),--seed $(SEED)) $(if $(PROCESSOR),--processor $(PROCESSOR))

bench-processing: setup ## image processing beside bare Pillow, libvips and sharp; ROUNDS=3 ONLY=engines
	@if command -v npm >/dev/null; then npm --prefix benchmarks/sharp ci --silent --no-audit --no-fund; fi
	@$(RUN) benchmarks.processing $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

bench-warehouse: setup ## questions and refreshes over millions of sales; SCALE=medium for a tenth
	@$(RUN) benchmarks.warehouse $(if $(SCALE),--scale $(SCALE))

bench-ingest: setup ## Kafka landing, ledger and upload API beside bare loops; ROUNDS=3 KAFKA=apache ONLY=landing
	@$(RUN) benchmarks.ingest $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(KAFKA),--kafka $(KAFKA)) $(if $(ONLY),--only $(ONLY))

bench-freshness: setup ## seconds from arrival to visible, and the highest rate; RATE=5 MINUTES=5 NAIVE=40
	@$(RUN) benchmarks.freshness $(if $(RATE),--rate $(RATE)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(NAIVE),--naive $(NAIVE)) $(if $(KAFKA),--kafka $(KAFKA))

bench-retention: setup ## a day's drop beside a DELETE, a purge beside bare deletes, landing meanwhile; ROUNDS=3 KAFKA=apache ONLY=days
	@$(RUN) benchmarks.retention $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(KAFKA),--kafka $(KAFKA)) $(if $(ONLY),--only $(ONLY))

lock: setup ## lock the newest allowed versions, with hashes, without addresses
	@$(BIN)/python requirements/lock.py
