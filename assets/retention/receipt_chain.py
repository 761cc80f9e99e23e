"""Whether the receipts can be relied on: the chain in the warehouse, compared with its archive."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.platform import Platform
from assets.retention.receipt_archive import Listing, ReceiptArchive
from assets.retention.receipt_store import count_images, read_receipts
from assets.retention.receipts import Receipt, verify

ARCHIVED_WITHIN = timedelta(hours=2)
"""How long a receipt may be missing from the archive: two purges can fail to store it."""

_EXAMPLES = 3


@dataclass(frozen=True)
class Chain:
    """The receipts, and what is wrong with them and their archive, as sentences.

    Attributes:
        images: The images in all receipts.
        problems: Why the receipts cannot be relied on.
        notices: What is unusual about the archive without harm to the receipts.
        signed: How many receipts are signed.
        unarchived: How many young receipts the next purge has to archive.
        lock_days: How long the store keeps an archived receipt; None if anybody can delete it.
    """

    receipts: int
    images: int
    problems: tuple[str, ...]
    notices: tuple[str, ...] = ()
    signed: int = 0
    unarchived: int = 0
    lock_days: int | None = None


def read_chain(
    platform: Platform,
    now: datetime,
    see: Callable[[Receipt], None] = lambda _: None,
    *,
    compare_since: datetime | None = None,
) -> Chain:
    """Reads all receipts, verifies them, and compares them with the archive in both directions.

    Args:
        see: Called with each receipt.
        compare_since: The contents of receipts that were written earlier are not compared, only
            whether the archive has them.

    Raises `ServerError` when a server goes away or refuses.
    """
    archive = ReceiptArchive.of(platform.settings)
    listing = archive.read_listing()  # first: whatever is archived is committed
    keys = archive.public_keys(listing)
    written = dict[int, tuple[datetime, bytes]]()
    images = signed = 0

    def read() -> Iterator[Receipt]:
        nonlocal images, signed
        for receipt in read_receipts(connection):
            written[receipt.number] = receipt.ended_at, receipt.hash
            images += receipt.images
            signed += receipt.signature is not None
            see(receipt)
            yield receipt

    with platform.warehouse.connect() as connection:
        problems = verify(read(), keys)
        in_receipts, in_ledger = count_images(connection)
    if in_receipts != in_ledger:
        problems.append(
            f"The receipts record {in_receipts:,} images and the ledger counts {in_ledger:,} as "
            "purged: the last receipts are missing, or rows were deleted without a receipt."
        )
    if lost := sorted(listing.receipts.keys() - written.keys()):
        problems.append(
            f"The database lacks {_named(lost)}, which the archive holds: deleted there, or lost "
            "by a restore; `darkroom retention reapply` puts them back."
        )
    unarchived = sorted(written.keys() - listing.receipts.keys())
    if late := [one for one in unarchived if written[one][0] <= now - ARCHIVED_WITHIN]:
        problems.append(
            f"The archive lacks {_named(late)}, written more than "
            f"{ARCHIVED_WITHIN / timedelta(hours=1):g} hours ago: deleted there, or the purges "
            "could not store them."
        )
    both = sorted(written.keys() & listing.receipts.keys())
    compared = [one for one in both if compare_since is None or written[one][0] >= compare_since]
    for number, archived in archive.read(listing, compared):
        if archived is None or archived.digest() != written[number][1]:
            problems.append(f"Receipt {number} differs from its archived copy.")
    lock = archive.lock_age()
    return Chain(
        receipts=len(written),
        images=images,
        problems=tuple(problems),
        notices=tuple(_notices(listing, lock)),
        signed=signed,
        unarchived=len(unarchived) - len(late),
        lock_days=lock.days if lock else None,
    )


def _notices(listing: Listing, lock: timedelta | None) -> Iterator[str]:
    if listing.unknown:
        yield (
            "The archive holds objects that are neither a receipt nor a public key, which are "
            f"skipped: {_examples(listing.unknown)}."
        )
    if listing.changed:
        yield (
            "Objects of the archive were stored again or hidden later; their first versions "
            f"count: {_examples(listing.changed)}."
        )
    if not lock:
        yield (
            "The store does not keep the archive from being deleted: it has no Object Lock in "
            "compliance mode."
        )


def _examples(keys: set[str]) -> str:
    shown = ", ".join(repr(key) for key in sorted(keys)[:_EXAMPLES])
    return shown if len(keys) <= _EXAMPLES else f"{shown} and {len(keys) - _EXAMPLES} others"


def _named(numbers: Sequence[int]) -> str:
    first, last = numbers[0], numbers[-1]
    if first == last:
        return f"receipt {first}"
    if last - first + 1 == len(numbers):
        return f"receipts {first} to {last}"
    return f"{len(numbers)} receipts between {first} and {last}"
