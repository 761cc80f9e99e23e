"""The embedded stack for tests: one for the session; a warehouse, buckets and topic for each test.

Outside servers given by the environment (`DATABASE_URL`, `KAFKA_BOOTSTRAP_SERVERS`, …) are used
instead.
"""

from __future__ import annotations

import importlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from assets.resources.object_store import open_client
from assets.settings import Settings
from infra.kafka.topics import provision_topic
from infra.local.dagster import parse_dbt_project
from infra.local.stack import Stack, free_ports
from infra.local.state import StateFolder
from infra.object_store.buckets import provision_buckets
from infra.postgres.bootstrap import ADMIN, WAREHOUSE


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(
        StateFolder(tmp_path_factory.mktemp("stack")), free_ports(), outside=dict(os.environ)
    )
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def definitions() -> dg.Definitions:
    """What workspace.yaml names; it needs the dbt manifest, which is made here if it is missing."""
    parse_dbt_project(os.environ)
    return importlib.import_module("orchestration.definitions").defs


@pytest.fixture
def settings(stack: Stack) -> Iterator[Settings]:
    """Settings of a warehouse, buckets, a queue and a topic that only this test uses."""
    token = uuid.uuid4().hex[:12]
    env = stack.environment()
    database = f"test_{token}"
    server = psycopg.connect(stack.superuser_conninfo(), autocommit=True)
    names = {"new": sql.Identifier(database), "old": sql.Identifier(WAREHOUSE)}
    names["owner"] = sql.Identifier(ADMIN)
    server.execute(sql.SQL("create database {new} template {old} owner {owner}").format(**names))
    made = Settings.of(
        env
        | {
            "DATABASE_URL": make_conninfo(env["DATABASE_URL"], dbname=database),
            "RAW_BUCKET": f"raw-{token}",
            "PROCESSED_BUCKET": f"processed-{token}",
            "QUARANTINE_BUCKET": f"quarantine-{token}",
            "LOGS_BUCKET": f"logs-{token}",
            "RAW_EVENTS_QUEUE": f"raw-events-{token}",
            "KAFKA_TOPIC": f"images-{token}",
            "KAFKA_GROUP": f"landing-{token}",
            "RUN_LINGER_SECONDS": "0.2",
        }
    )
    provision_buckets(open_client("s3", made), open_client("sqs", made), made)
    provision_topic(made.kafka_bootstrap_servers, made.kafka_topic)
    yield made
    server.execute(sql.SQL("drop database {new} with (force)").format(**names))
    server.close()


@pytest.fixture
def empty_state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")
