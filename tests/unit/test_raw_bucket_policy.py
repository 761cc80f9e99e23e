"""The policy of the raw bucket: which folders are reserved, and for whom."""

import json

from assets.ingestion.registry import sources
from infra.object_store.buckets import raw_bucket_policy

PROGRAMS = ["arn:aws:iam::123456789012:role/darkroom-*"]


def test_the_folders_of_every_source_with_keys_of_its_own_are_reserved() -> None:
    [statement] = json.loads(raw_bucket_policy("raw", PROGRAMS))["Statement"]
    reserved = {one.reserved_folder for one in sources() if one.read_key is not None}
    assert set(statement["Resource"]) == {f"arn:aws:s3:::raw/{folder}/*" for folder in reserved}


def test_they_are_reserved_for_the_programs() -> None:
    [statement] = json.loads(raw_bucket_policy("raw", PROGRAMS))["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:PutObject")
    assert statement["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": PROGRAMS}}
