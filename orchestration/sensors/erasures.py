"""Watches for erasures that have succeeded: Dagster forgets them at once."""

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
    out of Dagster; the receipt in the warehouse is what is kept. A run that failed stays, so that
    somebody can execute it again; when that succeeds, both go, and otherwise it goes at the age at
    which all run records do. Reads no cursor: what is left to forget is what is still there. A
    run status sensor is no use here, since Dagster then writes an event about a run that is gone.
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
    """Returns the runs that failed before somebody executed them again as this one."""
    if run.root_run_id is None:
        return []
    ended = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    first = dg.RunsFilter(run_ids=[run.root_run_id], statuses=ended)
    others = dg.RunsFilter(tags={_ROOT: run.root_run_id}, statuses=ended)
    return [one.run_id for wanted in (first, others) for one in instance.get_runs(wanted)]
