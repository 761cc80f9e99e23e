"""Images per second of the naive pattern, in a Dagster with storage and buckets of its own.

It runs over the same servers as the platform, with the same instance settings.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import psycopg
from psycopg import sql

from assets.processing.recipe import read_recipe
from assets.resources.object_store import ObjectStore, open_client
from assets.settings import Settings
from assets.timing import utc_now
from benchmarks.senders import Plan, Sender, sending
from infra.local.dagster import code_server, daemon, prepare_dagster_home, web_server
from infra.local.dagster_api import cancel_runs
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.object_store.buckets import create_bucket
from infra.postgres.bootstrap import DAGSTER
from infra.progress import progress_bar
from infra.report import MeasurementError
from infra.source_clients import Addresses

_DATABASE = "naive_dagster"
_DEFINITIONS = "benchmarks.naive_dagster"
_TIMEOUT_SECONDS = 900
_EVERY_SECONDS = 0.5


def naive_rate(stack: Stack, bodies: Sequence[bytes], images: int) -> float:
    """Drops images into a bucket; returns images per second, first drop to last rendition.

    The platform's own Dagster must be stopped: both use the same port and the same two cores.
    """
    with _naive_dagster(stack) as settings:
        addresses = Addresses(settings, "", "", folder="drop", answer_seconds=60)
        record = stack.state.path("records", "naive.jsonl")
        plan = Plan("naive", addresses, bodies, 100, images, record, through=("bucket",))
        with sending(plan) as sender:
            ended_at = _wait_for_renditions(ObjectStore(settings), sender)
            started_at = min(sent.sent_at for sent in sender.record())
    return images / (ended_at.timestamp() - started_at)


@contextmanager
def _naive_dagster(stack: Stack) -> Iterator[Settings]:
    """Starts the naive definitions, and yields the settings of their runs."""
    state = StateFolder(stack.state.root / "naive")
    env = stack.environment() | {
        "DAGSTER_HOME": str(state.path("dagster")),
        "LOGS_FOLDER": str(state.path("dagster", "compute_logs")),
        "DAGSTER_DATABASE_URL": _create_database(stack),
        "RAW_BUCKET": "naive-raw",
        "PROCESSED_BUCKET": "naive-processed",
    }
    settings = Settings.of(env)
    for bucket in (settings.raw_bucket, settings.processed_bucket):
        create_bucket(open_client("s3", settings), bucket)
    prepare_dagster_home(state, env, _DEFINITIONS)
    code = code_server(state, env, _DEFINITIONS)
    servers = [
        code,
        daemon(state, env, [code]),
        web_server(state, stack.ports.dagster, env, [code]),
    ]
    try:
        for server in servers:
            server.start()
        yield settings
    finally:
        cancel_runs(stack.ports.dagster)
        for server in reversed(servers):
            server.stop()


def _create_database(stack: Stack) -> str:
    names = {"new": sql.Identifier(_DATABASE), "owner": sql.Identifier(DAGSTER)}
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        server.execute(sql.SQL("create database {new} owner {owner}").format(**names))
    return stack.environment()["DAGSTER_DATABASE_URL"].rsplit("/", 1)[0] + f"/{_DATABASE}"


def _wait_for_renditions(store: ObjectStore, sender: Sender) -> datetime:
    """Waits until every image has its renditions; returns when the last one was seen."""
    bucket, images = store.settings.processed_bucket, sender.plan.images
    per_image = len(read_recipe("standard").renditions)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    with progress_bar() as progress:
        task = progress.add_task("naive pattern", total=images)
        while True:
            pages = store.pages_of_versions(bucket)
            made = sum(len(page.versions) for page in pages)
            progress.update(task, completed=made // per_image)
            if sender.is_done and made >= images * per_image:
                return utc_now()
            if time.monotonic() > deadline:
                raise MeasurementError(
                    f"{made} of {images * per_image} renditions were made in "
                    f"{_TIMEOUT_SECONDS} seconds; see the log of the naive Dagster."
                )
            time.sleep(_EVERY_SECONDS)
