"""An uploader deletes an image of its own through the API, and no other."""

from uuid import uuid4

import psycopg
import pytest

from assets.retention.proof import prove
from assets.retention.purge import Purge
from assets.timing import utc_now
from tests.integration.upload_api import upload_settings
from tests.unit.pictures import encoded, noise

JPEG = encoded(noise(400, 300), "JPEG")


def delete(api, image: str):
    return api.ask("DELETE", f"/v1/images/{image}")


def test_nobody_sees_a_deleted_image_from_then_on(platform, upload_api):
    sent, other = upload_api.send(JPEG).json(), upload_api.send(JPEG).json()
    deleted = delete(upload_api, sent["id"])
    assert deleted.status_code == 202
    assert deleted.json() == {"id": sent["id"], "request": 1}
    assert upload_api.get(sent["status_url"]).status_code == 404
    assert [one["id"] for one in upload_api.get("/v1/images").json()["images"]] == [other["id"]]


def test_a_repeated_deletion_is_answered_alike(platform, upload_api):
    sent = upload_api.send(JPEG).json()
    first = delete(upload_api, sent["id"])
    Purge(platform).run(utc_now())
    again = delete(upload_api, sent["id"])
    assert (again.status_code, again.json()) == (202, first.json())


def test_the_next_purge_deletes_every_copy(platform, upload_api):
    sent = upload_api.send(JPEG).json()
    platform.process()
    delete(upload_api, sent["id"])
    Purge(platform).run(utc_now())
    [(image,)] = platform.query("select image_id from image_catalog.erased_image")
    assert str(image) == sent["id"]
    assert prove(platform, image, utc_now()).is_gone


def test_a_deleted_image_cannot_be_sent_again_with_its_key(upload_api):
    sent = upload_api.send(JPEG, Idempotency_Key="one")
    delete(upload_api, sent.json()["id"])
    assert upload_api.send(JPEG, Idempotency_Key="one").status_code == 410


def test_an_image_of_another_uploader_is_unknown(issue_key, platform, upload_api):
    sent = upload_api.send(JPEG).json()
    thief = upload_api.of(issue_key("thief"))
    refused, unknown = delete(thief, sent["id"]), delete(thief, str(uuid4()))
    assert (refused.status_code, refused.json()) == (404, unknown.json())
    assert upload_api.get(sent["status_url"]).status_code == 200


def test_an_image_that_somebody_sent_by_kafka_under_that_name_is_unknown(platform, upload_api):
    platform.produce([JPEG], headers=[("uploader", b"shop")])
    platform.land()
    [(image,)] = platform.query("select image_id from image_catalog.image")
    assert delete(upload_api, str(image)).status_code == 404


@pytest.mark.parametrize(
    "statement",
    [
        "insert into retention.erasure_request (source) values ('upload')",
        "select from retention.erasure_request",
        "update image_catalog.image set withdrawn_at = now()",
    ],
)
def test_the_role_of_the_api_cannot_erase_in_another_way(stack, settings, statement):
    own = upload_settings(stack, settings).database_url.get_secret_value()
    with (
        psycopg.connect(own) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)
