"""The programs that use the object store: what each may do, as IAM policies."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from assets.settings import BucketSettings
from assets.yaml_files import read_yaml

OPERATOR: Final = "operator"
ARCHIVE: Final = "archive"
KAFKA_BUCKET: Final = "darkroom-kafka"

_ACCESS_FILE = Path(__file__).with_name("access.yaml")
_RIGHTS = TypeAdapter(dict[str, dict[str, list[str]]])


Policy = dict[str, object]
"""A policy document of IAM."""


def iam_policies(buckets: BucketSettings) -> dict[str, Policy]:
    """Returns the IAM policy of each program, by the program's name.

    Raises `pydantic.ValidationError` or `YamlError` when the access file is invalid, and `KeyError`
    when it names an unknown bucket.
    """
    return {
        program: {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": rights, "Resource": _arn(place, buckets)}
                for place, rights in places.items()
            ],
        }
        for program, places in _RIGHTS.validate_python(read_yaml(_ACCESS_FILE)).items()
    }


def _arn(place: str, buckets: BucketSettings) -> str:
    if place == "*":
        return place
    if place == "queue":
        return f"arn:aws:sqs:*:*:{buckets.raw_events_queue}"
    bucket, slash, keys = place.partition("/")
    names = {
        "raw": buckets.raw_bucket,
        "processed": buckets.processed_bucket,
        "quarantine": buckets.quarantine_bucket,
        "logs": buckets.logs_bucket,
        "receipts": buckets.receipts_bucket,
        "kafka": KAFKA_BUCKET,
    }
    return f"arn:aws:s3:::{names[bucket]}{slash}{keys}"


def secret_variable(program: str) -> str:
    """Returns the variable with a program's secret key of the embedded store."""
    return f"S3_SECRET_{program.upper()}"


def principal(program: str) -> str:
    """Returns the ARN of a program in the embedded store."""
    return f"arn:aws:iam::000000000000:user/{program}"
