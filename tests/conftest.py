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
import pytest

from assets.resources.object_store import open_client
from assets.settings import Settings
from infra.kafka.topics import provision_topic
from infra.local.dbt import parse_dbt_project
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.local.warehouses import copy_of_warehouse
from infra.object_store.buckets import provision_buckets


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
    with copy_of_warehouse(stack, f"test_{token}") as env:
        made = Settings.of(
            env
            | {
                "RAW_BUCKET": f"raw-{token}",
                "PROCESSED_BUCKET": f"processed-{token}",
                "QUARANTINE_BUCKET": f"quarantine-{token}",
                "LOGS_BUCKET": f"logs-{token}",
                "RECEIPTS_BUCKET": f"receipts-{token}",
                "RAW_EVENTS_QUEUE": f"raw-events-{token}",
                "KAFKA_TOPIC": f"images-{token}",
                "KAFKA_GROUP": f"landing-{token}",
                "RUN_LINGER_SECONDS": "0.2",
            }
        )
        provision_buckets(open_client("s3", made), open_client("sqs", made), made)
        provision_topic(made.kafka_bootstrap_servers, made.kafka_topic)
        yield made


@pytest.fixture
def empty_state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "state")
