"""What an object version in the raw bucket is: whose, and which image."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from assets.catalog import identity
from assets.ingestion.bucket.raw_objects import (
    KnownObjects,
    ObjectStatus,
    classify,
    describe,
    possible_ids,
    retention_starts_at,
)
from assets.ingestion.bucket.source import describe_drop, object_origin
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.source import (
    LANDING_GRACE,
    is_awaited,
    landed_key,
    message_origin,
    read_landed_key,
)
from assets.ingestion.kafka.topics import LandedTopic
from assets.ingestion.upload.signature import SigningKeyError, Statement
from assets.ingestion.upload.source import upload_key, upload_origin
from assets.resources.objects import ObjectHead, ObjectVersion
from tests.unit.arrivals import NOON, message, object_version, some_settings

AGE = timedelta(hours=158)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)
NOTHING = KnownObjects({})
LATER = NOON + LANDING_GRACE
UPLOAD = UUID("2724d571-4789-57d4-a7cd-03d64674bca6")
UPLOAD_KEY = upload_key(UPLOAD, NOON)
LANDED_KEY = landed_key(message(), Lineage())
MESSAGE_ID = identity.image_id("kafka", message_origin(message(), Lineage()))

NO_TOPICS: Mapping[str, LandedTopic] = {}

SIGNING_KEY = SecretStr("a key of the upload API, long enough")
DIGEST = bytes(range(32))
SETTINGS = some_settings(upload_signing_key=SIGNING_KEY.get_secret_value())

offsets = st.integers(0, 2**63 - 1)


def landed_up_to(next_offset: int, incarnation: int = 0) -> dict[str, LandedTopic]:
    return {"images": LandedTopic(Lineage(incarnation), {1: next_offset})}


def judged(
    found: ObjectVersion,
    known: KnownObjects = NOTHING,
    now=LATER,
    topics: Mapping[str, LandedTopic] = NO_TOPICS,
) -> ObjectStatus:
    message = read_landed_key(found.key)
    awaited = [found.key] if message is not None and is_awaited(message, topics) else []
    return classify(found, replace(known, awaited=frozenset(awaited)), now, AGE)


def head(found: ObjectVersion, **metadata: str) -> ObjectHead:
    return ObjectHead(found, metadata, "image/png")


def signed_head(found: ObjectVersion, uploader: str = "ann", **metadata: str) -> ObjectHead:
    said = Statement(found.key, uploader, DIGEST).signed(SIGNING_KEY)
    return head(found, **metadata, **said)


@pytest.mark.parametrize(
    "key",
    ["beach.jpg", "notes.txt", "no-extension", "kafka/mine.jpg", "upload/mine.jpg", "a/../b/", "%"],
)
def test_what_no_row_knows_is_new(key: str) -> None:
    assert judged(object_version(key=key)) is ObjectStatus.NEW


def test_a_drop_that_a_row_knows_is_known_and_its_next_version_is_not() -> None:
    [id_] = possible_ids(object_version())
    known = KnownObjects({id_: "holiday/beach.jpg"})
    assert judged(object_version(), known) is ObjectStatus.KNOWN
    assert judged(object_version(version="v2"), known) is ObjectStatus.NEW


@pytest.mark.parametrize("version", ["v1", "an older one", None])
def test_every_version_under_the_key_of_a_landed_message_is_known(version: str | None) -> None:
    """A landing that was killed leaves one; the next landing stores another."""
    known, found = KnownObjects({MESSAGE_ID: LANDED_KEY}), object_version(key=LANDED_KEY)
    status = judged(replace(found, version=version), known, topics=landed_up_to(43))
    assert status is ObjectStatus.KNOWN


def test_under_another_day_an_object_is_not_the_messages() -> None:
    known = KnownObjects({MESSAGE_ID: LANDED_KEY})
    found = object_version(key=LANDED_KEY.replace("05-17", "05-16"))
    assert judged(found, known, topics=landed_up_to(43)) is ObjectStatus.NEW


@given(offsets, offsets)
def test_what_the_landing_has_yet_to_come_to_is_left_to_it(reached: int, offset: int) -> None:
    found = object_version(key=landed_key(message(offset=offset), Lineage()))
    is_left = judged(found, topics=landed_up_to(reached)) is ObjectStatus.LANDING
    assert is_left == (reached <= offset)


def test_of_a_partition_that_was_never_landed_everything_is_left_to_the_landing() -> None:
    topics = {"images": LandedTopic(Lineage(), {0: 100})}
    assert judged(object_version(key=LANDED_KEY), topics=topics) is ObjectStatus.LANDING


def test_behind_the_landings_back_an_object_is_somebodys_after_the_grace() -> None:
    found, topics = object_version(key=LANDED_KEY), landed_up_to(43)
    ends = NOON + LANDING_GRACE
    assert judged(found, now=ends - SECOND, topics=topics) is ObjectStatus.LANDING
    assert judged(found, now=ends, topics=topics) is ObjectStatus.NEW


@pytest.mark.parametrize("incarnation", [0, 1, 3])
def test_what_is_named_after_another_incarnation_of_the_topic_is_somebodys(
    incarnation: int,
) -> None:
    found = object_version(key=landed_key(message(), Lineage(incarnation)))
    assert judged(found, topics=landed_up_to(0, incarnation=2)) is ObjectStatus.NEW


@pytest.mark.parametrize(("truncation", "is_left"), [(0, False), (1, True), (2, False)])
def test_what_is_named_after_another_truncation_of_the_partition_is_somebodys(
    truncation: int, is_left: bool
) -> None:
    named = Lineage(0, {1: (0,) * truncation})
    found = object_version(key=landed_key(message(), named))
    topics = {"images": LandedTopic(Lineage(0, {1: (40,)}), {1: 40})}
    assert (judged(found, topics=topics) is ObjectStatus.LANDING) is is_left


def test_what_is_named_after_a_topic_that_nobody_lands_is_somebodys() -> None:
    found = object_version(key=landed_key(message(topic="another"), Lineage()))
    assert judged(found, topics=landed_up_to(0)) is ObjectStatus.NEW


@pytest.mark.parametrize("version", ["v1", "a retry's", None])
def test_every_version_of_a_known_upload_is_known(version: str | None) -> None:
    known = KnownObjects({UPLOAD: "upload/2024-05-17/11/another-hour"})
    assert judged(object_version(key=UPLOAD_KEY, version=version), known) is ObjectStatus.KNOWN


def test_an_upload_that_no_row_knows_is_new() -> None:
    assert judged(object_version(key=UPLOAD_KEY)) is ObjectStatus.NEW


@pytest.mark.parametrize(
    ("found", "image"),
    [
        (
            object_version(),
            identity.image_id("bucket", object_origin(object_version())),
        ),
        (object_version(key=UPLOAD_KEY), UPLOAD),
        (object_version(key=LANDED_KEY), MESSAGE_ID),
    ],
    ids=["drop", "upload", "message"],
)
def test_an_object_of_an_erased_image_is_nobodys(found: ObjectVersion, image: UUID) -> None:
    assert judged(found, KnownObjects({}, erased=frozenset([image]))) is ObjectStatus.ERASED


def test_an_object_is_known_as_long_as_its_erased_image_has_a_row() -> None:
    image = identity.image_id("bucket", object_origin(object_version()))
    known = KnownObjects({image: "holiday/beach.jpg"}, erased=frozenset([image]))
    assert judged(object_version(), known) is ObjectStatus.KNOWN


@pytest.mark.parametrize(
    ("key", "size_bytes", "status"),
    [
        ("holiday/", 0, ObjectStatus.FOLDER),
        ("holiday/", 1, ObjectStatus.NEW),
        ("holiday", 0, ObjectStatus.NEW),
    ],
)
def test_an_empty_object_whose_key_ends_with_a_slash_is_a_folder(
    key: str, size_bytes: int, status: ObjectStatus
) -> None:
    assert judged(object_version(key=key, size_bytes=size_bytes)) is status


def test_a_folder_is_retentions_at_the_purge_age() -> None:
    found = object_version(key="holiday/", size_bytes=0)
    assert judged(found, now=NOON + AGE) is ObjectStatus.EXPIRED


def test_at_the_purge_age_exactly_an_object_is_retentions() -> None:
    assert judged(object_version(), now=NOON + AGE - SECOND) is ObjectStatus.NEW
    assert judged(object_version(), now=NOON + AGE) is ObjectStatus.EXPIRED


@pytest.mark.parametrize("key", [UPLOAD_KEY, LANDED_KEY])
def test_a_copy_that_outlives_its_purged_image_does_not_bring_it_back(key: str) -> None:
    """A repetition hours after the first attempt; the row went with the first one's age."""
    left_behind = object_version(key=key, modified_at=NOON + timedelta(hours=5))
    assert judged(left_behind, now=NOON + AGE, topics=landed_up_to(43)) is ObjectStatus.EXPIRED


