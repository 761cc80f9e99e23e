"""Topics and claim checks as numbers and names: what is made anew, missing, and whose it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from assets.catalog import identity
from assets.ingestion.bucket.raw_objects import KnownObjects
from assets.ingestion.bucket.source import object_origin
from assets.ingestion.kafka.claim_checks import ClaimCheck, claim_check_key, image_of
from assets.ingestion.kafka.gaps import Gap, GapReason, count_missing
from assets.ingestion.kafka.message_storer import describe
from assets.ingestion.kafka.topics import (
    KnownTopic,
    OpenedTopic,
    is_recreated,
    may_be_recreated,
    missing_offsets,
)
from assets.resources.messages import SkippedOffsets, TopicState
from assets.resources.objects import ObjectHead
from assets.validation.reasons import Reason
from infra.kafka.reconcile import Difference
from tests.unit.arrivals import NOON, message, object_version, some_settings

AN_ID, ANOTHER_ID = UUID(int=1), UUID(int=2)
NOTHING_KNOWN = KnownObjects({})
SETTINGS = some_settings()


def state(**changes: Any) -> TopicState:
    told: dict[str, Any] = {
        "name": "images",
        "topic_id": AN_ID,
        "cleanup_policy": "delete",
        "brokers": 1,
        "beginnings": {0: 0, 1: 0},
        "ends": {0: 10, 1: 10},
    }
    return TopicState(**told | changes)


@pytest.mark.parametrize(
    ("known", "told", "is_new"),
    [
        (None, AN_ID, False),
        (KnownTopic(0, AN_ID), AN_ID, False),
        (KnownTopic(0, AN_ID), ANOTHER_ID, True),
        (KnownTopic(0, None), AN_ID, False),
        (KnownTopic(0, AN_ID), None, False),
    ],
)
def test_a_topic_is_made_anew_when_the_brokers_tell_another_identity_of_it(
    known: KnownTopic | None, told: UUID | None, is_new: bool
) -> None:
    assert is_recreated(known, state(topic_id=told)) is is_new


@pytest.mark.parametrize(
    ("stored", "is_suspected"),
    [
        ({}, False),
        ({0: (10, 10), 1: (3, 10)}, False),
        ({0: (11, 11)}, True),
        ({7: (1, 1)}, True),
    ],
)
def test_a_topic_without_an_identity_is_looked_at_when_it_ends_before_what_was_landed(
    stored: dict[int, tuple[int, int]], is_suspected: bool
) -> None:
    assert may_be_recreated(state(topic_id=None), stored) is is_suspected


def test_a_topic_with_an_identity_may_be_listed_too_short() -> None:
    assert not may_be_recreated(state(), {0: (11, 11)})


@pytest.mark.parametrize(
    ("policy", "count"), [("delete", 0), ("compact", 1), ("compact,delete", 1), (None, 1)]
)
def test_holes_are_gaps_unless_the_topic_is_known_to_be_trimmed_only(
    policy: str | None, count: int
) -> None:
    opened = OpenedTopic(state(cleanup_policy=policy), 2, {}, ())
    found = missing_offsets(opened, [SkippedOffsets(1, 5, 9)])
    assert found == [Gap("images", 2, 1, 5, 9, GapReason.MISSING)] * count
    assert count_missing(found) == 4 * count


@pytest.mark.parametrize(
    ("policy", "is_exact"), [(None, False), ("delete", True), ("compact", True)]
)
def test_offsets_are_exact_on_brokers_that_tell_their_defaults(
    policy: str | None, is_exact: bool
) -> None:
    assert state(cleanup_policy=policy).is_exact is is_exact


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
    return ClaimCheck(key, describe(told, 0, NOON, SETTINGS))


def head(**changes: Any) -> ObjectHead:
    return ObjectHead(object_version(**changes), {}, "image/jpeg")


def redeemed(one: ClaimCheck, found: ObjectHead | None, known: KnownObjects = NOTHING_KNOWN) -> Any:
    return image_of(one, found, known, NOON + timedelta(hours=1), SETTINGS.purge_age)


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
    "found", [None, head(modified_at=NOON - timedelta(days=8)), head(key="nul\0")]
)
def test_an_object_that_is_not_to_be_had_is_a_rejected_message(found: ObjectHead | None) -> None:
    image = redeemed(check(filename="a.jpg"), found)
    assert (image.source, image.reason, image.quarantine_key, image.filename) == (
        "kafka",
        Reason.OBJECT_MISSING,
        None,
        "a.jpg",
    )


@pytest.mark.parametrize(
    ("difference", "sentence"),
    [
        (Difference("partitions", "2", "3"), "partitions is 2; the file says 3"),
        (Difference("topic", None, "3 partitions"), "topic is missing; the file says 3 partitions"),
        (
            Difference("cleanup.policy", "compact", None),
            "cleanup.policy is compact; the file does not mention it",
        ),
    ],
)
def test_a_difference_is_said_in_a_sentence(difference: Difference, sentence: str) -> None:
    assert str(difference) == sentence
