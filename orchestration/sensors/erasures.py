"""Deletes the run records of erasures that have succeeded."""

import dagster as dg

from assets.retention.run_records import delete_run_record
from orchestration.erase import erase_images

_MAX_RUNS_PER_TICK = 100
_ROOT = "dagster/root_run_id"


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Deletes the records of erasures that have succeeded, because they name images.",
)
def forget_erasure_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Deletes the record and the events of each erasure that has succeeded.

    Its run configuration names single images or an uploader, and identifiers of single images stay
    out of Dagster; the receipt in the warehouse is kept instead. A failed run stays, so that
    somebody can re-execute it: when that succeeds, both are deleted; otherwise the purge of run
    records deletes it. No cursor is needed: whatever is still there has to be deleted. A run status
    sensor does not work here, because Dagster then writes an event about the deleted run.
    """
    done = context.instance.get_runs(
        dg.RunsFilter(job_name=erase_images.name, statuses=[dg.DagsterRunStatus.SUCCESS]),
        limit=_MAX_RUNS_PER_TICK,
    )
    forgotten = [
        run_id for run in done for run_id in (*_earlier_attempts(context.instance, run), run.run_id)
    ]
    for run_id in forgotten:
        delete_run_record(context.instance, run_id)
    return dg.SkipReason(f"{len(forgotten)} runs of erasures that have succeeded are forgotten.")


def _earlier_attempts(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """Returns the failed runs of which this run is a re-execution."""
    if run.root_run_id is None:
        return []
    ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    first = dg.RunsFilter(run_ids=[run.root_run_id], statuses=ended)
    others = dg.RunsFilter(tags={_ROOT: run.root_run_id}, statuses=ended)
    return [one.run_id for wanted in (first, others) for one in instance.get_runs(wanted)]
