"""Dagster's own copies, on a real instance: records of runs, their events, logs left on disk."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import psycopg
import pytest
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import event
from sqlalchemy.engine import URL, Engine

from assets.retention.receipt_store import read_receipts
from assets.retention.receipts import Copy
from assets.retention.run_records import (
    oldest_run,
    purge_dagster,
    purge_local_logs,
    purge_runs,
    run_records,
)
from tests.integration.retention_helpers import problems

NOW = datetime.now(UTC)
WEEK = timedelta(days=7)


@dg.job
def nothing():
    """A job without a step still has a run with events."""


@pytest.fixture(scope="module")
def database(stack) -> Iterator[str]:
    """The address of a database for records, which the platform keeps in PostgreSQL as well."""
    name = f"dagster_{uuid4().hex[:12]}"
    place = conninfo_to_dict(stack.superuser_conninfo(name))
    host, port = place["host"], int(place["port"])
    url = URL.create("postgresql", place["user"], place["password"], host, port, name)
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield url.render_as_string(hide_password=False)
        server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@pytest.fixture
def instance(database, tmp_path):
    settings = {"storage": {"postgres": {"postgres_url": database}}}
    tmp_path.joinpath("dagster.yaml").write_text(json.dumps(settings))
    with dg.DagsterInstance.from_config(str(tmp_path)) as made:
        made.wipe()
        yield made


def add_run(instance, status=dg.DagsterRunStatus.SUCCESS) -> str:
    run = dg.DagsterRun(job_name="nothing", run_id=str(uuid4()), status=status)
    return instance.add_run(run).run_id


def run_ids(instance) -> set[str]:
    return {run.run_id for run in instance.get_runs()}


@contextmanager
def listening(target, name: str, listener: Callable) -> Iterator[None]:
    event.listen(target, name, listener)
    try:
        yield
    finally:
        event.remove(target, name, listener)


def write_log(instance, name: str, age: timedelta = timedelta(0)) -> Path:
    manager = instance.compute_log_manager
    assert isinstance(manager, LocalComputeLogManager)
    path = Path(manager.get_captured_local_path(["a run", "compute_logs", name], "err"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("five!")
    then = (NOW - age).timestamp()
    os.utime(path, (then, then))
    return path


def purged(instance, before: datetime, **more) -> list[int]:
    return [tally.items() for tally in purge_runs(instance, before, **more)]


def test_a_finished_run_goes_with_its_events_once_it_is_old_enough(instance):
    run_id = nothing.execute_in_process(instance=instance).run_id
    assert instance.all_logs(run_id)
    assert purged(instance, datetime.now(UTC)) == [1]
    assert (run_ids(instance), list(instance.all_logs(run_id))) == (set(), [])


def test_many_runs_are_deleted_over_few_connections(instance):
    made = {nothing.execute_in_process(instance=instance).run_id for _ in range(10)}
    opened = []
    with listening(Engine, "connect", lambda *_: opened.append(1)):
        assert purged(instance, datetime.now(UTC)) == [len(made)]
    assert len(opened) < len(made)
    assert run_ids(instance) == set()
    assert not [run_id for run_id in made if list(instance.all_logs(run_id))]


def test_a_run_is_kept_until_then(instance):
    before = datetime.now(UTC)
    run_id = nothing.execute_in_process(instance=instance).run_id
    assert purged(instance, before) == []
    assert run_ids(instance) == {run_id}
    assert instance.all_logs(run_id)


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_run_that_has_not_ended_is_left_alone(instance, status):
    run_id = add_run(instance, dg.DagsterRunStatus(status))
    assert purged(instance, NOW + WEEK) == []
    assert run_ids(instance) == {run_id}


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE", "CANCELED"])
def test_a_run_that_has_ended_goes_however_it_ended(instance, status):
    add_run(instance, dg.DagsterRunStatus(status))
    assert purged(instance, NOW + WEEK) == [1]
    assert run_ids(instance) == set()


def test_a_purge_is_bounded_and_takes_the_oldest_first(instance):
    ids = [add_run(instance) for _ in range(5)]
    assert purged(instance, NOW + WEEK, limit=3) == [3]
    assert run_ids(instance) == set(ids[3:])


def test_a_purge_cut_short_between_events_and_record_is_repeated(instance):
    run_id = nothing.execute_in_process(instance=instance).run_id
    instance.event_log_storage.delete_events(run_id)
    assert purged(instance, NOW + WEEK) == [1]
    assert run_ids(instance) == set()


def test_the_oldest_run_is_told_whatever_became_of_it(instance):
    assert oldest_run(instance) is None
    first = add_run(instance, dg.DagsterRunStatus.STARTED)
    add_run(instance)
    record = instance.get_run_record_by_id(first)
    assert oldest_run(instance) == record.create_timestamp
    assert oldest_run(instance) >= NOW - timedelta(minutes=1)


def test_logs_left_on_disk_go_at_their_age_and_younger_ones_stay(instance):
    old, young = write_log(instance, "old", WEEK), write_log(instance, "young")
    gone = purge_local_logs(instance, NOW - timedelta(days=6))
    assert [(one.copy, one.items, one.size_bytes) for one in gone.gone] == [(Copy.LOG_OBJECT, 1, 5)]
    assert (old.exists(), young.exists()) == (False, True)


def test_an_instance_that_keeps_no_logs_has_none_to_delete():
    with dg.DagsterInstance.ephemeral() as instance:
        assert purge_local_logs(instance, NOW + WEEK).gone == ()


def test_what_goes_of_dagster_leaves_a_receipt(instance, platform):
    add_run(instance)
    later = NOW + WEEK
    purge_dagster(instance, platform, later)
    with platform.warehouse.connect() as connection:
        [receipt] = read_receipts(connection)
    assert problems(platform) == []
    assert [(one.copy, one.items) for one in receipt.gone] == [(Copy.RUN_RECORD, 1)]
    assert (receipt.images, receipt.began_at) == (0, later)
    assert receipt.expired_until == later - platform.settings.purge_age


def test_where_nothing_is_due_no_receipt_is_written(instance, platform):
    add_run(instance)
    purge_dagster(instance, platform, NOW)
    with platform.warehouse.connect() as connection:
        assert list(read_receipts(connection)) == []
    assert len(run_ids(instance)) == 1


def test_the_asset_reports_counts_and_keeps_the_run_that_it_is_part_of(instance, platform):
    result = dg.materialize(
        [run_records],
        instance=instance,
        resources={"platform": platform},
    )
    [made] = result.asset_materializations_for_node("dagster__run_records")
    counts = {name: value.value for name, value in made.metadata.items()}
    assert counts == {"run_records": 0, "local_log_files": 0}
    assert run_ids(instance) == {result.run_id}
