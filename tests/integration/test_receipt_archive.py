"""Receipts in the warehouse and in their archive: signed, compared, and written once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from assets.errors import ServerUnavailableError
from assets.resources.object_store import open_client
from assets.retention.receipt_archive import ReceiptArchive
from assets.retention.receipt_chain import ARCHIVED_WITHIN, read_chain
from assets.retention.receipt_store import archive_receipts
from assets.retention.receipts import GENESIS_HASH
from assets.retention.restore import Restore
from assets.retention.signing import (
    FileSigner,
    KmsSigner,
    SigningKeyError,
    key_id,
    new_private_key,
    open_signer,
)
from assets.settings import Settings
from infra.local.ports import free_ports
from infra.local.servers import object_store_server
from infra.local.state import StateFolder
from infra.object_store.buckets import create_bucket, provision_buckets
from infra.object_store.programs import OPERATOR
from tests.campaigns.security.receipts import recompute, rewrite
from tests.integration.retention_helpers import purge, receipts

NOW = datetime.now(UTC)


@pytest.fixture
def purged(platform):
    """A platform with three archived receipts."""
    for _ in range(3):
        purge(platform, NOW)
    return platform


@pytest.fixture
def forge(owner):
    """Replaces all receipts in the database."""
    return partial(rewrite, owner)


def problems(platform, now=NOW) -> str:
    return " ".join(read_chain(platform, now).problems)


def s3_of(platform):
    return platform.object_store.s3


def test_receipts_are_signed_archived_and_locked(purged):
    found = read_chain(purged, NOW)
    assert (found.receipts, found.signed, found.unarchived, found.lock_days) == (3, 3, 0, 1)
    assert (found.problems, found.notices) == ((), ())


def test_a_chain_that_was_computed_again_without_the_key_is_found(purged, forge):
    first, _, last = receipts(purged)
    forge(recompute([first, last], version=2))
    assert "Receipt 2 has a signature that its key did not make." in problems(purged)
    assert "Receipt 2 differs from its archived copy." in problems(purged)


def test_a_chain_in_the_old_format_is_found_by_its_archive(purged, forge):
    forge(recompute(receipts(purged), version=1))
    assert problems(purged) == " ".join(
        f"Receipt {number} differs from its archived copy." for number in (1, 2, 3)
    )


def test_last_receipts_that_were_deleted_are_found(purged, forge):
    forge(receipts(purged)[:1])
    assert "The database lacks receipts 2 to 3, which the archive holds" in problems(purged)
    assert Restore(purged).reapply()[0] == 2
    assert problems(purged) == ""


def test_receipts_of_the_old_format_still_verify_before_signed_ones(purged, forge):
    old = recompute(receipts(purged)[:2], version=1)
    forge(old)
    emptied = f"emptied-{purged.settings.receipts_bucket}"[:63]
    create_bucket(s3_of(purged), emptied)
    settings = purged.settings.model_copy(update={"receipts_bucket": emptied})
    upgraded = replace(purged, settings=settings)
    archive_receipts(upgraded)
    purge(upgraded, NOW)
    found = read_chain(upgraded, NOW)
    assert (found.receipts, found.signed, found.problems) == (3, 1, ())
    assert "no Object Lock" in " ".join(found.notices)


def test_young_receipts_may_be_missing_from_the_archive_and_old_ones_not(purged, forge):
    newest = receipts(purged)[-1]
    later = replace(
        newest, number=4, previous_hash=newest.hash, ended_at=NOW, salt=bytes(16)
    ).signed(open_signer(purged.settings))
    forge([*receipts(purged), later])
    assert (read_chain(purged, NOW).unarchived, problems(purged)) == (1, "")
    assert "The archive lacks receipt 4" in problems(purged, NOW + ARCHIVED_WITHIN)


def test_an_unknown_object_is_reported_and_stops_no_purge(purged):
    bucket = purged.settings.receipts_bucket
    for key in ("!", "000000000002.json.bak", "keys/none.pem", "notes.txt"):
        s3_of(purged).put_object(Bucket=bucket, Key=key, Body=b"?")
    purge(purged, NOW)
    found = read_chain(purged, NOW)
    assert (found.receipts, found.problems) == (4, ())
    [notice] = found.notices
    assert "'!', '000000000002.json.bak', 'keys/none.pem' and 1 others" in notice


@pytest.mark.parametrize("body", [b"", b"[]", b"[{}]"])
def test_an_object_in_the_place_of_the_next_receipt_stops_no_purge_and_is_found(purged, body):
    bucket = purged.settings.receipts_bucket
    s3_of(purged).put_object(Bucket=bucket, Key="000000000004.json", Body=body)
    purge(purged, NOW)
    assert problems(purged) == "Receipt 4 differs from its archived copy."


def test_no_version_of_an_archived_receipt_can_be_deleted(purged):
    bucket = purged.settings.receipts_bucket
    [page] = purged.object_store.pages_of_versions(bucket)
    for one in page.versions:
        with pytest.raises(ClientError, match="AccessDenied"):
            s3_of(purged).delete_object(Bucket=bucket, Key=one.key, VersionId=one.version)


def test_a_receipt_that_was_overwritten_or_hidden_is_reported_and_its_first_version_counts(purged):
    bucket = purged.settings.receipts_bucket
    s3_of(purged).put_object(Bucket=bucket, Key="000000000001.json", Body=b"[]")
    s3_of(purged).delete_object(Bucket=bucket, Key="000000000002.json")
    found = read_chain(purged, NOW)
    assert found.problems == ()
    assert "'000000000001.json', '000000000002.json'" in " ".join(found.notices)


def test_a_published_key_under_another_id_is_not_trusted(purged, forge):
    forger = FileSigner(Ed25519PrivateKey.generate())
    archive = ReceiptArchive.of(purged.settings)
    s3_of(purged).put_object(Bucket=archive.bucket, Key=f"keys/{'0' * 32}.pem", Body=b"no key")
    [key] = archive.public_keys(archive.read_listing())
    assert key == key_id(open_signer(purged.settings).public_key)
    [first, *_] = receipts(purged)
    forge([replace(first, previous_hash=GENESIS_HASH).signed(forger)])
    assert "a key that the archive does not publish" in problems(purged)


def test_a_bucket_of_an_earlier_version_is_locked_too(platform):
    bucket = f"earlier-{platform.settings.receipts_bucket}"[:63]
    create_bucket(s3_of(platform), bucket)
    settings = platform.settings.model_copy(update={"receipts_bucket": bucket})
    assert ReceiptArchive.of(settings).lock_age() is None
    provision_buckets(s3_of(platform), platform.object_store.sqs, settings)
    assert ReceiptArchive.of(settings).lock_age() == timedelta(days=1)


def signer_of(key: str):
    return open_signer(
        Settings(
            database_url="postgresql://nowhere",
            kafka_bootstrap_servers="nowhere",
            receipt_signing_key=key,
        )
    )


def test_the_key_of_a_platform_is_a_file_that_nobody_else_can_read(stack):
    path = Path(stack.environment()["RECEIPT_SIGNING_KEY"].removeprefix("file:"))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        (new_private_key(), 0o640, "can be read by others"),
        ("no key", 0o600, "cannot be read as an Ed25519 key"),
        (None, 0o600, "cannot be read as an Ed25519 key"),
    ],
)
def test_a_file_that_is_no_private_key_is_refused(tmp_path, text, mode, sentence):
    path = tmp_path / "key.pem"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(SigningKeyError, match=sentence):
        signer_of(f"file:{path}")


def test_without_a_key_nothing_is_signed_and_the_setting_is_named():
    with pytest.raises(SigningKeyError, match="set RECEIPT_SIGNING_KEY"):
        signer_of("")


def test_a_key_of_kms_signs_as_one_in_a_file_does(tmp_path):
    """MiniStack's KMS signs with the same algorithm as that of AWS."""
    state, region = StateFolder(tmp_path), "eu-central-1"
    server = object_store_server(state, free_ports().s3, region)
    server = replace(server, env={**server.env, "SERVICES": "iam,sts,kms"})
    server.start()
    try:
        settings = Settings(
            database_url="postgresql://nowhere",
            kafka_bootstrap_servers="nowhere",
            aws_endpoint_url=f"http://127.0.0.1:{server.port}",
            aws_default_region=region,
            aws_access_key_id=OPERATOR,
            aws_secret_access_key=state.secrets().s3_operator,
        )
        created = open_client("kms", settings).create_key(
            KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="SIGN_VERIFY"
        )
        arn = created["KeyMetadata"]["Arn"]
        signer = open_signer(settings.model_copy(update={"receipt_signing_key": arn}))
        assert isinstance(signer, KmsSigner)
        signer.public_key.verify(signer.sign(b"a receipt"), b"a receipt")
    finally:
        server.stop()
    with pytest.raises(ServerUnavailableError, match="KMS"):
        signer.sign(b"a receipt")