@pytest.mark.parametrize(
    "key", [UPLOAD_KEY.replace("2024", "1999"), LANDED_KEY.replace("2024", "1999")]
)
def test_a_made_up_time_in_a_key_is_not_believed(key: str) -> None:
    assert retention_starts_at(object_version(key=key)) == NOON
    assert judged(object_version(key=key)) is ObjectStatus.NEW


@pytest.mark.parametrize(
    "key", [UPLOAD_KEY.replace("05-17", "13-77"), UPLOAD_KEY.replace("/12/", "/77/")]
)
def test_a_key_that_tells_no_time_is_judged_by_the_objects_own(key: str) -> None:
    assert retention_starts_at(object_version(key=key)) == NOON


def test_a_name_that_no_row_can_hold_is_impossible() -> None:
    assert judged(object_version(key="a\0b")) is ObjectStatus.INVALID
    assert judged(object_version(version="a\0b")) is ObjectStatus.INVALID


def test_what_comes_from_the_future_is_impossible_until_then() -> None:
    found = object_version(modified_at=LATER + timedelta(days=1))
    assert judged(found) is ObjectStatus.INVALID
    assert judged(found, now=LATER + timedelta(days=1)) is ObjectStatus.NEW


def test_a_store_whose_clock_is_an_hour_ahead_is_believed_and_no_more() -> None:
    hour = timedelta(hours=1)
    assert judged(object_version(modified_at=LATER + hour)) is ObjectStatus.NEW
    assert judged(object_version(modified_at=LATER + hour + MICROSECOND)) is ObjectStatus.INVALID


