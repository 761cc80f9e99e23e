"""An erased image stays gone, from whichever source it arrives again."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from assets.catalog import ledger
from assets.catalog.records import Arrival
from assets.ingestion.bucket import registration
from assets.ingestion.kafka.replay import Replay
from assets.ingestion.kafka.replay_range import ReplayRange
from assets.ingestion.kafka.source import LANDING_GRACE
from assets.ingestion.upload.lookup import Upload
from assets.timing import utc_now
from services.upload_api.acceptance import Registrar
from services.upload_api.database import Database
from tests.integration.bucket import not_due, notification, notify, put, with_settings
from tests.integration.catalogue import NOW
from tests.integration.topic import fill, images, next_offsets
from tests.integration.upload_api import upload_settings
from tests.integration.visibility_helpers import erase, withdraw
from tests.unit.pictures import encoded, noise

JPEG = encoded(noise(), "JPEG")


def register(platform, *arrivals: Arrival) -> int:
    with platform.warehouse.connect() as connection:
        return ledger.register(connection, arrivals, NOW, platform.settings.erasure_key)


def some_arrival() -> Arrival:
    return Arrival(uuid4(), NOW, "bucket", "o", "k", None, size_bytes=5)


def replay(platform):
    way = Replay(platform)
    return way.run(ReplayRange(partition=0, first_offset=0))


def raw_keys(platform) -> set[str]:
    return platform.keys(platform.settings.raw_bucket)


def test_an_erased_image_is_not_made_known_again_and_its_neighbour_is(platform):
    gone, neighbour = some_arrival(), some_arrival()
    register(platform, gone)
    erase(platform)
    assert register(platform, gone, neighbour) == 1
    assert platform.query("select image_id from image_catalog.image") == [(neighbour.image_id,)]


def test_an_image_that_is_being_erased_is_left_as_it_is(platform):
    gone = some_arrival()
    register(platform, gone)
    withdraw(platform)
    before = platform.query("select * from image_catalog.image")
    assert register(platform, replace(gone, source="upload")) == 0
    assert platform.query("select * from image_catalog.image") == before


def test_an_erased_message_is_neither_stored_nor_made_known_by_a_replay(platform):
    fill(platform, 0, images(2))
    platform.land()
    erase(platform, "%/0/1")
    replayed = replay(platform)
    assert (replayed.messages, replayed.known, replayed.new_images) == (2, 2, 0)
    assert platform.query("select count(*) from image_catalog.image") == [(1,)]
    assert not any(key.endswith("/0-1") for key in raw_keys(platform))


def test_offsets_move_past_an_erased_message(platform):
    fill(platform, 0, images(1))
    replay(platform)
    erase(platform)
    fill(platform, 0, images(1, "next"))
    assert platform.land().new_images == 1
    assert next_offsets(platform)[0] == 2


def test_what_the_landing_stored_of_an_erased_message_is_no_drop_either(platform, monkeypatch):
    """It is stored before the ledger is asked; nothing else may take it for somebody's object."""
    fill(platform, 0, images(1))
    replay(platform)
    erase(platform)
    platform.land()
    assert len(raw_keys(platform)) == 1
    monkeypatch.setattr(registration, "utc_now", lambda: utc_now() + LANDING_GRACE)
    assert with_settings(platform, sweep_interval_seconds=3600).register().listed == 1
    assert platform.states() == {}


def test_a_late_notification_of_an_erased_drop_makes_nothing_known(platform):
    not_due(platform)
    told = notification(platform, "photo.jpg")
    notify(platform, told)
    assert platform.register().new_images == 1
    erase(platform)
    notify(platform, told)
    assert platform.register().new_images == 0
    assert platform.states() == {}


def test_a_claim_check_for_an_erased_object_that_is_still_there_makes_nothing_known(platform):
    put(platform, "photo.jpg")
    platform.register()
    withdraw(platform)
    with platform.warehouse.connect() as connection:
        connection.execute("delete from image_catalog.image")
    fill(platform, 0, [None], [("s3-key", b"photo.jpg")])
    assert platform.land().new_images == 0
    assert platform.states() == {}


def test_an_erased_upload_that_is_repeated_is_refused_and_not_stored(platform, upload_api):
    upload_api.send(JPEG, Idempotency_Key="k")
    erase(platform)
    refused = upload_api.send(JPEG, Idempotency_Key="k")
    assert (refused.status_code, refused.json()["title"]) == (410, "The image was deleted")
    assert (raw_keys(platform), platform.states()) == (set(), {})


def test_an_upload_whose_image_is_erased_while_it_is_stored_is_not_made_known(
    stack, settings, platform
):
    gone, neighbour = some_arrival(), some_arrival()
    register(platform, gone)
    erase(platform)

    async def send() -> list[Upload | None]:
        database = Database(upload_settings(stack, settings).database_url.get_secret_value(), 60)
        database.open()
        registrar = Registrar(database, platform.settings.erasure_key)
        try:
            return await asyncio.gather(*map(registrar.register, (gone, neighbour)))
        finally:
            await database.close()

    refused, taken = asyncio.run(send())
    assert refused is None
    assert (taken.image_id, taken.state) == (neighbour.image_id, "waiting")
