"""An image's id and keys follow from its origin alone, and no two origins share them."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.catalog import identity
from assets.ingestion.bucket.source import object_origin
from assets.ingestion.kafka.lineage import Lineage
from assets.ingestion.kafka.source import (
    LandedKey,
    landed_key,
    message_arrival,
    message_origin,
    read_landed_key,
)
from assets.ingestion.upload import source as uploads
from assets.ingestion.upload.source import upload_id, upload_key, upload_origin
from tests.unit.arrivals import NOON, message, object_version

RETENTION = timedelta(days=7)
SECOND = timedelta(seconds=1)
AN_ID = UUID("6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d")

topics = st.from_regex(r"[a-zA-Z0-9._-]{1,249}", fullmatch=True).filter(
    lambda name: name not in {".", ".."}
)
incarnations = st.integers(0, 2**31 - 1)
partitions = st.integers(0, 2**31 - 1)
offsets = st.integers(0, 2**63 - 1)
moments = st.datetimes(timezones=st.just(UTC))
message_places = st.tuples(topics, partitions, offsets)
keys = st.text(min_size=1, max_size=40)
versions = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
object_places = st.tuples(st.from_regex(r"[a-z0-9.-]{3,63}", fullmatch=True), keys, versions)


def message_id(place: tuple[str, int, int], incarnation: int = 0) -> UUID:
    topic, partition, offset = place
    told = message(topic=topic, partition=partition, offset=offset)
    return identity.image_id("kafka", message_origin(told, Lineage(incarnation)))


def object_id(place: tuple[str, str, str]) -> UUID:
    bucket, key, version = place
    origin = object_origin(object_version(bucket=bucket, key=key, version=version))
    return identity.image_id("bucket", origin)


@given(message_places, moments, moments)
def test_a_message_read_again_has_the_same_id_whatever_else_changed(
    place: tuple[str, int, int], once: datetime, again: datetime
) -> None:
    topic, partition, offset = place
    origins = {
        message_origin(
            message(topic=topic, partition=partition, offset=offset, sent_at=sent_at, value=value),
            Lineage(),
        )
        for sent_at, value in ((once, b"bytes"), (again, None))
    }
    assert len({identity.image_id("kafka", origin) for origin in origins}) == 1


@given(st.lists(message_places, min_size=2, max_size=8, unique=True))
def test_no_two_messages_share_an_id(places: list[tuple[str, int, int]]) -> None:
    assert len({message_id(place) for place in places}) == len(places)


@given(message_places, st.lists(incarnations, min_size=2, max_size=4, unique=True))
def test_a_recreated_topic_has_other_images_under_other_keys(
    place: tuple[str, int, int], several: list[int]
) -> None:
    topic, partition, offset = place
    told = message(topic=topic, partition=partition, offset=offset)
    assert len({message_id(place, one) for one in several}) == len(several)
    assert len({landed_key(told, Lineage(one)) for one in several}) == len(several)


@given(st.lists(object_places, min_size=2, max_size=8, unique=True))
def test_no_two_object_versions_share_an_id(places: list[tuple[str, str, str]]) -> None:
    assert len({object_id(place) for place in places}) == len(places)


@given(st.text(max_size=60))
def test_the_same_origin_behind_two_doors_is_two_images(origin: str) -> None:
    assert identity.image_id("kafka", origin) != identity.image_id("bucket", origin)


@pytest.mark.parametrize(
    ("lineage", "origin", "image", "key"),
    [
        (
            Lineage(),
            "images/1/42",
            "2724d571-4789-57d4-a7cd-03d64674bca6",
            "kafka/images/2024-05-17/1-42",
        ),
        (
            Lineage(3),
            "images~3/1/42",
            "3c3b778d-3422-5950-a98f-a0b96dce5c99",
            "kafka/images~3/2024-05-17/1-42",
        ),
        (
            Lineage(3, {1: (50, 42, 43)}),
            "images~3/1~2/42",
            "cc03f763-8778-5bec-889e-99db3c55b956",
            "kafka/images~3/2024-05-17/1~2-42",
        ),
    ],
)
def test_the_id_and_the_key_of_a_message_never_change_between_releases(
    lineage: Lineage, origin: str, image: str, key: str
) -> None:
    assert message_origin(message(), lineage) == origin
    assert identity.image_id("kafka", origin) == UUID(image)
    assert landed_key(message(), lineage) == key


@pytest.mark.parametrize(
    ("version", "origin", "image"),
    [
        (
            "v1",
            "darkroom-raw/holiday/beach.jpg?v1",
            "5ba9469d-c968-5a1e-9a3a-542846130c01",
        ),
        (
            None,
            "darkroom-raw/holiday/beach.jpg?9e107d9d372bb6826bd81d3542a419d6",
            "71d89835-b19b-5d9d-a47a-24b5eac388cf",
        ),
    ],
)
def test_the_id_of_a_dropped_object_never_changes_between_releases(
    version: str | None, origin: str, image: str
) -> None:
    assert object_origin(object_version(version=version)) == origin
    assert identity.image_id("bucket", origin) == UUID(image)


def test_the_id_and_the_keys_of_an_upload_never_change_between_releases() -> None:
    image = upload_id("shop", "order-1")
    assert image == UUID("41a530d5-d8ba-5eb1-bb27-da2678ec517d")
    assert upload_origin(image) == f"upload/{image}"
    assert upload_key(image, NOON) == f"upload/2024-05-17/12/{image}"
    late = datetime(2024, 5, 18, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert upload_key(image, late) == f"upload/2024-05-17/23/{image}"


def test_without_versions_the_entity_tag_tells_objects_of_one_key_apart() -> None:
    origins = {object_origin(object_version(version=None, etag=etag)) for etag in ("a", "b")}
    assert len(origins) == 2


@given(st.lists(message_places, min_size=2, max_size=8, unique=True))
def test_no_two_messages_share_a_landed_key(places: list[tuple[str, int, int]]) -> None:
    landed = {
        landed_key(message(topic=topic, partition=partition, offset=offset), Lineage())
        for topic, partition, offset in places
    }
    assert len(landed) == len(places)


@given(message_places, moments, incarnations, st.lists(offsets, max_size=3))
def test_a_key_that_the_landing_makes_tells_the_message_that_it_is_about(
    place: tuple[str, int, int], sent_at: datetime, incarnation: int, lost: list[int]
) -> None:
    topic, partition, offset = place
    landed = message(topic=topic, partition=partition, offset=offset, sent_at=sent_at)
    lineage = Lineage(incarnation, {partition: tuple(lost)})
    read = read_landed_key(landed_key(landed, lineage))
    truncation = lineage.truncation(partition, offset)
    assert read == LandedKey(topic, incarnation, partition, truncation, offset)
    assert read.origin == message_origin(landed, lineage)


@pytest.mark.parametrize(
    "key",
    [
        "holiday/beach.jpg",
        "kafka/images/2024-05-17/1-42.jpg",
        "kafka/images/2024-05-17/1-42/",
        "kafka/images/2024-05-17/1",
        "kafka/images/2024-05-17/1--42",
        "kafka/images/17-05-2024/1-42",
        "kafka//2024-05-17/1-42",
        "kafka/a/b/2024-05-17/1-42",
        "x/kafka/images/2024-05-17/1-42",
        "Kafka/images/2024-05-17/1-42",
        "kafka/images/2024-05-17/1-42\n",
        "kafka/images~/2024-05-17/1-42",
        "kafka/images~0/2024-05-17/1-42",
        "kafka/images~x/2024-05-17/1-42",
        "kafka/images/2024-05-17/1~-42",
        "kafka/images/2024-05-17/1~0-42",
    ],
)
def test_a_key_that_the_landing_does_not_make_is_somebodys(key: str) -> None:
    assert read_landed_key(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "kafka/my holiday/2024-05-17/1-42",
        "kafka/ferien-münchen/2024-05-17/1-42",
        "kafka/images/２０２４-05-17/1-42",
        "kafka/images/2024-05-17/1-٤٢",
    ],
)
def test_a_key_with_characters_that_no_topic_or_number_has_is_somebodys(key: str) -> None:
    """Kafka allows ASCII letters, digits, dot, underscore and hyphen in a topic's name."""
    assert read_landed_key(key) is None


