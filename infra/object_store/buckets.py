"""Creates the buckets, their lifecycle rules, and the queue of the raw bucket's notifications.

Lifecycle rules are the backstop in case the purge does not run for days; the retention does not
rely on them. S3 counts from the next midnight (UTC) and deletes at its own time, and in a bucket
that keeps versions the expiration of an object only hides it. The embedded store keeps the rules
and does not apply them. Source: Amazon S3 User Guide, “Lifecycle configuration elements”.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from assets.errors import StackError
from assets.settings import Settings
from infra.object_store.programs import ARCHIVE, OPERATOR, principal

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType
    from mypy_boto3_s3.type_defs import (
        LifecycleRuleOutputTypeDef,
        LifecycleRuleTypeDef,
        ObjectLockConfigurationTypeDef,
        QueueConfigurationTypeDef,
    )
    from mypy_boto3_sqs import SQSClient


def create_bucket(s3: S3Client, bucket: str) -> bool:
    """Creates a bucket unless it exists; returns whether it did.

    Raises `StackError` when the store refuses the key.
    """
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "403":
            raise StackError(
                f"S3 refuses access to bucket {bucket}. An embedded S3 that another version has "
                "started knows other keys: `darkroom down`, then try again."
            ) from error
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise
        region = cast("BucketLocationConstraintType", s3.meta.region_name)
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
        return True
    return False


def provision_buckets(s3: S3Client, sqs: SQSClient, settings: Settings) -> list[str]:
    """Creates the buckets with their lifecycle rules, and the queue of the raw bucket's events.

    What is as it should be is left alone; returns names of everything else.

    The raw bucket keeps versions, so that an object overwritten before it was processed is not
    lost. So does the receipts bucket, so that the original of a changed receipt can be read, and
    nobody can delete a version in it before it is `receipts_lock_days` old.
    """
    buckets = (*settings.image_buckets, settings.logs_bucket, settings.receipts_bucket)
    changed = [f"bucket {bucket}" for bucket in buckets if create_bucket(s3, bucket)]
    for bucket in (settings.raw_bucket, settings.receipts_bucket):
        if s3.get_bucket_versioning(Bucket=bucket).get("Status") != "Enabled":
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            changed.append(f"versions of bucket {bucket}")
    _lock_receipts(s3, settings)
    changed += [f"lifecycle rules of bucket {one}" for one in provision_lifecycle(s3, settings)]
    if _create_queue(sqs, settings):
        changed.append(f"queue {settings.raw_events_queue}")
    url = sqs.get_queue_url(QueueName=settings.raw_events_queue)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    _allow_notifications(sqs, url, arn, settings)
    wanted: list[QueueConfigurationTypeDef] = [
        {
            "Id": "raw-events",
            "QueueArn": arn,
            "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:DeleteMarkerCreated"],
        }
    ]
    current = s3.get_bucket_notification_configuration(Bucket=settings.raw_bucket)
    if current.get("QueueConfigurations") != wanted:
        s3.put_bucket_notification_configuration(
            Bucket=settings.raw_bucket, NotificationConfiguration={"QueueConfigurations": wanted}
        )
        changed.append(f"notifications of bucket {settings.raw_bucket}")
    return changed


def _lock_receipts(s3: S3Client, settings: Settings) -> None:
    """Has the store keep all new versions of receipts, against its administrators as well.

    A store without Object Lock is left as it is: the verification of receipts reports it.
    """
    wanted: ObjectLockConfigurationTypeDef = {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": settings.receipts_lock_days}},
    }
    bucket = settings.receipts_bucket
    try:
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=wanted)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NotImplemented", "MethodNotAllowed"}:
            raise


def _create_queue(sqs: SQSClient, settings: Settings) -> bool:
    """Creates the queue unless it exists; returns whether it did."""
    try:
        sqs.get_queue_url(QueueName=settings.raw_events_queue)
    except sqs.exceptions.QueueDoesNotExist:
        sqs.create_queue(QueueName=settings.raw_events_queue)
        return True
    return False


def _allow_notifications(sqs: SQSClient, url: str, arn: str, settings: Settings) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{settings.raw_bucket}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def bucket_policy(kind: str, bucket: str, programs: Sequence[str]) -> str:
    """Returns a policy that lets only certain programs store objects, as JSON.

    Args:
        kind: `raw` for reserved folders of the raw bucket, `receipts` for the receipts bucket.
        programs: ARNs of the principals that may store objects; `*` and `?` match any.
    """
    template = Template(Path(__file__).with_name(f"{kind}_bucket_policy.json").read_text())
    return template.substitute(bucket=bucket, programs=json.dumps(list(programs)))


def put_policies(s3: S3Client, settings: Settings) -> None:
    """Replaces the policies of the embedded store's buckets."""
    for kind, bucket, programs in (
        ("raw", settings.raw_bucket, (OPERATOR, "upload_api", "ingestion")),
        ("receipts", settings.receipts_bucket, (ARCHIVE,)),
    ):
        policy = bucket_policy(kind, bucket, [principal(program) for program in programs])
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)


EXPIRE = "expire-everything"
TIDY = "remove-expired-delete-markers"


def wanted_rules(settings: Settings) -> dict[str, list[LifecycleRuleTypeDef]]:
    """Returns the rules of every bucket that holds copies of images or logs, by bucket name.

    S3 counts whole days: the retention is rounded up. A noncurrent version in the raw bucket may
    be an image of its own and is kept as long as any image; in the other buckets nothing needs it.
    """
    days = math.ceil(settings.retention / timedelta(days=1))
    noncurrent_days = dict.fromkeys((*settings.image_buckets, settings.logs_bucket), 1)
    noncurrent_days[settings.raw_bucket] = days
    return {bucket: _rules(days, noncurrent) for bucket, noncurrent in noncurrent_days.items()}


def provision_lifecycle(s3: S3Client, settings: Settings) -> list[str]:
    """Replaces the rules of every bucket that differ from the wanted ones, in whatever order.

    Returns the buckets whose rules differed.
    """
    replaced = []
    for bucket, wanted in wanted_rules(settings).items():
        found = {rule["ID"]: rule for rule in read_rules(s3, bucket)}
        if found != {rule["ID"]: rule for rule in wanted}:
            s3.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration={"Rules": wanted}
            )
            replaced.append(bucket)
    return replaced


def read_rules(s3: S3Client, bucket: str) -> list[LifecycleRuleOutputTypeDef]:
    """Returns the rules of a bucket; none if it has no lifecycle configuration."""
    try:
        return s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return []


def _rules(days: int, noncurrent_days: int) -> list[LifecycleRuleTypeDef]:
    """Returns rules for all keys: S3 allows no rule that expires objects and delete markers."""
    return [
        {
            "ID": EXPIRE,
            "Filter": {},
            "Status": "Enabled",
            "Expiration": {"Days": days},
            "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        },
        {
            "ID": TIDY,
            "Filter": {},
            "Status": "Enabled",
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]
