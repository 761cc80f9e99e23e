"""Creates the buckets, and the queue of the raw bucket's notifications, at any S3 endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from assets.settings import Settings
from infra.object_store.lifecycle import provision_lifecycle

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType
    from mypy_boto3_s3.type_defs import QueueConfigurationTypeDef
    from mypy_boto3_sqs import SQSClient


def create_bucket(s3: S3Client, bucket: str) -> None:
    """Creates a bucket unless it exists."""
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"404", "NoSuchBucket"}:
            raise
        region = cast("BucketLocationConstraintType", s3.meta.region_name)
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})


def provision_buckets(s3: S3Client, sqs: SQSClient, settings: Settings) -> None:
    """Creates the buckets with their lifecycle rules, and the queue of the raw bucket's events.

    The raw bucket keeps versions, so that an object overwritten before it was processed is not
    lost. So does the receipts bucket, so that the original of a changed receipt can be read.
    """
    for bucket in (*settings.image_buckets, settings.logs_bucket, settings.receipts_bucket):
        create_bucket(s3, bucket)
    for bucket in (settings.raw_bucket, settings.receipts_bucket):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    provision_lifecycle(s3, settings)
    arn = _create_queue(sqs, settings)
    wanted: list[QueueConfigurationTypeDef] = [
        {"Id": "raw-events", "QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}
    ]
    current = s3.get_bucket_notification_configuration(Bucket=settings.raw_bucket)
    if current.get("QueueConfigurations") != wanted:
        s3.put_bucket_notification_configuration(
            Bucket=settings.raw_bucket,
            NotificationConfiguration={"QueueConfigurations": wanted},
        )


def _create_queue(sqs: SQSClient, settings: Settings) -> str:
    """Creates the queue and allows the raw bucket to send to it; returns its ARN."""
    url = sqs.create_queue(QueueName=settings.raw_events_queue)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = found["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{settings.raw_bucket}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return arn
