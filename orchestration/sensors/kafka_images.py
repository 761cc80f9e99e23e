"""Watches the Kafka topic: lag says that something is there, offsets in the ledger say how much."""

import dagster as dg

from assets.ingestion.kafka import topics
from assets.resources.event_log import EventLog
from assets.resources.warehouse import Warehouse
from assets.settings import Settings
from orchestration.jobs import land_messages
from orchestration.sensors.in_flight import runs_in_flight


@dg.sensor(
    job=land_messages,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a landing run when messages wait in the topic and none is in flight.",
)
def kafka_images(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    event_log: dg.ResourceParam[EventLog],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.RunRequest | dg.SkipReason:
    """Asks for one run, which reads on while there is more.

    A topic that was made anew asks as well, however few messages it has: offsets say nothing then.
    """
    if runs_in_flight(context.instance, land_messages.name):
        return dg.SkipReason("A landing run is in flight; it reads on while there is more.")
    state = event_log.look(settings.kafka_topic)
    with warehouse.connect() as connection:
        known = topics.read_topic(connection, state.name)
        stored = topics.read_offsets(connection, state.name)
    if topics.is_recreated(known, state) or topics.may_be_recreated(state, stored):
        context.log.info("The topic seems to be made anew; a landing run finds out.")
        return dg.RunRequest()
    waiting = topics.lag(state.ends, stored)
    if not waiting:
        return dg.SkipReason(f"No message waits in the {len(state.ends)} partitions of the topic.")
    context.log.info(f"At least {waiting} messages wait in the topic.")
    return dg.RunRequest()
