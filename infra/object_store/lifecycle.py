"""Lifecycle rules of the buckets: the store's own backstop, should the purge not run for days.

They are not what keeps the promise. S3 counts from the next midnight in UTC and deletes when it
gets to it, and in a bucket that keeps versions the expiration of an object only hides it. The
embedded store keeps the rules and does nothing by them.

Source: Amazon S3 User Guide, “Lifecycle configuration elements”.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Rule = dict[str, Any]

EXPIRE = "expire-everything"
TIDY = "remove-expired-delete-markers"

_NO_PREFIX: Rule = {}


def wanted_rules(settings: Settings) -> dict[str, list[Rule]]:
    """Returns the rules of every bucket that holds copies of images, or logs, by its name.

    S3 counts whole days: the retention is rounded up. A noncurrent version in the raw bucket may
    be an image of its own and is kept as long as any image; in the other buckets nothing needs it.
    """
    days = math.ceil(settings.retention / timedelta(days=1))
    noncurrent_days = dict.fromkeys((*settings.image_buckets, settings.logs_bucket), 1)
    noncurrent_days[settings.raw_bucket] = days
    return {bucket: _rules(days, noncurrent) for bucket, noncurrent in noncurrent_days.items()}


def provision_lifecycle(s3: S3Client, settings: Settings) -> None:
    """Gives every bucket its rules and no others; where they are so already nothing is put."""
    for bucket, wanted in wanted_rules(settings).items():
        if differences(wanted, read_rules(s3, bucket)):
            s3.put_bucket_lifecycle_configuration(
                Bucket=bucket,
                LifecycleConfiguration={"Rules": wanted},  # type: ignore[typeddict-item]
            )


def find_drift(s3: S3Client, settings: Settings) -> list[str]:
    """Returns how the buckets' rules differ from the wanted ones, a sentence each."""
    return [
        f"{bucket}: {difference}"
        for bucket, wanted in wanted_rules(settings).items()
        for difference in differences(wanted, read_rules(s3, bucket))
    ]


def read_rules(s3: S3Client, bucket: str) -> list[Rule]:
    """Returns a bucket's rules; none where it has no lifecycle."""
    try:
        found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []
    return [dict(rule) for rule in found["Rules"]]


def differences(wanted: Sequence[Rule], found: Sequence[Rule]) -> list[str]:
    """Returns how rules differ from the wanted ones, a sentence each; their order is no matter."""
    wanted_by_id, found_by_id = ({rule["ID"]: rule for rule in rules} for rules in (wanted, found))
    missing = [f"the rule {name} is missing." for name in wanted_by_id.keys() - found_by_id.keys()]
    foreign = [f"the rule {name} is foreign." for name in found_by_id.keys() - wanted_by_id.keys()]
    changed = [
        f"the rule {name} was changed."
        for name in wanted_by_id.keys() & found_by_id.keys()
        if wanted_by_id[name] != found_by_id[name]
    ]
    return sorted([*missing, *foreign, *changed])


def _rules(days: int, noncurrent_days: int) -> list[Rule]:
    """Returns rules for all keys; no rule may expire objects and delete markers at once."""
    return [
        {
            "ID": EXPIRE,
            "Filter": _NO_PREFIX,
            "Status": "Enabled",
            "Expiration": {"Days": days},
            "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        {
            "ID": TIDY,
            "Filter": _NO_PREFIX,
            "Status": "Enabled",
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]
