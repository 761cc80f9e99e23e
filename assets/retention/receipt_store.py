"""Receipts in the warehouse: issued, read, and copied to the archive.

Functions that take a connection never commit. A database restored from a dump lacks the newest
receipts; `restore` reads them from the archive.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg.rows import dict_row

from assets.platform import Platform
from assets.resources.warehouse import Connection, lock, read_value, read_values
from assets.retention.receipt_archive import ReceiptArchive
from assets.retention.receipts import (
    GENESIS_HASH,
    Copy,
    DeletedCopies,
    DeletionReason,
    HashedIds,
    Receipt,
    Tally,
)
from assets.retention.signing import Signer, open_signer

_READ_BATCH_SIZE = 50  # a receipt of a million images has 16 MB of hashes
_LOOKBACK_RECEIPTS = 10_000


@dataclass(frozen=True)
class DeletionContext:
    """What all receipts of one purge or erasure have in common.

    Attributes:
        until: The cutoff of a purge.
        requested_by: The role that requested an erasure, if it is known.
    """

    signer: Signer
    reason: DeletionReason
    began_at: datetime
    until: datetime | None = None
    requested_by: str | None = None
    _began: float = field(default_factory=time.monotonic)

    def issue_receipt(
        self, connection: Connection, tally: Tally, images: HashedIds | None = None
    ) -> None:
        """Writes the receipt of the transaction that deletes what the tally counts.

        Its time is that of the clock by which the purge began. Other transactions wait to issue
        theirs until this one ends, so that the chain has no forks.
        """
        lock(connection, "retention.purge_receipt")
        query = "select receipt_hash from retention.purge_receipt order by receipt_no desc limit 1"
        previous = read_values(connection, query)
        ids = images or HashedIds()
        receipt = Receipt(
            number=last_number(connection) + 1,
            why=self.reason,
            began_at=self.began_at,
            ended_at=self.began_at + timedelta(seconds=time.monotonic() - self._began),
            expired_until=self.until,
            images=len(ids.hashes),
            salt=ids.salt,
            id_hashes=ids.joined(),
            gone=tally.gone,
            previous_hash=previous[0] if previous else GENESIS_HASH,
            hash=b"",
            requested_by=self.requested_by,
        )
        insert(connection, receipt.signed(self.signer))


def insert(connection: Connection, receipt: Receipt) -> None:
    """Inserts a receipt as it is."""
    connection.execute(
        """
        insert into retention.purge_receipt (
            receipt_no, why, began_at, ended_at, expired_until, images_count, id_salt, id_hashes,
            previous_hash, receipt_hash, format_version, requested_by, key_id, signature
        )
        values (
            %(number)s, %(why)s, %(began_at)s, %(ended_at)s, %(expired_until)s, %(images)s,
            %(salt)s, %(id_hashes)s, %(previous_hash)s, %(hash)s, %(version)s, %(requested_by)s,
            %(key_id)s, %(signature)s
        )
        """,
        vars(receipt),
    )
    connection.cursor().executemany(
        """
        insert into retention.purged_copy (
            receipt_no, copy, items_count, size_bytes, oldest_at, newest_at
        )
        values (%(number)s, %(copy)s, %(items)s, %(size_bytes)s, %(oldest_at)s, %(newest_at)s)
        """,
        [{"number": receipt.number} | vars(one) for one in receipt.gone],
    )


def read_receipts(connection: Connection, after: int = 0) -> Iterator[Receipt]:
    """Reads the receipts after a number, in order."""
    while receipts := _read_batch(connection, after):
        yield from receipts
        after = receipts[-1].number


def last_number(connection: Connection) -> int:
    """Returns the number of the newest receipt; 0 if there is none."""
    query = "select coalesce(max(receipt_no), 0) from retention.purge_receipt"
    return int(read_value(connection, query))


def count_images(connection: Connection) -> tuple[int, int]:
    """Returns the number of images in all receipts, and the ledger's count of purged images."""
    in_receipts = "select coalesce(sum(images_count), 0) from retention.purge_receipt"
    in_ledger = "select coalesce(sum(purged_count), 0) from image_catalog.arrival_count"
    return int(read_value(connection, in_receipts)), int(read_value(connection, in_ledger))


def _read_batch(connection: Connection, after: int) -> list[Receipt]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """
            select
                receipt_no as number, why, began_at, ended_at, expired_until,
                images_count as images, id_salt as salt, id_hashes, previous_hash,
                receipt_hash as hash, format_version as version, requested_by, key_id, signature
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
            [[row["number"] for row in rows]],
        ):
            number, kind = row.pop("receipt_no"), Copy(row.pop("copy"))
            gone[number].append(DeletedCopies(kind, **row))
    return [
        Receipt(why=DeletionReason(row.pop("why")), gone=tuple(gone[row["number"]]), **row)
        for row in rows
    ]


def archive_receipts(platform: Platform) -> int:
    """Stores those of the last ten thousand receipts that the archive lacks; returns how many.

    Raises `ServerError` when a server goes away or refuses; the next purge archives the rest.
    """
    archive = ReceiptArchive.of(platform.settings)
    archive.publish(open_signer(platform.settings).public_key)
    with platform.warehouse.connect() as connection:
        begin = max(0, last_number(connection) - _LOOKBACK_RECEIPTS)
        archived = archive.read_listing(begin).receipts
        missing = [one for one in read_receipts(connection, begin) if one.number not in archived]
    for one in missing:
        archive.store_receipt(one)
    return len(missing)
