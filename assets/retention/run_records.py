"""Dagster's own copies: records of runs with their events, and logs left on this machine's disk.

They hold counts and no image, but the run configuration of an erasure names images, and a processor
of your own may print what it likes. So they go with the images.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import dagster as dg
from dagster._core.storage.cloud_storage_compute_log_manager import CloudStorageComputeLogManager
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

from assets import asset_keys
from assets.resources.warehouse import Warehouse
from assets.retention.deletion import DeletionContext
from assets.retention.receipt_store import issue
from assets.retention.receipts import Copy, DeletionReason, HashedIds, Tally
from assets.retention_policy import cutoff
from assets.settings import Settings
from assets.timing import utc_now

MAX_RUNS_PER_PURGE = 20_000
"""What one purge deletes at most; the next one, an hour later, goes on."""

_BATCH_RUNS = 500
_FINISHED = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
]


def oldest_run(instance: dg.DagsterInstance) -> datetime | None:
    """Returns when the oldest run that Dagster has a record of was asked for; None without any."""
    records = instance.get_run_records(limit=1, order_by="create_timestamp", ascending=True)
    return _requested_at(records[0]) if records else None


def delete_run_record(instance: dg.DagsterInstance, run_id: str) -> None:
    """Deletes a run's events, and after them its record, which alone leads there.

    Cut short, it leaves the record, and can be repeated.
    """
    instance.event_log_storage.delete_events(run_id)
    instance.delete_run(run_id)


def purge_runs(
    instance: dg.DagsterInstance, before: datetime, most: int = MAX_RUNS_PER_PURGE
) -> Iterator[Tally]:
    """Deletes the records of finished runs that were asked for before a moment, oldest first.

    A run that has not finished is left alone, however old it is.

    Yields:
        What each batch of a few hundred deleted.
    """
    due = dg.RunsFilter(statuses=_FINISHED, created_before=before)
    for start in range(0, most, _BATCH_RUNS):
        records = instance.get_run_records(
            due,
            limit=min(_BATCH_RUNS, most - start),
            order_by="create_timestamp",
            ascending=True,
        )
        if not records:
            return
        tally = Tally()
        for record in records:
            delete_run_record(instance, record.dagster_run.run_id)
            tally.add(Copy.RUN_RECORD, _requested_at(record))
        yield tally


def purge_local_logs(instance: dg.DagsterInstance, before: datetime) -> Tally:
    """Deletes log files that were last written before a moment from this machine's own folder.

    Dagster deletes a run's files there once they are uploaded. What it leaves are those of runs
    that were killed, copies that somebody looked at in the UI, and empty folders.
    """
    tally = Tally()
    if (folder := _log_folder(instance)) is None or not folder.is_dir():
        return tally
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder before the folder
        try:
            found = path.lstat()
        except FileNotFoundError:  # Dagster has uploaded it in the meantime
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


def purge_dagster(
    instance: dg.DagsterInstance, settings: Settings, warehouse: Warehouse, now: datetime
) -> Tally:
    """Deletes what Dagster has kept for the purge age; every batch leaves a receipt."""
    before = cutoff(now, settings.purge_age)
    deletion_context, purged = DeletionContext(DeletionReason.EXPIRY, now, before), Tally()
    logs = [tally] if (tally := purge_local_logs(instance, before)).gone else []
    for batch in chain(logs, purge_runs(instance, before)):
        with warehouse.connect() as connection:
            issue(connection, deletion_context.draft(batch, HashedIds()), deletion_context.now())
        purged += batch
    return purged


def _requested_at(record: dg.RunRecord) -> datetime:
    return record.create_timestamp.astimezone(UTC)


def _log_folder(instance: dg.DagsterInstance) -> Path | None:
    """Returns where logs are before they are uploaded; None where they are kept otherwise."""
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
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[None]:
    """One record per run that Dagster remembers; it goes when it has reached the purge age."""
    purged = purge_dagster(context.instance, settings, warehouse, utc_now())
    return dg.MaterializeResult(
        metadata={
            "run_records": purged.items(Copy.RUN_RECORD),
            "local_log_files": purged.items(Copy.LOG_OBJECT),
        }
    )
