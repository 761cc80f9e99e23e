"""Watches the raw bucket: notifications say when to look, a listing that is due says it too."""

import dagster as dg

from assets.ingestion.bucket.sweep import read_sweep
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from assets.timing import utc_now
from orchestration.jobs import register_objects
from orchestration.sensors.in_flight import runs_in_flight


@dg.sensor(
    job=register_objects,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a registration run when notifications wait or a listing is due.",
)
def raw_bucket(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    object_store: dg.ResourceParam[ObjectStore],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.RunRequest | dg.SkipReason:
    """Asks for one run, which takes the notifications and lists a slice of the bucket."""
    if runs_in_flight(context.instance, register_objects.name):
        return dg.SkipReason("A registration run is in flight; it goes on while there is more.")
    waiting = object_store.notifications_waiting()
    with warehouse.connect() as connection:
        sweep = read_sweep(connection, settings.raw_bucket)
    is_due = sweep.is_due(utc_now(), settings.sweep_interval)
    if not waiting and not is_due:
        return dg.SkipReason(
            f"No notification waits; the listing last went on at {sweep.listed_at:%H:%M} UTC."
        )
    context.log.info(f"{waiting} notifications wait; listing is {'' if is_due else 'not '}due.")
    return dg.RunRequest()