@given(st.text(), st.datetimes(), st.sampled_from([NO_TOPICS, landed_up_to(5)]))
def test_every_key_has_a_standing(key: str, when, topics: Mapping[str, LandedTopic]) -> None:
    found = object_version(key=key, modified_at=when.replace(tzinfo=NOON.tzinfo))
    assert judged(found, topics=topics) in ObjectStatus


def test_a_drop_becomes_a_waiting_image_of_its_own_key_and_version() -> None:
    arrival = describe_drop(object_version())
    told = (arrival.source, arrival.object_key, arrival.object_version, arrival.size_bytes)
    assert told == ("bucket", "holiday/beach.jpg", "v1", 5)


def test_an_object_arrived_when_it_was_stored() -> None:
    assert describe_drop(object_version()).arrived_at == NOON


def test_the_next_version_of_a_key_is_another_image() -> None:
    assert (
        describe_drop(object_version()).image_id
        != describe_drop(object_version(version="v2")).image_id
    )


def test_an_object_told_of_again_with_another_time_is_the_same_image() -> None:
    """A listing tells whole seconds, a notification milliseconds."""
    later = object_version(modified_at=NOON + timedelta(milliseconds=120))
    assert describe_drop(object_version()).image_id == describe_drop(later).image_id


def test_an_upload_is_the_image_that_its_key_names() -> None:
    found = object_version(key=UPLOAD_KEY)
    arrival = describe(signed_head(found, filename="my%20h%C3%BCtte.png"), SETTINGS)
    assert (arrival.image_id, arrival.source, arrival.origin) == (
        UPLOAD,
        "upload",
        upload_origin(UPLOAD),
    )
    assert (arrival.uploader, arrival.filename, arrival.declared_content_type) == (
        "ann",
        "my hütte.png",
        "image/png",
    )


