"""The policies of the object store: what programs may do, and what buckets let only some do."""

import json

from assets.ingestion.registry import sources
from assets.settings import BucketSettings
from infra.object_store.buckets import bucket_policy
from infra.object_store.programs import iam_policies
from tests.commands import darkroom

PROGRAMS = ["arn:aws:iam::123456789012:role/darkroom-*"]


def statements(kind: str) -> list[dict]:
    return json.loads(bucket_policy(kind, "a-bucket", PROGRAMS))["Statement"]


def test_the_folders_of_every_source_with_keys_of_its_own_are_reserved() -> None:
    [statement] = statements("raw")
    reserved = {one.reserved_folder for one in sources() if one.read_key is not None}
    assert set(statement["Resource"]) == {
        f"arn:aws:s3:::a-bucket/{folder}/*" for folder in reserved
    }


def test_they_are_reserved_for_the_programs() -> None:
    [statement] = statements("raw")
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:PutObject")
    assert statement["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": PROGRAMS}}


def test_only_the_archive_stores_receipts_and_nobody_deletes_them() -> None:
    store, delete = statements("receipts")
    assert (store["Effect"], store["Action"]) == ("Deny", "s3:PutObject")
    assert store["Condition"] == {"ArnNotLike": {"aws:PrincipalArn": PROGRAMS}}
    assert (delete["Effect"], delete["Principal"]) == ("Deny", "*")
    assert delete["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert {one["Resource"] for one in (store, delete)} == {"arn:aws:s3:::a-bucket/*"}


def test_the_policies_of_programs_name_the_configured_buckets_and_queue() -> None:
    policies = iam_policies(BucketSettings(raw_bucket="theirs", raw_events_queue="events"))
    rights = {one["Resource"]: one["Action"] for one in policies["ingestion"]["Statement"]}
    assert rights["arn:aws:s3:::theirs/kafka/*"] == ["s3:PutObject"]
    assert "sqs:ReceiveMessage" in rights["arn:aws:sqs:*:*:events"]


def test_no_program_but_the_operator_may_do_everything() -> None:
    policies = iam_policies(BucketSettings())
    assert [name for name, one in policies.items() if '"*"' in json.dumps(one)] == ["operator"]


def test_the_command_prints_the_policies_for_the_configured_buckets() -> None:
    printed = darkroom("security", "policies", env={"RECEIPTS_BUCKET": "theirs"})
    assert json.loads(printed.stdout) == iam_policies(BucketSettings(receipts_bucket="theirs"))
