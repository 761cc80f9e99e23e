"""Claim checks: messages without bytes that name an object in the raw bucket."""

from datetime import timedelta
from typing import Any

import pytest

from assets.catalog import identity
from assets.ingestion.bucket.raw_objects import KnownObjects
from assets.ingestion.bucket.source import object_origin
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.message_storer import (
    ClaimCheck,
    claim_check_key,
    describe,
    image_of,
)
from assets.resources.objects import ObjectHead
from assets.validation.reasons import Reason
from tests.unit.arrivals import NOON, message, object_version, some_settings

NOTHING_KNOWN = KnownObjects({})
SETTINGS = some_settings()


@pytest.mark.parametrize(
    ("value", "headers", "key"),
    [
        (None, {"s3-key": "a.jpg"}, "a.jpg"),
        (b"", {"s3-key": "a.jpg"}, "a.jpg"),
        (b"bytes", {"s3-key": "a.jpg"}, None),
        (None, {"s3-key": ""}, None),
        (None, {}, None),
    ],
)
def test_a_claim_check_has_a_key_and_no_bytes(
    value: bytes | None, headers: dict[str, str], key: str | None
) -> None:
    assert claim_check_key(message(value=value, headers=headers)) == key


def check(key: str = "holiday/beach.jpg", **headers: str) -> ClaimCheck:
    told = message(value=None, headers=headers)
    return ClaimCheck(key, describe(told, Lineage(), NOON, SETTINGS))


def head(**changes: Any) -> ObjectHead:
    return ObjectHead(object_version(**changes), {}, "image/jpeg")


def redeemed(
    one: ClaimCheck, found: ObjectHead | Reason, known: KnownObjects = NOTHING_KNOWN
) -> Any:
    return image_of(one, found, known, NOON + timedelta(hours=1), SETTINGS)


def test_an_unknown_object_is_the_image_of_its_own_door() -> None:
    image = redeemed(check(filename="a.jpg", uploader="ann"), head())
    origin = object_origin(object_version())
    assert image.image_id == identity.image_id("bucket", origin)
    assert (image.source, image.filename, image.uploader) == ("bucket", "a.jpg", "ann")


def test_an_object_that_has_a_row_is_no_news() -> None:
    image = identity.image_id("bucket", object_origin(object_version()))
    assert redeemed(check(), head(), KnownObjects({image: "holiday/beach.jpg"})) is None


def test_an_object_of_an_erased_image_makes_no_image_of_its_claim_check() -> None:
    image = identity.image_id("bucket", object_origin(object_version()))
    assert redeemed(check(), head(), KnownObjects({}, erased=frozenset([image]))) is None


def test_an_object_that_the_landing_is_to_make_known_is_left_to_it() -> None:
    key = "kafka/images/2024-05-17/1-42"
    known = KnownObjects({}, awaited=frozenset([key]))
    assert redeemed(check(), head(key=key), known) is None


@pytest.mark.parametrize(
    "found",
    [Reason.OBJECT_MISSING, head(modified_at=NOON - timedelta(days=8)), head(key="nul\0")],
)
def test_an_object_that_is_missing_or_too_old_is_a_rejected_message(
    found: ObjectHead | Reason,
) -> None:
    image = redeemed(check(filename="a.jpg"), found)
    assert (image.source, image.reason, image.quarantine_key, image.filename) == (
        "kafka",
        Reason.OBJECT_MISSING,
        None,
        "a.jpg",
    )


def test_an_unreadable_object_is_a_message_that_is_rejected_for_that() -> None:
    image = redeemed(check(), Reason.OBJECT_UNREADABLE)
    assert (image.source, image.reason) == ("kafka", Reason.OBJECT_UNREADABLE)
