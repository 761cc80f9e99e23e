"""Dagster's own records: runs with their events, and logs left on this machine's disk.

They hold counts and name no image. But a custom processor may print anything, so they are deleted
at the same age as images.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import dagster as dg
from dagster._core.storage.cloud_storage_compute_log_manager import CloudStorageComputeLogManager
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from assets import asset_keys
from assets.platform import Platform
from assets.retention.receipt_store import DeletionContext
from assets.retention.receipts import Copy, DeletionReason, Tally
from assets.retention.signing import open_signer
from assets.retention_policy import cutoff
from assets.timing import utc_now

MAX_RUNS_PER_PURGE = 20_000
"""Run records that one purge deletes at most; the next one deletes the rest."""

_BATCH_RUNS = 500
_STATEMENT_MILLISECONDS = 600_000
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def oldest_run(instance: dg.DagsterInstance) -> datetime | None:
    """Returns when the oldest recorded run was requested (UTC); None if there is no record."""
    records = instance.get_run_records(limit=1, order_by="create_timestamp", ascending=True)
    return _requested_at(records[0]) if records else None


def purge_runs(
    instance: dg.DagsterInstance, before: datetime, limit: int = MAX_RUNS_PER_PURGE
) -> Iterator[Tally]:
    """Deletes finished runs that were requested before a time, oldest first; yields by batch.

    The instance must keep its events in one SQL database, such as PostgreSQL.
    """
    events, runs = instance.event_log_storage, instance.run_storage
    if not isinstance(events, SqlEventLogStorage):
        raise TypeError(f"The events of runs are kept by {type(events).__name__}, not in SQL.")
    for storage in (events, runs):
        # Keeps its connection open, where Dagster otherwise opens one for each statement. To store
        # an event it opens a second one.
        storage.optimize_for_webserver(_STATEMENT_MILLISECONDS, pool_recycle=-1, max_overflow=10)
    due = dg.RunsFilter(statuses=_FINISHED, created_before=before)
    for start in range(0, limit, _BATCH_RUNS):
        batch = min(_BATCH_RUNS, limit - start)
        records = instance.get_run_records(due, batch, "create_timestamp", ascending=True)
        if not records:
            return
        tally = Tally()
        # Storage's `delete_events` repeats the same statements for databases that keep each run's
        # events apart, and releases concurrency slots, which a finished run does not hold.
        with events.index_connection() as connection:
            for record in records:
                run_id = record.dagster_run.run_id
                events.delete_events_for_run(connection, run_id)
                runs.delete_run(run_id)  # last: a retry finds the events by it
                tally.add(Copy.RUN_RECORD, _requested_at(record))
        yield tally


def purge_local_logs(instance: dg.DagsterInstance, before: datetime) -> Tally:
    """Deletes log files of this machine that were last written before a time.

    Dagster itself leaves the files of killed runs, copies opened in the UI, and empty folders.
    """
    tally = Tally()
    if (folder := _log_folder(instance)) is None or not folder.is_dir():
        return tally
    for path in sorted(folder.rglob("*"), reverse=True):  # files before their folder
        try:
            found = path.lstat()
        except FileNotFoundError:  # Dagster has uploaded and deleted it meanwhile
            continue
        written_at = datetime.fromtimestamp(found.st_mtime, UTC)
        if written_at > before:
            continue
        if not path.is_dir():
            path.unlink(missing_ok=True)
            tally.add(Copy.LOG_OBJECT, written_at, found.st_size)
        elif not any(path.iterdir()):
            path.rmdir()
    return tally


def purge_dagster(instance: dg.DagsterInstance, platform: Platform, now: datetime) -> Tally:
    """Deletes Dagster's records that have reached the purge age, with one receipt per batch."""
    before = cutoff(now, platform.settings.purge_age)
    signer, purged = open_signer(platform.settings), Tally()
    context = DeletionContext(signer, DeletionReason.EXPIRY, now, before)
    batches = chain([purge_local_logs(instance, before)], purge_runs(instance, before))
    for batch in (one for one in batches if one.gone):
        with platform.warehouse.connect() as connection:
            context.issue_receipt(connection, batch)
        purged += batch
    return purged


def _requested_at(record: dg.RunRecord) -> datetime:
    return record.create_timestamp.astimezone(UTC)


def _log_folder(instance: dg.DagsterInstance) -> Path | None:
    """Returns the folder of logs that are not uploaded yet; None if there is no such folder."""
    manager = instance.compute_log_manager
    if isinstance(manager, CloudStorageComputeLogManager):
        manager = manager.local_manager
    if not isinstance(manager, LocalComputeLogManager):
        return None
    return Path(manager.get_captured_local_path(["any"], "log")).parent


@dg.asset(
    key=asset_keys.RUN_RECORDS,
    group_name=asset_keys.RETENTION_GROUP,
    owners=asset_keys.DATA_ENGINEERING,
    kinds={"dagster", "postgres"},
)
def run_records(
    context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
) -> dg.MaterializeResult[None]:
    """One record per run of Dagster, deleted when it has reached the purge age."""
    purged = purge_dagster(context.instance, platform, utc_now())
    return dg.MaterializeResult(
        metadata={
            "run_records": purged.items(Copy.RUN_RECORD),
            "local_log_files": purged.items(Copy.LOG_OBJECT),
        }
    )
