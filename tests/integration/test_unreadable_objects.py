"""Objects that S3 keeps and does not hand out: one of them holds up nothing else."""

from contextlib import suppress
from dataclasses import replace

import pytest
from pydantic import SecretStr

from assets.catalog.leases import MAX_ATTEMPTS
from assets.catalog.requeue import Selection, requeue
from assets.errors import ServerRefusedError
from assets.ingestion.upload.source import upload_id, upload_key
from assets.processing.batch_runner import BatchRunner
from assets.processing.recipe import read_recipe
from assets.resources.object_store import ObjectMissingError, ObjectStore, ObjectUnreadableError
from assets.timing import utc_now
from assets.validation.reasons import Reason
from tests.integration.topic import fill
from tests.waiting import wait_until

ARCHIVED = {"StorageClass": "GLACIER"}
ENCRYPTED = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}


def put(platform, key: str, body: bytes, how: dict[str, str]) -> None:
    platform.object_store.s3.put_object(
        Bucket=platform.settings.raw_bucket, Key=key, Body=body, **how
    )


def expire_leases(platform) -> None:
    with platform.warehouse.connect() as connection:
        connection.execute("update image_catalog.image set lease_until = now() - interval '1 s'")


def is_readable(platform, key: str) -> bool:
    with suppress(ObjectUnreadableError):
        return bool(platform.object_store.get(platform.settings.raw_bucket, key))
    return False


@pytest.fixture(params=[ARCHIVED, ENCRYPTED], ids=["archived", "encrypted with another's key"])
def with_a_neighbour(request, platform, pictures):
    """A platform with one unreadable object, registered after one that is fine."""
    platform.drop("fine.jpg", pictures[0].body)
    put(platform, "unreadable.jpg", pictures[1].body, request.param)
    platform.register()
    return platform


def test_it_is_left_to_later_runs_and_its_neighbour_is_processed(with_a_neighbour):
    summary = with_a_neighbour.process()
    assert (summary.processed, summary.deferred, summary.rejected) == (1, 1, 0)
    [(what, times)] = summary.failures.items()
    assert "refuses one item" in what
    assert times == 1
    assert with_a_neighbour.states() == {"processed": 1, "waiting": 1}


def test_it_is_rejected_after_its_attempts(with_a_neighbour):
    for _ in range(MAX_ATTEMPTS - 1):
        with_a_neighbour.process()
        expire_leases(with_a_neighbour)
    assert with_a_neighbour.states() == {"processed": 1, "waiting": 1}
    assert with_a_neighbour.process().rejected == 1
    assert with_a_neighbour.states() == {"processed": 1, "object_unreadable": 1}


def test_it_is_processed_when_it_is_readable_and_requeued(platform, pictures):
    put(platform, "archived.jpg", pictures[0].body, ARCHIVED)
    platform.register()
    for _ in range(MAX_ATTEMPTS):
        platform.process()
        expire_leases(platform)
    platform.object_store.s3.restore_object(
        Bucket=platform.settings.raw_bucket,
        Key="archived.jpg",
        RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}},
    )
    wait_until(lambda: is_readable(platform, "archived.jpg"), "the object to be restored")
    with platform.warehouse.connect() as connection:
        purge_age = platform.settings.purge_age
        assert requeue(connection, Selection(Reason.OBJECT_UNREADABLE), utc_now(), purge_age) == 1
    platform.process()
    assert platform.states() == {"processed": 1}


def test_a_file_that_is_too_large_and_unreadable_is_rejected_after_its_attempts(platform):
    put(platform, "large.jpg", b"\0" * (10 * 1024**2 + 1), ENCRYPTED)
    platform.register()
    for _ in range(MAX_ATTEMPTS):
        platform.process()
        expire_leases(platform)
    assert platform.states() == {"object_unreadable": 1}


def test_a_key_that_the_store_does_not_accept_is_no_fault_of_an_image(platform, pictures):
    platform.drop("fine.jpg", pictures[0].body)
    platform.register()
    wrong = platform.settings.model_copy(update={"aws_secret_access_key": SecretStr("x" * 40)})
    refused = replace(platform, settings=wrong, object_store=ObjectStore(wrong))
    with pytest.raises(ServerRefusedError) as raised:
        BatchRunner(refused, read_recipe("standard")).run(utc_now().date(), "a run")
    assert not isinstance(raised.value, ObjectUnreadableError)
    assert platform.query("select claim_count from image_catalog.image") == [(0,)]


def test_a_claim_check_for_it_does_not_stop_landing(platform):
    put(platform, "unreadable.jpg", b"bytes", ENCRYPTED)
    fill(platform, 0, [None], [("s3-key", b"unreadable.jpg")])
    platform.produce([b"another"])
    assert platform.land().new_images == 2
    assert platform.states() == {"object_unreadable": 1, "waiting": 1}


def test_an_object_with_the_key_of_an_upload_is_a_drop_when_nobody_can_read_whose_it_is(
    platform,
):
    key = upload_key(upload_id("shop", "a"), utc_now())
    put(platform, key, b"bytes", ENCRYPTED)
    platform.register()
    assert platform.query("select source, uploader from image_catalog.image") == [("bucket", None)]


@pytest.mark.parametrize("key", ["unreadable.jpg", "a//key that is not a path"])
def test_it_is_told_from_a_missing_object(platform, key):
    bucket = platform.settings.raw_bucket
    put(platform, key, b"bytes", ENCRYPTED)
    for ask in (platform.object_store.get, platform.object_store.head):
        with pytest.raises(ObjectUnreadableError, match="refuses one item"):
            ask(bucket, key)
        with pytest.raises(ObjectMissingError):
            ask(bucket, f"{key} that is not there")
