"""Ingestion sources by their contract, and a made-up fourth one, registered by one line."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from typer.testing import CliRunner

from assets.catalog.identity import image_id
from assets.ingestion import registry
from assets.ingestion.bucket.raw_objects import (
    KnownObjects,
    ObjectStatus,
    arrived_by,
    classify,
    describe,
    needs_metadata,
    possible_ids,
    retention_starts_at,
)
from assets.ingestion.bucket.source import object_origin
from assets.ingestion.registry import UnknownSourceError
from assets.resources.objects import ObjectHead
from assets.retention.image_buckets import (
    GRACE,
    ImageBucket,
    LedgerSnapshot,
    RetentionClock,
    images_of,
    is_orphan,
)
from cli.main import app
from infra.local.dbt import parse_dbt_project
from tests.unit.arrivals import NOON, object_version, some_settings

PROJECT = Path(__file__).parents[2]
AGE = timedelta(hours=158)
HOUR = timedelta(hours=1)
UPLOAD = UUID("41a530d5-d8ba-5eb1-bb27-da2678ec517d")
SFTP_KEY = "sftp/2024-05-17/11/warsaw/7"
SFTP_ID = image_id("sftp", "warsaw/7")
FETCHED = object_version(key=SFTP_KEY)
UNKNOWN = KnownObjects({})
LATER = NOON + HOUR

PRINT_DEFINITIONS = """
import dagster as dg
from assets.ingestion import registry

registry.PACKAGES += ("tests.unit.sftp",)

from orchestration.definitions import defs

found = defs.get_repository_def()
ledger = found.asset_graph.get(dg.AssetKey(["image_catalog", "image"]))
print(found.has_job("fetch_files"), found.has_sensor_def("sftp_files"))
print(*sorted(key.to_user_string() for key in ledger.parent_keys))
"""


@pytest.fixture
def sftp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PACKAGES", (*registry.PACKAGES, "tests.unit.sftp"))


def head(**metadata: str) -> ObjectHead:
    return ObjectHead(FETCHED, metadata, "image/png")


def test_the_sources_have_different_names() -> None:
    names = registry.source_names()
    assert len(set(names)) == len(names) > 2


def test_a_package_without_a_source_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "PACKAGES", ("tests.unit.not_a_source",))
    with pytest.raises(ModuleNotFoundError, match="not_a_source"):
        registry.sources()


@pytest.mark.parametrize(
    ("key", "source", "origin", "image"),
    [
        (
            "kafka/images~3/2024-05-17/1-42",
            "kafka",
            "images~3/1/42",
            UUID("3c3b778d-3422-5950-a98f-a0b96dce5c99"),
        ),
        (f"upload/2024-05-17/12/{UPLOAD}", "upload", f"upload/{UPLOAD}", UPLOAD),
    ],
)
def test_the_key_of_a_source_says_the_same_in_every_release(
    key: str, source: str, origin: str, image: UUID
) -> None:
    owner = registry.parse_key(key)
    assert owner is not None
    assert (owner[0].name, owner[1].origin, owner[1].image_id) == (source, origin, image)


@pytest.mark.parametrize("key", ["drop/2024-05-17/12/a.jpg", "beach.jpg", SFTP_KEY, ""])
def test_the_key_of_a_drop_belongs_to_no_other_source(key: str) -> None:
    assert registry.parse_key(key) is None


def test_a_fourth_source_can_be_chosen_wherever_a_source_is(sftp: None) -> None:
    assert registry.source_named("sftp") == "sftp"


def test_without_its_line_in_the_registry_there_is_no_fourth_source() -> None:
    with pytest.raises(UnknownSourceError, match="choose one of kafka, bucket, upload"):
        registry.source_named("sftp")


def test_the_recent_hours_of_a_fourth_source_are_listed_first(sftp: None) -> None:
    assert "sftp" in registry.hourly_folders()


def test_an_object_of_a_fourth_source_is_described_as_its_image(sftp: None) -> None:
    assert needs_metadata(FETCHED)
    arrival = describe(head(account="ann"), some_settings())
    assert (arrival.source, arrival.origin, arrival.image_id) == ("sftp", "warsaw/7", SFTP_ID)
    assert describe(head(), some_settings()).source == "bucket"


def test_an_object_of_a_fourth_source_is_classified_by_the_id_of_its_key(sftp: None) -> None:
    as_drop = image_id("bucket", object_origin(FETCHED))
    assert possible_ids(FETCHED) == (as_drop, SFTP_ID)
    for known, status in [
        (UNKNOWN, ObjectStatus.NEW),
        (KnownObjects({SFTP_ID: SFTP_KEY}), ObjectStatus.KNOWN),
        (KnownObjects({SFTP_ID: "sftp/2024-05-17/10/warsaw/7"}), ObjectStatus.NEW),
        (KnownObjects({}, erased=frozenset([SFTP_ID])), ObjectStatus.ERASED),
    ]:
        assert classify(FETCHED, known, LATER, AGE) is status


def test_the_retention_of_a_fourth_sources_image_starts_at_the_hour_in_its_key(sftp: None) -> None:
    assert retention_starts_at(FETCHED) == NOON - HOUR
    assert arrived_by(FETCHED) == NOON
    assert classify(FETCHED, UNKNOWN, NOON - HOUR + AGE, AGE) is ObjectStatus.EXPIRED


def test_retention_knows_the_objects_of_a_fourth_source(sftp: None) -> None:
    assert SFTP_ID in images_of(ImageBucket.RAW, FETCHED)
    clock = RetentionClock(NOON + GRACE, AGE)
    first = frozenset({(SFTP_KEY, "an earlier version")})
    registered = LedgerSnapshot({SFTP_ID: SFTP_KEY}, first)
    assert is_orphan(ImageBucket.RAW, FETCHED, registered, clock)
    assert not is_orphan(ImageBucket.RAW, FETCHED, LedgerSnapshot({}, frozenset()), clock)


def test_a_fourth_source_brings_its_asset_job_and_sensor() -> None:
    parse_dbt_project(os.environ)
    done = subprocess.run(
        [sys.executable, "-c", PRINT_DEFINITIONS],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "True True",
        "raw_bucket/dropped_images raw_bucket/fetched_files raw_bucket/landed_images",
    ], done.stderr[-2000:]


def test_the_command_line_offers_the_sources_of_the_registry(sftp: None) -> None:
    refused = CliRunner().invoke(app, ["images", "requeue", "corrupt", "--source", "post"])
    assert refused.exit_code == 2
    assert "choose one of kafka, bucket, upload, sftp" in " ".join(refused.output.split())