def test_two_versions_of_an_upload_are_one_image() -> None:
    ids = set()
    for version in ("v1", "v2"):
        found = object_version(key=UPLOAD_KEY, version=version)
        ids.add(describe(signed_head(found), SETTINGS).image_id)
    assert ids == {UPLOAD}


UNSIGNED = Statement(UPLOAD_KEY, "ann", DIGEST)
OF_ANOTHER_KEY = Statement(upload_key(UPLOAD, NOON + timedelta(hours=1)), "ann", DIGEST)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"uploader": "ann"},
        {"uploader": "ann", "signature": "0" * 64},
        {"uploader": "ann", "signature": "ü"},
        UNSIGNED.signed(SecretStr("a key that somebody else made up")),
        UNSIGNED.signed(SIGNING_KEY) | {"uploader": "bob"},
        UNSIGNED.signed(SIGNING_KEY) | {"sha256": "0" * 64},
        UNSIGNED.signed(SIGNING_KEY) | {"sha256": "no digest"},
        UNSIGNED.signed(SIGNING_KEY) | {"sha256": ""},
        OF_ANOTHER_KEY.signed(SIGNING_KEY),
    ],
)
def test_under_an_uploads_key_an_object_that_the_upload_api_did_not_sign_is_a_drop(
    metadata: dict[str, str],
) -> None:
    found = object_version(key=UPLOAD_KEY)
    arrival = describe(head(found, **metadata), SETTINGS)
    assert arrival == describe_drop(found)
    assert (arrival.source, arrival.image_id) == ("bucket", possible_ids(found)[0])
    assert arrival.uploader is None


def test_a_signed_digest_is_that_of_the_upload() -> None:
    found = object_version(key=UPLOAD_KEY)
    assert describe(signed_head(found), SETTINGS).sha256 == DIGEST


def test_the_type_that_the_sender_declared_is_kept() -> None:
    found = object_version(key=UPLOAD_KEY)
    told = signed_head(found, **{"declared-type": "text%2Fhtml"})
    assert describe(told, SETTINGS).declared_content_type == "text/html"


def test_without_the_key_no_upload_is_taken_for_a_drop() -> None:
    found = object_version(key=UPLOAD_KEY)
    with pytest.raises(SigningKeyError, match="UPLOAD_SIGNING_KEY is not set"):
        describe(signed_head(found), some_settings())


def test_an_uploader_named_beside_another_key_makes_no_upload_of_it() -> None:
    found = object_version()
    assert describe(signed_head(found), SETTINGS) == describe_drop(found)


@given(st.text(max_size=400))
def test_whatever_the_metadata_say_a_row_can_hold_it(said: str) -> None:
    found = object_version(key=UPLOAD_KEY)
    unsafe = {"filename": f"%00%0A%FF{said}", "declared-type": said}
    arrival = describe(signed_head(found, f"ann{said}", **unsafe), SETTINGS)
    for text in (arrival.uploader or "", arrival.filename or ""):
        assert text.isprintable()
        assert len(text) <= 255


@given(st.sampled_from(["v1", "v2", None]), st.sampled_from([UPLOAD_KEY, LANDED_KEY, "a.jpg"]))
def test_what_becomes_of_an_object_is_known_by_one_of_its_possible_ids(
    version: str | None, key: str
) -> None:
    found = object_version(key=key, version=version)
    for told in (head(found), signed_head(found)):
        assert describe(told, SETTINGS).image_id in possible_ids(found)
