"""Whether an administrator of the database or a program of the platform can rewrite receipts."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
from botocore.exceptions import ClientError

from assets.resources.warehouse import Connection, lock
from assets.retention.purge import Purge
from assets.retention.receipt_archive import ReceiptArchive
from assets.retention.receipt_chain import Chain, read_chain
from assets.retention.receipt_store import insert, read_receipts
from assets.retention.receipts import GENESIS_HASH, Receipt
from assets.timing import utc_now
from infra.local.warehouses import owner_conninfo
from infra.object_store.programs import ARCHIVE
from tests.campaigns.security.attempt import Attempt, Target
from tests.campaigns.security.means import program_key

_RECEIPTS = 3


def rewrite(connection: Connection, receipts: list[Receipt]) -> None:
    """Replaces all receipts, as the owner of the tables can."""
    connection.execute("delete from retention.purged_copy; delete from retention.purge_receipt")
    for receipt in receipts:
        insert(connection, receipt)


def recompute(receipts: list[Receipt], version: int) -> list[Receipt]:
    """Numbers and chains receipts again, without the key; the old signatures stay."""
    made: list[Receipt] = []
    for number, receipt in enumerate(receipts, 1):
        linked = replace(
            receipt,
            number=number,
            previous_hash=made[-1].hash if made else GENESIS_HASH,
            version=version,
            key_id=receipt.key_id if version > 1 else None,
            signature=receipt.signature if version > 1 else None,
            requested_by=receipt.requested_by if version > 1 else None,
        )
        made.append(replace(linked, hash=linked.digest()))
    return made


def _verified(target: Target) -> Chain:
    return read_chain(target.platform, utc_now())


def _prepare(target: Target) -> None:
    """Issues a few receipts; all receipts verify."""
    for _ in range(_RECEIPTS):
        Purge(target.platform).run(utc_now())
    if problems := _verified(target).problems:
        raise AssertionError(f"the receipts do not verify: {' '.join(problems)}")


def _by_the_database(target: Target) -> Iterator[str]:
    _prepare(target)
    with target.platform.warehouse.connect() as program:
        lock(program, "retention.purge_receipt")  # no run issues one that restoring would delete
        yield from _rewrite_all(target, list(read_receipts(program)))


def _rewrite_all(target: Target, receipts: list[Receipt]) -> Iterator[str]:
    shortened = [one for one in receipts if one.number != len(receipts) - 1]
    forgeries = {
        "without a receipt, chained again": recompute(shortened, receipts[-1].version),
        "without a receipt, chained again in the old format": recompute(shortened, 1),
        "without the last one": receipts[:-1],
        "without any": [],
    }
    with psycopg.connect(owner_conninfo(target.stack), autocommit=True) as connection:
        try:
            for what, forged in forgeries.items():
                with connection.transaction():
                    rewrite(connection, forged)
                if not _verified(target).problems:
                    yield f"the receipts verify {what}"
        finally:
            with connection.transaction():
                rewrite(connection, receipts)


def _with_the_archives_key(target: Target) -> Iterator[str]:
    """Deletes or replaces every version of every archived receipt."""
    _prepare(target)
    bucket, s3 = (
        target.platform.settings.receipts_bucket,
        program_key(target, ARCHIVE).client(target, "s3"),
    )
    keys = [
        {"Key": one.key, "VersionId": one.version or "null"}
        for page in target.platform.object_store.pages_of_versions(bucket)
        for one in page.versions
    ]
    before = ReceiptArchive.of(target.platform.settings).read_listing().receipts
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": utc_now()}
    for key in keys:
        _is_done(s3.put_object_retention, Bucket=bucket, Retention=retention, **key)
        _is_done(s3.delete_object, Bucket=bucket, BypassGovernanceRetention=True, **key)
    after = ReceiptArchive.of(target.platform.settings).read_listing().receipts
    if not before.items() <= after.items():
        yield "archived receipts were deleted"
    s3.put_object(Bucket=bucket, Key=keys[0]["Key"], Body=b"[]", ChecksumAlgorithm="CRC32")
    found = _verified(target)
    if found.problems:
        yield f"the receipts no longer verify: {' '.join(found.problems)}"


def _with_keys_of_other_programs(target: Target) -> Iterator[str]:
    """Stores, replaces and deletes objects of the archive."""
    _prepare(target)  # stores receipts with the archive's key
    bucket = target.platform.settings.receipts_bucket
    listing = ReceiptArchive.of(target.platform.settings).read_listing()
    number, version = max(listing.receipts.items())
    place = {"Bucket": bucket, "Key": f"{number:012}.json"}
    for program in target.stack.state.secrets().of_object_store.keys() - {ARCHIVE}:
        s3 = program_key(target, program).client(target, "s3")
        for what, is_done in {
            "stored an object": _is_done(
                s3.put_object, Bucket=bucket, Key=f"!{uuid4()}", Body=b"", ChecksumAlgorithm="CRC32"
            ),
            "replaced a receipt": _is_done(
                s3.put_object, **place, Body=b"[]", ChecksumAlgorithm="CRC32"
            ),
            "hid a receipt": _is_done(s3.delete_object, **place),
            "deleted a receipt": _is_done(s3.delete_object, **place, VersionId=version),
            "shortened a lock": _is_done(
                s3.put_object_retention,
                **place,
                VersionId=version,
                Retention={"Mode": "COMPLIANCE", "RetainUntilDate": utc_now()},
            ),
        }.items():
            if is_done:
                yield f"the key of {program} {what}"


def _by_an_unknown_object(target: Target) -> Iterator[str]:
    """Stores an object that is no receipt, by mistake or to stop the purges."""
    bucket, s3 = (
        target.platform.settings.receipts_bucket,
        program_key(target, ARCHIVE).client(target, "s3"),
    )
    key = f"!{uuid4()}"
    s3.put_object(Bucket=bucket, Key=key, Body=b"unknown", ChecksumAlgorithm="CRC32")
    _prepare(target)
    if not any(key in notice for notice in _verified(target).notices):
        yield "nothing reports the unknown object"


def _is_done(request: Any, **parameters: object) -> bool:
    try:
        request(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"AccessDenied", "InvalidRequest"}:
            raise
        return False
    return True


ATTEMPTS = (
    Attempt("rewrite the receipts as administrator of the database", _by_the_database),
    Attempt("write to the archive with the key of another program", _with_keys_of_other_programs),
    Attempt("delete archived receipts with the key of the archive", _with_the_archives_key),
    Attempt("stop the purges with an unknown object in the archive", _by_an_unknown_object),
)
