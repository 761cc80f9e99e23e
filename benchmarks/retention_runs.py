"""Records of Dagster's runs, with all their events, deleted as `dagster/run_records` does hourly.

One run of a job is recorded by Dagster itself; the others are copies of its rows in the database.
"""

import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg

from assets.resources.warehouse import Connection
from assets.retention.run_records import purge_runs
from infra.local.stack import Stack
from infra.report import MeasurementError

_AGE = timedelta(days=8)

_MAKE_COPIES = """
    create temporary table copy as
    select gen_random_uuid()::text as copy_id from generate_series(1, %s)
"""
_COPY_RUNS = """
    insert into runs (
        run_id, snapshot_id, pipeline_name, mode, status, run_body, partition, partition_set,
        create_timestamp, update_timestamp, start_time, end_time, backfill_id
    )
    select
        copy_id, snapshot_id, pipeline_name, mode, status, replace(run_body, run_id, copy_id),
        partition, partition_set, %(requested_at)s, update_timestamp, start_time, end_time,
        backfill_id
    from runs
    cross join copy
    where run_id = %(run)s
"""
_COPY_TAGS = """
    insert into run_tags (run_id, key, value)
    select copy_id, key, value
    from run_tags
    cross join copy
    where run_id = %(run)s
"""
_COPY_EVENTS = """
    insert into event_logs (
        run_id, event, dagster_event_type, timestamp, step_key, asset_key, partition
    )
    select
        copy_id, replace(event, run_id, copy_id), dagster_event_type, timestamp, step_key,
        asset_key, partition
    from event_logs
    cross join copy
    where run_id = %(run)s
"""


@dg.op
def report_progress(context: dg.OpExecutionContext) -> None:
    """Logs as many lines as a landing does."""
    for number in range(10):
        context.log.info(f"{number} of 10")


@dg.job
def recorded() -> None:
    """A job with one step."""
    report_progress()


def measure_runs(stack: Stack, runs: int, _turn: int) -> float:
    """Records runs that are due and purges them; returns the seconds of the purge.

    Raises `MeasurementError` when one of them is left.
    """
    storage = stack.environment()["DAGSTER_DATABASE_URL"]
    with tempfile.TemporaryDirectory(prefix="darkroom-bench-dagster-") as folder:
        settings = {"storage": {"postgres": {"postgres_url": storage}}}
        Path(folder, "dagster.yaml").write_text(json.dumps(settings))
        with dg.DagsterInstance.from_config(folder) as instance:
            with psycopg.connect(storage) as connection:
                _copy(connection, recorded.execute_in_process(instance=instance).run_id, runs)
            began = time.perf_counter()
            purged = sum(one.items() for one in purge_runs(instance, datetime.now(UTC) - _AGE / 2))
            seconds = time.perf_counter() - began
    if purged != runs:
        raise MeasurementError(f"{purged:,} run records of {runs:,} were purged.")
    return seconds


def _copy(connection: Connection, run: str, copies: int) -> None:
    """Copies a run with its tags and events, requested so long ago that the copies are due."""
    connection.execute(_MAKE_COPIES, [copies])
    for statement in (_COPY_RUNS, _COPY_TAGS, _COPY_EVENTS):
        connection.execute(statement, {"run": run, "requested_at": datetime.now(UTC) - _AGE})
