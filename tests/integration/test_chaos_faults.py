"""The campaign's faults that a server has to see: a full disk, and erasures in a race."""

from datetime import UTC, datetime
from random import Random
from uuid import uuid4

import psutil
import pytest

from assets.errors import StorageFullError
from assets.resources.object_store import ObjectMissingError, ObjectStore
from infra.demo.photographs import broken_files
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.object_store.buckets import provision_buckets
from infra.source_clients import make_unique
from tests.campaigns.chaos.erasures import ErasureRace, replay_topic
from tests.campaigns.chaos.evidence import count_in_receipts, count_objects_left
from tests.campaigns.chaos.faults import Fault, FaultInjector, FaultKind, Target
from tests.campaigns.chaos.proxy import Network
from tests.campaigns.chaos.record import Event, Image, Record, read_records


def seeded() -> Random:
    return Random(3)  # noqa: S311 - chooses images, no secret


FULL = Fault(FaultKind.FILL, Target.OBJECT_STORE, seconds=5.0)


@pytest.fixture
def store_only(tmp_path, stack):
    """A stack of whose servers only the object store runs, and its client."""
    folder = StateFolder(tmp_path / "own")
    folder.mark()
    alone = Stack(folder, free_ports())
    [server] = [one for one in alone.servers if one.name == "object_store"]
    server.start()
    try:
        store = ObjectStore(alone.settings())
        provision_buckets(store.s3, store.sqs, store.settings)
        yield alone, server, store
    finally:
        server.stop()


def test_a_full_disk_refuses_objects_for_a_while_and_keeps_what_was_acknowledged(store_only):
    alone, server, store = store_only
    bucket = store.settings.raw_bucket
    store.put(bucket, "before", b"kept", "image/png")
    injector = FaultInjector(alone, Network({}), alone.state.root, seeded())
    assert injector.inject(FULL)
    with pytest.raises(StorageFullError):
        store.put(bucket, "meanwhile", b"refused", "image/png")
    injector.restore_all()
    announced = {event.found.key for one in store.receive() for event in one.events}
    assert announced == {"before"}
    store.put(bucket, "after", b"kept", "image/png")
    process = server.process()
    process.kill()
    psutil.wait_procs([process])
    server.start()
    assert [store.get(bucket, key) for key in ("before", "after")] == [b"kept", b"kept"]
    with pytest.raises(ObjectMissingError):
        store.get(bucket, "meanwhile")


def test_the_disk_of_a_server_that_does_not_run_cannot_be_filled(tmp_path):
    stopped = Stack(StateFolder(tmp_path), free_ports())
    assert not FaultInjector(stopped, Network({}), tmp_path, seeded()).inject(FULL)


def send(platform, records, pictures) -> None:
    """Sends photographs and broken files as the campaign's senders do, and has them processed."""
    broken = [one for one in broken_files() if one.expected_reason != "empty"][:2]
    files = [("good", one) for one in pictures[:4]] + [("broken", one) for one in broken * 4]
    record = Record(records / "bucket.jsonl")
    for kind, one in files:
        token = uuid4()
        image = Image(f"{kind}-{token}", "bucket", token.hex, one.expected_reason)
        platform.drop(f"chaos/{image.name}", make_unique(one.body, token.bytes))
        record.write(image, Event.ACKNOWLEDGED, datetime.now(UTC))
    record.close()
    platform.register()
    platform.process()


@pytest.fixture
def race(platform, tmp_path, pictures):
    send(platform, tmp_path, pictures)
    return ErasureRace(platform, tmp_path)


def ids(platform) -> set:
    return {image for (image,) in platform.query("select image_id from image_catalog.image")}


def test_images_erased_in_the_race_are_gone_for_ever_and_all_others_are_processed(race, tmp_path):
    platform = race.platform
    before = ids(platform)
    chosen = race.choose(seeded())
    erased = set(chosen.images)
    assert {image.name.split("-")[0] for image in chosen.images.values()} == {"good", "broken"}
    race.run(chosen)
    platform.register()
    platform.process()
    replay_topic(platform)
    assert ids(platform) == before - erased
    assert platform.query(
        "select count(*) from image_catalog.image where state = 'waiting' or withdrawn_at < now()"
    ) == [(0,)]
    assert count_objects_left(platform.object_store, erased) == 0
    with platform.warehouse.connect() as connection:
        assert count_in_receipts(connection, erased) == len(erased)
    recorded = [one.image.name for one in read_records(tmp_path).values() if one.is_erased]
    assert sorted(recorded) == sorted(image.name for image in chosen.images.values())


def test_what_is_left_of_an_erased_image_is_counted(race):
    platform = race.platform
    chosen = race.choose(seeded())
    assert count_objects_left(platform.object_store, set(chosen.images)) > len(chosen.images)
    with platform.warehouse.connect() as connection:
        assert count_in_receipts(connection, set(chosen.images)) == 0


def test_an_image_whose_sender_had_no_answer_is_not_chosen(race, tmp_path):
    record = Record(tmp_path / "bucket.jsonl")
    for one in read_records(tmp_path).values():
        record.write(one.image, Event.UNKNOWN, datetime.now(UTC))
    record.close()
    assert race.choose(seeded()) is None