@given(st.uuids(), st.timedeltas(timedelta(0), timedelta(days=25_000)))
def test_the_key_of_an_upload_tells_its_image(image: UUID, since: timedelta) -> None:
    key = upload_key(image, NOON + since)
    parsed = uploads.read_key(key)
    assert parsed is not None
    assert parsed.image_id == image
    assert read_landed_key(key) is None


@pytest.mark.parametrize(
    "key",
    [
        f"upload/2024-05-17/12/{AN_ID}.jpg",
        f"upload/2024-05-17/12/{AN_ID}/",
        f"upload/2024-05-17/12/{str(AN_ID).upper()}",
        f"upload/2024-05-17/{AN_ID}",
        f"drop/2024-05-17/12/{AN_ID}",
        "upload/2024-05-17/12/beach.jpg",
        f"upload/2024-05-17/12/{AN_ID}\n",
    ],
)
def test_another_key_below_the_uploads_is_none_of_an_upload(key: str) -> None:
    assert uploads.read_key(key) is None


@given(st.timezones(), st.timedeltas(timedelta(days=-12_000), timedelta(days=25_000)))
def test_a_rendition_key_is_the_same_whatever_zone_its_time_is_told_in(
    zone: timezone, since: timedelta
) -> None:
    arrived_at = NOON + since
    assert identity.rendition_key(AN_ID, arrived_at, "r", "n") == identity.rendition_key(
        AN_ID, arrived_at.astimezone(zone), "r", "n"
    )


