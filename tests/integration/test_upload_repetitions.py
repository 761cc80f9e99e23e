"""The same image sent again, at the same time, or by others: one image, and the first answer."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from assets.catalog import ledger
from assets.catalog.records import Arrival
from assets.ingestion.upload import lookup
from assets.ingestion.upload.source import upload_id, upload_key
from services.upload_api import acceptance
from tests.unit.pictures import encoded, noise
from tests.upload_client import Api

JPEG, OTHER = encoded(noise(), "JPEG"), encoded(noise(), "PNG")


def versions(platform) -> int:
    pages = platform.object_store.pages_of_versions(platform.settings.raw_bucket)
    return sum(len(page.versions) for page in pages)


def test_the_same_image_with_the_same_key_gets_the_first_response_again(platform, upload_api):
    first = upload_api.send(JPEG, Idempotency_Key="k", X_Filename="a.jpg")
    again = upload_api.send(JPEG, Idempotency_Key="k", X_Filename="another.jpg")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert (versions(platform), platform.states()) == (1, {"waiting": 1})


def test_the_first_response_is_repeated_when_the_image_is_processed(platform, upload_api):
    first = upload_api.send(JPEG, Idempotency_Key="k")
    platform.process()
    assert upload_api.send(JPEG, Idempotency_Key="k").json() == first.json()
    assert versions(platform) == 1


def test_the_first_response_is_repeated_when_the_image_was_rejected(platform, upload_api):
    first = upload_api.send(JPEG[:200], Idempotency_Key="k")
    platform.process()
    assert upload_api.send(JPEG[:200], Idempotency_Key="k").json() == first.json()
    assert upload_api.send(JPEG, Idempotency_Key="k").status_code == 422


def test_another_image_with_the_same_key_is_refused(platform, upload_api):
    upload_api.send(JPEG, Idempotency_Key="k")
    refused = upload_api.send(OTHER, Idempotency_Key="k")
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:darkroom:problem:idempotency-key-reused"
    assert (versions(platform), platform.states()) == (1, {"waiting": 1})


def test_the_id_follows_from_uploader_and_key(shared_upload_api):
    sent = shared_upload_api.send(JPEG, Idempotency_Key="k").json()
    assert sent["id"] == str(upload_id("everybody", "k"))


def test_the_same_key_of_another_uploader_is_another_image(issue_key, platform, upload_api):
    stranger = upload_api.of(issue_key("stranger"))
    ids = {api.send(JPEG, Idempotency_Key="k").json()["id"] for api in (upload_api, stranger)}
    assert len(ids) == 2
    assert platform.states() == {"waiting": 2}


def test_two_api_keys_of_one_uploader_send_one_image(issue_key, platform, upload_api):
    colleague = upload_api.of(issue_key("shop"))
    answers = [api.send(JPEG, Idempotency_Key="k") for api in (upload_api, colleague)]
    assert [answer.status_code for answer in answers] == [201, 200]


def test_without_a_key_the_same_image_is_two(platform, upload_api):
    ids = {upload_api.send(JPEG).json()["id"] for _ in range(2)}
    assert (len(ids), platform.states()) == (2, {"waiting": 2})


def test_a_form_and_a_bare_body_are_the_same_image(platform, upload_api):
    headers = {"Idempotency-Key": "k"}
    bare = upload_api.post("/v1/images", data=JPEG, headers=headers)
    form = upload_api.post("/v1/images", files={"file": JPEG}, headers=headers)
    assert (form.status_code, form.json()["id"]) == (200, bare.json()["id"])


def test_a_refused_body_does_not_use_its_key(platform, upload_api):
    assert upload_api.send(b"x" * 99, Idempotency_Key="k").status_code == 415
    assert upload_api.send(JPEG, Idempotency_Key="k").status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
def test_an_invalid_key_is_refused(shared_upload_api, key):
    refused = shared_upload_api.send(JPEG, Idempotency_Key=key.encode())
    assert (refused.status_code, "Idempotency-Key" in refused.text) == (422, True)


def send_at_once(apis: list[Api], bodies: list[bytes]) -> list:
    with ThreadPoolExecutor(len(bodies)) as threads:
        sending = [
            threads.submit(apis[number % len(apis)].send, body, Idempotency_Key="k")
            for number, body in enumerate(bodies)
        ]
        return [sent.result() for sent in sending]


def test_concurrent_repetitions_are_one_image(platform, upload_api):
    answers = send_at_once([upload_api], [JPEG] * 8)
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert (versions(platform), platform.states()) == (1, {"waiting": 1})


def test_concurrent_repetitions_at_two_processes_are_one_image(serve, platform, upload_api):
    other = serve()
    for _ in range(5):
        answers = send_at_once([upload_api, other], [JPEG] * 8)
        assert {answer.status_code for answer in answers} <= {200, 201}
        assert len({answer.json()["id"] for answer in answers}) == 1
    assert (versions(platform), platform.states()) == (1, {"waiting": 1})


def test_of_different_images_with_one_key_at_two_processes_one_is_accepted(
    serve, platform, upload_api
):
    other = serve()
    answers = send_at_once([upload_api, other], [JPEG, OTHER] * 4)
    assert {answer.status_code for answer in answers} == {200, 201, 422} - (
        {200} if sum(answer.status_code == 200 for answer in answers) == 0 else set()
    )
    assert len({answer.json()["id"] for answer in answers if answer.ok}) == 1
    assert platform.states() == {"waiting": 1}
    [(sha256,)] = platform.query("select sha256 from image_catalog.image")
    taken = {answer.request.body for answer in answers if answer.ok}
    assert len(taken) == 1
    platform.process()
    assert platform.query("select sha256 from image_catalog.image") == [(sha256,)]


def test_an_upload_registered_from_the_bucket_first_is_recognized(platform, upload_api):
    """The API was killed between the object and its row, and the listing was faster."""
    first = upload_api.send(JPEG, Idempotency_Key="k").json()
    with platform.warehouse.connect() as connection:
        connection.execute("delete from image_catalog.image")
    assert platform.register().new_images == 1
    again = upload_api.send(JPEG, Idempotency_Key="k")
    assert (again.status_code, again.json()["id"]) == (200, first["id"])
    assert upload_api.send(OTHER, Idempotency_Key="k").status_code == 422
    assert (versions(platform), platform.states()) == (1, {"waiting": 1})


def test_an_upload_stored_and_not_registered_is_registered_by_the_next_attempt(
    platform, upload_api
):
    upload_api.send(JPEG, Idempotency_Key="k")
    with platform.warehouse.connect() as connection:
        connection.execute("delete from image_catalog.image")
    assert upload_api.send(OTHER, Idempotency_Key="k").status_code == 422
    again = upload_api.send(JPEG, Idempotency_Key="k")
    assert again.status_code == 201
    assert (versions(platform), platform.states()) == (1, {"waiting": 1})
    platform.process()
    assert platform.states() == {"processed": 1}


def test_two_sources_that_register_at_the_start_of_a_day_both_find_its_partition(platform):
    ensure = "select image_catalog.ensure_day((now() at time zone 'UTC')::date - 300)"
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    with ThreadPoolExecutor(1) as threads:
        with platform.warehouse.connect() as first:
            first.execute(ensure)
            second = threads.submit(platform.query, ensure)
            while platform.query(waiting) == [(0,)]:
                assert not second.done()
        assert len(second.result()) == 1


def squat(platform, **metadata: str) -> None:
    """Stores an object where the upload `k` of `shop` belongs, as anybody with that right can."""
    key = upload_key(upload_id("shop", "k"), datetime.now(UTC))
    platform.object_store.put(platform.settings.raw_bucket, key, OTHER, "image/png", metadata)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"uploader": "shop"},
        {"uploader": "shop", "sha256": hashlib.sha256(JPEG).hexdigest()},
        {"uploader": "shop", "signature": "0" * 64},
    ],
)
@pytest.mark.parametrize("is_registered", [True, False])
def test_what_somebody_else_stored_there_is_never_answered_200(
    platform, upload_api, metadata, is_registered
):
    squat(platform, **metadata)
    if is_registered:
        platform.register()
    refused = upload_api.send(JPEG, Idempotency_Key="k")
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:darkroom:problem:not-comparable"
    assert upload_api.send(JPEG, Idempotency_Key="new").status_code == 201
    platform.register()
    assert upload_api.get("/v1/images").json()["images"][0]["size_bytes"] == len(JPEG)
    assert len(upload_api.get("/v1/images").json()["images"]) == 1
    assert platform.states() == {"waiting": 2}
    uploaders = "select uploader from image_catalog.image where source = 'bucket'"
    assert platform.query(uploaders) == [(None,)]


def test_what_is_stored_there_later_changes_nothing(platform, upload_api):
    first = upload_api.send(JPEG, Idempotency_Key="k").json()
    squat(platform, uploader="shop")
    platform.register()
    assert upload_api.send(JPEG, Idempotency_Key="k").json() == first
    assert upload_api.send(OTHER, Idempotency_Key="k").status_code == 422
    platform.process()
    [(sha256,)] = platform.query("select sha256 from image_catalog.image")
    assert sha256 == hashlib.sha256(JPEG).digest()


def test_an_image_whose_digest_nobody_knows_is_not_taken_for_the_same(platform, upload_api):
    upload_api.send(JPEG, Idempotency_Key="k")
    with platform.warehouse.connect() as connection:
        connection.execute("update image_catalog.image set sha256 = null")
    assert upload_api.send(JPEG, Idempotency_Key="k").status_code == 409


def test_an_image_that_is_registered_while_it_is_looked_up_is_not_taken_for_a_deleted_one(
    platform, monkeypatch
):
    image, find = upload_id("shop", "k"), lookup.find

    def find_too_early(connection, images):
        found = find(connection, images)
        arrival = Arrival(image, datetime.now(UTC), "upload", "o", "k", None, size_bytes=5)
        with platform.warehouse.connect() as other:
            ledger.register(other, [arrival], arrival.arrived_at, platform.settings.erasure_key)
        return found

    monkeypatch.setattr(lookup, "find", find_too_early)
    with platform.warehouse.connect() as connection:
        assert acceptance._look_up(image, connection) is None
