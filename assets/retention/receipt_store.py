"""Receipts in the database: how the next is issued, and how they are read.

Like the ledger's functions these take an open connection and never commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache

from pydantic import ConfigDict, TypeAdapter

from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.retention.receipts import (
    FIRST,
    Copy,
    DeletedCopies,
    DeletionReason,
    Receipt,
    ReceiptDraft,
    next_receipt,
)

_READ_BATCH_SIZE = 50


def issue(connection: Connection, draft: ReceiptDraft, ended_at: datetime) -> Receipt:
    """Writes the receipt of the transaction that is about to commit.

    Who issues the next one waits until it has.
    """
    connection.execute("select pg_advisory_xact_lock(hashtext('retention.purge_receipt'))")
    last = connection.execute(
        "select receipt_no, receipt_hash from retention.purge_receipt "
        "order by receipt_no desc limit 1"
    ).fetchone()
    number, previous = (int(str(last[0])), bytes(last[1])) if last else (0, FIRST)  # type: ignore[call-overload]
    receipt = next_receipt(draft, number + 1, previous, ended_at)
    insert(connection, receipt)
    return receipt


def insert(connection: Connection, receipt: Receipt) -> None:
    """Writes a receipt as it is."""
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
    """Reads the receipts behind a number, in order.

    Few at a time: one may hold the hashes of a million images.
    """
    while receipts := _page(connection, after):
        yield from receipts
        after = receipts[-1].number


def last_number(connection: Connection) -> int:
    """Returns the number of the newest receipt; 0 if there is none."""
    [(last,)] = connection.execute(
        "select coalesce(max(receipt_no), 0) from retention.purge_receipt"
    )
    return int(str(last))


def count_images(connection: Connection) -> tuple[int, int]:
    """Returns how many images the receipts tell of, and how many the ledger counts as purged."""
    [row] = connection.execute(
        """
        select
            (select coalesce(sum(images_count), 0) from retention.purge_receipt),
            (select coalesce(sum(purged_count), 0) from image_catalog.arrival_count)
        """
    )
    told, counted = (int(str(number)) for number in row)
    return told, counted


def _page(connection: Connection, after: int) -> list[Receipt]:
    gone: dict[int, list[DeletedCopies]] = {}
    for number, copy, *facts in connection.execute(
        """
        select receipt_no, copy, items_count, size_bytes, oldest_at, newest_at
        from retention.purged_copy
        where receipt_no > %s and receipt_no <= %s
        order by receipt_no, copy collate "C"
        """,
        [after, after + _READ_BATCH_SIZE],
    ):
        gone.setdefault(int(str(number)), []).append(DeletedCopies(Copy(str(copy)), *facts))  # type: ignore[arg-type]
    rows = connection.execute(
        """
        select
            receipt_no, why, began_at, ended_at, expired_until, images_count, id_salt, id_hashes,
            previous_hash, receipt_hash
        from retention.purge_receipt
        where receipt_no > %s and receipt_no <= %s
        order by receipt_no
        """,
        [after, after + _READ_BATCH_SIZE],
    )
    receipts = [_receipt(row, gone) for row in rows]
    return receipts or _after_missing_number(connection, after)


def _after_missing_number(connection: Connection, after: int) -> list[Receipt]:
    [(found,)] = connection.execute(
        "select min(receipt_no) from retention.purge_receipt where receipt_no > %s", [after]
    )
    return _page(connection, int(str(found)) - 1) if found else []


def _receipt(row: tuple[object, ...], gone: dict[int, list[DeletedCopies]]) -> Receipt:
    number, why, began_at, ended_at, expired_until, images, *digests = row
    salt, id_hashes, previous_hash, hash_ = (bytes(one) for one in digests)  # type: ignore[call-overload]
    return Receipt(
        number=int(str(number)),
        why=DeletionReason(str(why)),
        began_at=began_at,  # type: ignore[arg-type]
        ended_at=ended_at,  # type: ignore[arg-type]
        expired_until=expired_until,  # type: ignore[arg-type]
        images=int(str(images)),
        salt=salt,
        id_hashes=id_hashes,
        gone=tuple(gone.get(int(str(number)), [])),
        previous_hash=previous_hash,
        hash=hash_,
    )


_LOOKBACK_RECEIPTS = 10_000


def archive_receipts(warehouse: Warehouse, object_store: ObjectStore, bucket: str) -> int:
    """Stores the receipts that the archive lacks among the last ten thousand; returns how many.

    Raises `ServerError` when a server goes away or refuses; the next purge goes on from there.
    """
    with warehouse.connect() as connection:
        begin = max(0, last_number(connection) - _LOOKBACK_RECEIPTS)
        kept = _first_versions(object_store, bucket, begin)
        lacking = [
            receipt for receipt in read_receipts(connection, begin) if receipt.number not in kept
        ]
    for receipt in lacking:
        object_store.put(bucket, _key(receipt.number), to_json(receipt), "application/json")
    return len(lacking)


def read_archive(object_store: ObjectStore, bucket: str, after: int = 0) -> Iterator[Receipt]:
    """Reads the archived receipts behind a number, in order, as they were first written.

    The bucket keeps versions: one that was overwritten or deleted since is read all the same.
    """
    for number, version in sorted(_first_versions(object_store, bucket, after).items()):
        yield from_json(object_store.get(bucket, _key(number), version))


def to_json(receipt: Receipt) -> bytes:
    """Returns a receipt as the archive keeps it: a JSON list of one."""
    return _adapter().dump_json([receipt])


def from_json(body: bytes) -> Receipt:
    """Returns an archived receipt.

    Raises `pydantic.ValidationError` when the object is not a receipt.
    """
    [receipt] = _adapter().validate_json(body)
    return receipt


def _first_versions(object_store: ObjectStore, bucket: str, after: int) -> dict[int, str | None]:
    """Returns the oldest version by number; a listing has the versions of a key newest first."""
    found: dict[int, str | None] = {}
    page = object_store.page_of_versions(bucket, _key(after), None)
    while True:
        found |= {int(one.key.partition(".")[0]): one.version for one in page.versions}
        if page.next_key is None:
            return found
        page = object_store.page_of_versions(bucket, page.next_key, page.next_version)


def _key(number: int) -> str:
    """Returns the key of a receipt; keys are in the order of the numbers."""
    return f"{number:012}.json"


@cache
def _adapter() -> TypeAdapter[list[Receipt]]:
    """Reads and writes a list of one: pydantic gives a dataclass by itself no configuration."""
    told = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    return TypeAdapter(list[Receipt], config=told)
