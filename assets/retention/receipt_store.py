"""Where receipts are kept: tables of the warehouse, and a bucket that outlives the warehouse.

Functions that take a connection never commit. A database restored from a dump lacks the newest
receipts; `restore` reads them from the archive.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import cache

from psycopg.rows import dict_row
from pydantic import ConfigDict, TypeAdapter

from assets.platform import Platform
from assets.resources.warehouse import Connection, lock, read_value
from assets.retention.receipts import (
    GENESIS_HASH,
    Copy,
    DeletedCopies,
    DeletionReason,
    Receipt,
    ReceiptDraft,
    next_receipt,
)

_READ_BATCH_SIZE = 50
_LOOKBACK_RECEIPTS = 10_000


def issue(connection: Connection, draft: ReceiptDraft, now: datetime) -> None:
    """Writes the receipt of the transaction that is about to commit.

    Other transactions wait to issue theirs until this one ends, so that the chain has no forks.
    """
    lock(connection, "retention.purge_receipt")
    number = last_number(connection)
    previous_hash = (
        read_value(
            connection,
            "select receipt_hash from retention.purge_receipt where receipt_no = %s",
            [number],
        )
        if number
        else GENESIS_HASH
    )
    insert(connection, next_receipt(draft, number + 1, previous_hash, now))


def insert(connection: Connection, receipt: Receipt) -> None:
    """Inserts a receipt as it is."""
    connection.execute(
        """
        insert into retention.purge_receipt (
            receipt_no, why, began_at, ended_at, expired_until, images_count, id_salt, id_hashes,
            previous_hash, receipt_hash
        )
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            receipt.number,
            receipt.why,
            receipt.began_at,
            receipt.ended_at,
            receipt.expired_until,
            receipt.images,
            receipt.salt,
            receipt.id_hashes,
            receipt.previous_hash,
            receipt.hash,
        ],
    )
    connection.cursor().executemany(
        """
        insert into retention.purged_copy (
            receipt_no, copy, items_count, size_bytes, oldest_at, newest_at
        )
        values (%s, %s, %s, %s, %s, %s)
        """,
        [
            (receipt.number, one.copy, one.items, one.size_bytes, one.oldest_at, one.newest_at)
            for one in receipt.gone
        ],
    )


def read_receipts(connection: Connection, after: int = 0) -> Iterator[Receipt]:
    """Reads the receipts after a number, in order.

    Batches are small: a receipt of a million images has 16 MB of hashes.
    """
    while receipts := _read_batch(connection, after):
        yield from receipts
        after = receipts[-1].number


def last_number(connection: Connection) -> int:
    """Returns the number of the newest receipt; 0 if there is none."""
    return int(
        read_value(connection, "select coalesce(max(receipt_no), 0) from retention.purge_receipt")
    )


def count_images(connection: Connection) -> tuple[int, int]:
    """Returns the number of images in all receipts, and the ledger's count of purged images."""
    in_receipts = "select coalesce(sum(images_count), 0) from retention.purge_receipt"
    in_ledger = "select coalesce(sum(purged_count), 0) from image_catalog.arrival_count"
    return int(read_value(connection, in_receipts)), int(read_value(connection, in_ledger))


def _read_batch(connection: Connection, after: int) -> list[Receipt]:
    with connection.cursor(row_factory=dict_row) as cursor:
        receipts = cursor.execute(
            """
            select
                receipt_no as number, why, began_at, ended_at, expired_until,
                images_count as images, id_salt as salt, id_hashes, previous_hash,
                receipt_hash as hash
            from retention.purge_receipt
            where receipt_no > %s
            order by receipt_no
            limit %s
            """,
            [after, _READ_BATCH_SIZE],
        ).fetchall()
        gone = defaultdict[int, list[DeletedCopies]](list)
        for row in cursor.execute(
            """
            select receipt_no, copy, items_count as items, size_bytes, oldest_at, newest_at
            from retention.purged_copy
            where receipt_no = any(%s)
            order by receipt_no, copy collate "C"
            """,
            [[receipt["number"] for receipt in receipts]],
        ):
            number, kind = row.pop("receipt_no"), Copy(row.pop("copy"))
            gone[number].append(DeletedCopies(kind, **row))
    return [
        Receipt(
            why=DeletionReason(receipt.pop("why")),
            gone=tuple(gone[receipt["number"]]),
            **receipt,
        )
        for receipt in receipts
    ]


def archive_receipts(platform: Platform) -> int:
    """Stores those of the last ten thousand receipts that the archive lacks; returns how many.

    Raises `ServerError` when a server goes away or refuses; the next purge archives the rest.
    """
    bucket = platform.settings.receipts_bucket
    with platform.warehouse.connect() as connection:
        begin = max(0, last_number(connection) - _LOOKBACK_RECEIPTS)
        archived = _first_versions(platform, begin)
        missing = [one for one in read_receipts(connection, begin) if one.number not in archived]
    for receipt in missing:
        body = to_json(receipt)
        platform.object_store.put(bucket, _key(receipt.number), body, "application/json")
    return len(missing)


def read_archive(platform: Platform) -> Iterator[Receipt]:
    """Reads the archived receipts in order, as they were first written.

    The bucket keeps versions: a receipt that was overwritten or deleted later is read as well.

    Raises `ServerError` when the object store does not answer or refuses.
    """
    bucket = platform.settings.receipts_bucket
    for number, version in sorted(_first_versions(platform, 0).items()):
        yield from_json(platform.object_store.get(bucket, _key(number), version))


def to_json(receipt: Receipt) -> bytes:
    """Returns a receipt as the archive keeps it: a JSON list of one."""
    return _adapter().dump_json([receipt])


def from_json(body: bytes) -> Receipt:
    """Returns an archived receipt.

    Raises `pydantic.ValidationError` when the object is not a receipt.
    """
    [receipt] = _adapter().validate_json(body)
    return receipt


def _first_versions(platform: Platform, after: int) -> dict[int, str | None]:
    """Returns the oldest version by number; a listing has the versions of a key newest first."""
    found: dict[int, str | None] = {}
    bucket = platform.settings.receipts_bucket
    key: str | None = _key(after)
    version: str | None = None
    while key is not None:
        page = platform.object_store.page_of_versions(bucket, key, version)
        found |= {int(one.key.partition(".")[0]): one.version for one in page.versions}
        key, version = page.next_key, page.next_version
    return found


def _key(number: int) -> str:
    """Returns the key of a receipt; keys sort as numbers do."""
    return f"{number:012}.json"


@cache
def _adapter() -> TypeAdapter[list[Receipt]]:
    """Reads and writes lists, because pydantic gives a bare dataclass no configuration."""
    config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    return TypeAdapter(list[Receipt], config=config)
