"""Each sensor in each of its states, on a real ephemeral instance with real run records."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import dagster as dg
import pytest

from assets.asset_keys import ARRIVAL_DAYS
from assets.catalog import leases
from assets.errors import ServerUnavailableError
from assets.ingestion.bucket import source as bucket
from assets.ingestion.bucket.listing import Sweep, write_sweep
from assets.ingestion.kafka import source as kafka
from assets.resources.event_log import EventLog
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Warehouse
from orchestration.ingestion import ingestion_sensor
from orchestration.jobs import build_views, process_images
from orchestration.sensors import image_backlog, sales_changes
from tests.integration.catalogue import lease_request
from tests.integration.topic import fill, images, lose, recreate_topic, with_settings

kafka_images = ingestion_sensor(kafka.SOURCE.job)
raw_bucket = ingestion_sensor(bucket.SOURCE.job)

TODAY = datetime.now(UTC).date()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def tick(sensor, instance, platform, cursor=None, **overrides) -> dg.SensorResult:
    """Evaluates a sensor as the daemon does; whatever it returns comes back as a SensorResult."""
    changed = replace(platform, **overrides)
    resources = {
        "platform": changed,
    }
    wanted = {name: resources[name] for name in sensor.required_resource_keys}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=wanted) as context:
        returned = sensor(context)
    if isinstance(returned, dg.SensorResult):
        return returned
    if isinstance(returned, dg.SkipReason):
        return dg.SensorResult(run_requests=[], skip_reason=returned)
    return dg.SensorResult(run_requests=[returned])


def add_run(instance, job_name: str, status=dg.DagsterRunStatus.STARTED, tags=None) -> None:
    instance.add_run(
        dg.DagsterRun(job_name=job_name, run_id=str(uuid4()), status=status, tags=tags or {})
    )


def finish_listing(platform) -> None:
    with platform.warehouse.connect() as connection:
        now = datetime.now(UTC)
        bucket = platform.settings.raw_bucket
        write_sweep(connection, bucket, Sweep(listed_at=now))


def test_an_empty_topic_asks_for_nothing_and_says_what_it_looked_at(instance, platform):
    ticked = tick(kafka_images, instance, platform)
    assert ticked.run_requests == []
    assert ticked.skip_reason.skip_message == "No message waits in the 3 partitions of the topic."


def test_messages_ask_for_exactly_one_landing_run(instance, platform, pictures):
    platform.produce([picture.body for picture in pictures])
    ticked = tick(kafka_images, instance, platform)
    assert len(ticked.run_requests) == 1
    assert ticked.run_requests[0].run_key is None


@pytest.mark.parametrize("status", ["NOT_STARTED", "STARTING", "STARTED", "CANCELING"])
def test_a_landing_run_in_flight_is_enough(instance, platform, pictures, status):
    platform.produce([pictures[0].body])
    add_run(instance, "land_messages", dg.DagsterRunStatus(status))
    assert tick(kafka_images, instance, platform).run_requests == []


def test_messages_left_by_a_failed_run_ask_again(instance, platform, pictures):
    platform.produce([pictures[0].body])
    add_run(instance, "land_messages", dg.DagsterRunStatus.FAILURE)
    assert len(tick(kafka_images, instance, platform).run_requests) == 1


def test_landed_messages_ask_for_nothing(instance, platform, pictures):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    assert tick(kafka_images, instance, platform).run_requests == []


def test_a_recreated_topic_asks_for_a_run_however_few_messages_it_has(instance, platform):
    fill(platform, 0, images(5, "old"))
    platform.land()
    recreate_topic(platform)
    fill(platform, 0, images(1, "new"))
    assert len(tick(kafka_images, instance, platform).run_requests) == 1
    platform.land()
    assert tick(kafka_images, instance, platform).run_requests == []


def test_a_message_that_was_lost_at_the_very_end_asks_for_no_further_run(instance, platform):
    fill(platform, 0, images(2))
    lose(platform, 0, 1)
    with_settings(platform, kafka_hole_seconds=0.0).land()
    assert tick(kafka_images, instance, platform).run_requests == []


def test_a_bucket_that_was_never_listed_asks_for_a_run(instance, platform):
    assert len(tick(raw_bucket, instance, platform).run_requests) == 1


def test_a_listed_bucket_without_notifications_asks_for_nothing(instance, platform):
    platform.forget_notifications()
    finish_listing(platform)
    ticked = tick(raw_bucket, instance, platform)
    assert ticked.run_requests == []
    assert ticked.skip_reason.skip_message.startswith(
        "No notifications wait; the listing last advanced at"
    )


def test_a_notification_asks_for_a_run(instance, platform):
    finish_listing(platform)
    platform.drop("new.jpg", b"x")
    assert len(tick(raw_bucket, instance, platform).run_requests) == 1


def test_a_registration_run_in_flight_is_enough(instance, platform):
    add_run(instance, "register_objects")
    assert tick(raw_bucket, instance, platform).run_requests == []


def test_waiting_images_ask_for_a_run_of_their_day(instance, platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    ticked = tick(image_backlog, instance, platform)
    assert [request.partition_key for request in ticked.run_requests] == [TODAY.isoformat()]
    [partitions] = ticked.dynamic_partitions_requests
    assert partitions.partitions_def_name == ARRIVAL_DAYS.name


def test_images_that_a_live_run_holds_ask_for_nothing(instance, platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    with platform.warehouse.connect() as connection:
        leases.claim(connection, lease_request(TODAY, "a live run"), 10)
    ticked = tick(image_backlog, instance, platform)
    assert ticked.run_requests == []
    assert ticked.skip_reason.skip_message == "1 images wait on 1 days; runs in flight have them"


def test_a_day_with_a_run_in_flight_is_not_asked_for_twice(instance, platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    add_run(instance, process_images.name, tags={"dagster/partition": TODAY.isoformat()})
    assert tick(image_backlog, instance, platform).run_requests == []


def test_images_of_a_run_whose_lease_ended_ask_again(instance, platform, pictures):
    platform.produce([pictures[0].body])
    platform.land()
    with platform.warehouse.connect() as connection:
        leases.claim(connection, lease_request(TODAY, "a dead run", timedelta(seconds=-1)), 10)
    assert len(tick(image_backlog, instance, platform).run_requests) == 1


def test_a_platform_that_never_built_its_views_asks_for_them(instance, platform):
    ticked = tick(sales_changes, instance, platform)
    assert [request.job_name for request in ticked.run_requests] == ["build_views"]


def test_a_first_build_that_was_killed_is_asked_for_again_but_not_at_once(
    instance, platform, monkeypatch
):
    add_run(instance, build_views.name, dg.DagsterRunStatus.FAILURE)
    at_once = tick(sales_changes, instance, platform)
    assert at_once.run_requests == []
    assert "The first build of the views did not succeed" in at_once.skip_reason.skip_message
    later = datetime.now(UTC) + timedelta(seconds=61)
    monkeypatch.setattr("orchestration.sensors.utc_now", lambda: later)
    again = tick(sales_changes, instance, platform)
    assert [request.job_name for request in again.run_requests] == ["build_views"]


def test_views_that_were_built_are_not_asked_for_again(instance, platform):
    add_run(instance, build_views.name, dg.DagsterRunStatus.SUCCESS)
    add_run(instance, build_views.name, dg.DagsterRunStatus.FAILURE)
    assert tick(sales_changes, instance, platform).run_requests == []


def test_a_change_in_a_sales_table_asks_for_one_refresh(instance, platform, sales):
    add_run(instance, build_views.name, dg.DagsterRunStatus.SUCCESS)
    first = tick(sales_changes, instance, platform)
    second = tick(sales_changes, instance, platform, cursor=first.cursor)
    assert [request.job_name for request in first.run_requests] == ["refresh_sales"]
    assert second.run_requests == []
    assert "did not apply these changes" in second.skip_reason.skip_message


def test_without_a_change_no_build_is_asked_for(instance, platform):
    add_run(instance, build_views.name, dg.DagsterRunStatus.SUCCESS)
    skipped = tick(sales_changes, instance, platform, cursor="members 1-200")
    assert skipped.skip_reason.skip_message == "No change of a sales table waits."


def test_a_change_that_commits_after_later_ones_were_built_still_asks(
    instance, owner, platform, sales
):
    add_run(instance, build_views.name, dg.DagsterRunStatus.SUCCESS)
    first = tick(sales_changes, instance, platform)
    owner.execute("delete from change_queue.changed_member where change_id > 1")
    owner.execute("delete from change_queue.changed_item")
    owner.execute("delete from change_queue.changed_transaction")
    late = tick(sales_changes, instance, platform, cursor=first.cursor)
    assert len(late.run_requests) == 1


@pytest.mark.parametrize("sensor", [kafka_images, raw_bucket, image_backlog, sales_changes])
def test_a_database_that_is_down_fails_the_tick_with_a_plain_message(instance, platform, sensor):
    nowhere = Warehouse("postgresql://loader:secret@127.0.0.1:1/warehouse")
    with pytest.raises(
        ServerUnavailableError, match=r"PostgreSQL at 127\.0\.0\.1:1 does not answer"
    ):
        tick(sensor, instance, platform, warehouse=nowhere)


def test_a_broker_that_is_down_fails_the_tick_with_a_plain_message(instance, platform):
    nowhere = platform.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(ServerUnavailableError, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        tick(kafka_images, instance, platform, event_log=EventLog(nowhere))


def test_a_store_that_is_down_fails_the_tick_with_a_plain_message(instance, platform):
    nowhere = platform.settings.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:1"})
    with pytest.raises(
        ServerUnavailableError, match=r"S3 at http://127\.0\.0\.1:1 does not answer"
    ):
        tick(raw_bucket, instance, platform, object_store=ObjectStore(nowhere))