def test_keys_of_what_is_made_begin_with_the_utc_day_of_arrival() -> None:
    late = datetime(2024, 5, 18, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert identity.rendition_key(AN_ID, late, "0123", "medium.jpg") == (
        f"2024-05-17/{AN_ID}/0123/medium.jpg"
    )
    assert identity.quarantine_key(AN_ID, late) == f"2024-05-17/{AN_ID}"


@pytest.mark.usefixtures("local_time_is_tokyo")
def test_keys_have_the_utc_day_wherever_the_machine_is() -> None:
    late = datetime(2024, 5, 17, 23, tzinfo=UTC)
    assert identity.rendition_key(AN_ID, late, "r", "n").startswith("2024-05-17/")
    assert identity.quarantine_key(AN_ID, late).startswith("2024-05-17/")


@pytest.mark.parametrize("sent_at", [NOON - timedelta(days=400), NOON, NOON + timedelta(days=1)])
def test_the_brokers_time_is_believed(sent_at: datetime) -> None:
    told = message(sent_at=sent_at, is_broker_time=True)
    assert message_arrival(told, NOON, RETENTION) == sent_at


@pytest.mark.parametrize(
    "sent_at", [NOON - RETENTION, NOON - RETENTION + SECOND, NOON - SECOND, NOON]
)
def test_a_senders_time_within_the_retention_is_believed(sent_at: datetime) -> None:
    told = message(sent_at=sent_at, is_broker_time=False)
    assert message_arrival(told, NOON, RETENTION) == sent_at


@pytest.mark.parametrize(
    "sent_at", [datetime(1970, 1, 1, tzinfo=UTC), NOON - RETENTION - SECOND, NOON + SECOND]
)
def test_a_senders_time_that_cannot_be_true_counts_as_now(sent_at: datetime) -> None:
    told = message(sent_at=sent_at, is_broker_time=False)
    assert message_arrival(told, NOON, RETENTION) == NOON


@given(moments)
def test_by_a_senders_clock_no_image_arrives_in_the_future_or_before_the_retention(
    sent_at: datetime,
) -> None:
    told = message(sent_at=sent_at, is_broker_time=False)
    assert NOON - RETENTION <= message_arrival(told, NOON, RETENTION) <= NOON
