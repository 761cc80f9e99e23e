"""The buckets' lifecycle rules: the backstop covers everything, and stays as it was put."""

import pytest

from assets.resources.object_store import open_client
from infra.object_store.buckets import (
    EXPIRE,
    TIDY,
    provision_buckets,
    provision_lifecycle,
    read_rules,
    wanted_rules,
)


def buckets(platform) -> list[str]:
    return [*platform.settings.image_buckets, platform.settings.logs_bucket]


def put_rules(platform, bucket: str, rules: list[dict]) -> None:
    platform.object_store.s3.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": rules}
    )


def has_wanted_rules(platform, bucket: str) -> bool:
    found = {rule["ID"]: rule for rule in read_rules(platform.object_store.s3, bucket)}
    wanted = wanted_rules(platform.settings)[bucket]
    return found == {rule["ID"]: rule for rule in wanted}


def test_every_bucket_of_images_and_of_logs_has_its_rules(platform):
    found = {one: read_rules(platform.object_store.s3, one) for one in buckets(platform)}
    assert {bucket: {rule["ID"] for rule in rules} for bucket, rules in found.items()} == {
        bucket: {EXPIRE, TIDY} for bucket in buckets(platform)
    }
    assert all(has_wanted_rules(platform, bucket) for bucket in buckets(platform))


def test_receipts_are_kept(platform):
    assert read_rules(platform.object_store.s3, platform.settings.receipts_bucket) == []


def test_the_rules_leave_out_no_prefix_tag_or_size_and_are_on(platform):
    rules = [
        rule
        for bucket in buckets(platform)
        for rule in read_rules(platform.object_store.s3, bucket)
    ]
    assert {(str(rule["Filter"]), rule["Status"]) for rule in rules} == {("{}", "Enabled")}


@pytest.mark.parametrize(
    "covered",
    ["Expiration", "NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"],
)
def test_the_rules_cover_versions_and_unfinished_uploads_of_every_bucket(platform, covered):
    for bucket in buckets(platform):
        [rule] = [r for r in read_rules(platform.object_store.s3, bucket) if r["ID"] == EXPIRE]
        assert covered in rule


def test_delete_markers_with_nothing_behind_them_go(platform):
    for bucket in buckets(platform):
        [rule] = [r for r in read_rules(platform.object_store.s3, bucket) if r["ID"] == TIDY]
        assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_nothing_expires_before_the_retention_ends(platform):
    for rules in wanted_rules(platform.settings).values():
        [days] = [rule["Expiration"]["Days"] for rule in rules if rule["ID"] == EXPIRE]
        assert days * 24 >= platform.settings.retention_hours


def test_an_overwritten_original_is_a_living_image_and_has_as_long_as_any(platform):
    [rule] = [
        r
        for r in wanted_rules(platform.settings)[platform.settings.raw_bucket]
        if r["ID"] == EXPIRE
    ]
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == rule["Expiration"]["Days"]


def test_a_bucket_without_rules_gets_them_again(platform):
    bucket = platform.settings.quarantine_bucket
    platform.object_store.s3.delete_bucket_lifecycle(Bucket=bucket)
    assert not has_wanted_rules(platform, bucket)
    provision_lifecycle(platform.object_store.s3, platform.settings)
    assert has_wanted_rules(platform, bucket)


@pytest.mark.parametrize(
    "change",
    [
        lambda expire, tidy: [expire | {"Filter": {"Prefix": "drop/"}}, tidy],
        lambda expire, tidy: [expire, tidy, tidy | {"ID": "mine"}],
        lambda expire, tidy: [tidy],
    ],
    ids=["weakened", "another added", "one missing"],
)
def test_rules_that_somebody_has_changed_are_replaced(platform, change):
    bucket = platform.settings.raw_bucket
    put_rules(platform, bucket, change(*wanted_rules(platform.settings)[bucket]))
    assert not has_wanted_rules(platform, bucket)
    provision_lifecycle(platform.object_store.s3, platform.settings)
    assert has_wanted_rules(platform, bucket)


def test_putting_rules_twice_changes_nothing_and_asks_for_no_change(platform):
    s3 = open_client("s3", platform.settings)
    asked = []
    s3.meta.events.register("before-call.s3", lambda model, **_: asked.append(model.name))
    provision_buckets(s3, open_client("sqs", platform.settings), platform.settings)
    assert "GetBucketLifecycleConfiguration" in asked
    assert "PutBucketLifecycleConfiguration" not in asked
