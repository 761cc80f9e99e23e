"""The queue of notifications, or what fills it, is gone: nothing is lost, and it comes back."""

import pytest

from assets.ingestion.bucket.source import find_work
from assets.resources.object_store import ObjectStore
from infra.local.supervisor import Supervisor
from infra.object_store.buckets import provision_buckets
from tests.integration.bucket import due_again, keys_of_rows, not_due, put


def delete_queue(store: ObjectStore) -> None:
    name = store.settings.raw_events_queue
    store.sqs.delete_queue(QueueUrl=store.sqs.get_queue_url(QueueName=name)["QueueUrl"])


def silence(store: ObjectStore) -> None:
    store.s3.put_bucket_notification_configuration(
        Bucket=store.settings.raw_bucket, NotificationConfiguration={}
    )


def forget_versions(store: ObjectStore) -> None:
    store.s3.put_bucket_versioning(
        Bucket=store.settings.raw_bucket, VersioningConfiguration={"Status": "Suspended"}
    )


DAMAGES = {
    delete_queue: "queue",
    silence: "notifications of bucket",
    forget_versions: "versions of bucket",
}


def repair(platform) -> list[str]:
    store = platform.object_store
    return provision_buckets(store.s3, store.sqs, platform.settings)


def test_objects_are_registered_by_the_listing_without_a_queue(platform):
    delete_queue(platform.object_store)
    put(platform, "a.jpg")
    due_again(platform)
    assert find_work(platform) == (True, "There is no queue of notifications; the listing is due.")
    assert platform.register().new_images == 1
    assert keys_of_rows(platform) == ["a.jpg"]


def test_no_run_is_requested_for_a_queue_that_is_missing(platform):
    delete_queue(platform.object_store)
    not_due(platform)
    has_work, why = find_work(platform)
    assert not has_work
    assert why.startswith("There is no queue of notifications; the listing last advanced at")


def test_a_queue_that_goes_away_during_a_run_does_not_stop_it(platform, monkeypatch):
    put(platform, "a.jpg")
    receive = ObjectStore.receive

    def receive_once(store: ObjectStore, wait_seconds: int = 0):
        received = receive(store, wait_seconds)
        delete_queue(store)
        monkeypatch.setattr(ObjectStore, "receive", receive)
        return received

    monkeypatch.setattr(ObjectStore, "receive", receive_once)
    due_again(platform)
    platform.register()
    platform.register()
    assert keys_of_rows(platform) == ["a.jpg"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_keeps_objects_from_being_announced_is_found_and_repaired(platform, damage):
    assert platform.object_store.missing_announcements() == []
    damage(platform.object_store)
    assert len(platform.object_store.missing_announcements()) == 1
    assert [one for one in repair(platform) if one.startswith(DAMAGES[damage])]
    assert platform.object_store.missing_announcements() == []
    assert repair(platform) == []
    not_due(platform)
    put(platform, "after.jpg")
    platform.register()
    assert "after.jpg" in keys_of_rows(platform)


def test_a_running_platform_repairs_its_queue_within_its_next_minute(stack):
    said: list[str] = []
    supervisor = Supervisor(stack, said.append)
    supervisor.poll()
    assert said == []
    delete_queue(ObjectStore(stack.settings()))
    supervisor.poll()
    assert said == []
    supervisor._repaired_at -= 60
    supervisor.poll()
    assert said == ["The queue darkroom-raw-events was not as it should be; it is repaired."]
