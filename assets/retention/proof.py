"""The proof that an image is gone: what ledger, receipts and buckets hold about it now."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from assets.ingestion.bucket.raw_objects import possible_ids
from assets.platform import Platform
from assets.resources.warehouse import Connection
from assets.retention.ledger_rows import LedgerRow, count_renditions, read_row
from assets.retention.receipt_store import count_images, read_receipts
from assets.retention.receipts import DeletionReason, Receipt, verify

StepCallback = Callable[[str], None]


@dataclass(frozen=True)
class Chain:
    """The receipt chain: its length, the images in all receipts, and its problems as sentences."""

    receipts: int
    images: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class ReceiptMention:
    """A receipt that names an image.

    Attributes:
        images: How many images the receipt names.
        ended_at: When it was written.
        oldest_at: The earliest time at which the image can have arrived.
    """

    number: int
    reason: DeletionReason
    images: int
    ended_at: datetime
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True)
class Proof:
    """What was found about an image.

    Attributes:
        mentions: The receipts that name it.
        rows_left: Rows of its renditions.
        objects_left: Its objects by bucket, including all versions and delete markers.
        days: The days of arrival for which processed and quarantine bucket were searched.
        raw_versions: How many versions of the raw bucket were examined: all of them.
    """

    image: UUID
    ledger_row: LedgerRow | None
    mentions: tuple[ReceiptMention, ...]
    rows_left: int
    objects_left: dict[str, int]
    days: tuple[date, ...]
    raw_versions: int
    chain: Chain

    @property
    def is_gone(self) -> bool:
        """Whether a receipt names the image, nothing else does, and the chain is intact."""
        left = self.rows_left + sum(self.objects_left.values())
        is_recorded = bool(self.mentions) and not self.chain.problems
        return is_recorded and self.ledger_row is None and not left


@dataclass
class _ChainReader:
    """Passes receipts on, counts them, and keeps the mentions of an image."""

    image: UUID | None = None
    receipts: int = 0
    images: int = 0
    mentions: list[ReceiptMention] = field(default_factory=list)

    def reading(self, receipts: Iterable[Receipt]) -> Iterator[Receipt]:
        for receipt in receipts:
            self.receipts += 1
            self.images += receipt.images
            if self.image is not None and receipt.names(self.image):
                self.mentions.append(_mention(receipt))
            yield receipt


@dataclass(frozen=True)
class Prover:
    """Searches everything for an image, and changes nothing.

    Attributes:
        show_step: Called with what is searched next.
    """

    platform: Platform
    show_step: StepCallback = lambda _: None

    def prove(self, image: UUID, now: datetime) -> Proof:
        """Searches ledger, receipts and buckets for an image.

        Raises `ServerError` when a server goes away or refuses: then nothing is proven.
        """
        settings = self.platform.settings
        self.show_step("ledger and receipts")
        with self.platform.warehouse.connect() as connection:
            row, rows_left = read_row(connection, image), count_renditions(connection, image)
            chain, mentions = _read_chain(connection, image)
        days = days_to_search(now, settings.retention, mentions)
        left = {
            bucket: self._count_by_day(bucket, image, days)
            for bucket in (settings.processed_bucket, settings.quarantine_bucket)
        }
        left[settings.raw_bucket], examined = self._count_raw(image)
        return Proof(image, row, mentions, rows_left, left, days, examined, chain)

    def _count_by_day(self, bucket: str, image: UUID, days: Iterable[date]) -> int:
        """Counts objects under the keys that the image has for each day of arrival."""
        self.show_step(f"bucket {bucket}")
        store = self.platform.object_store
        pages = (
            store.page_of_versions(bucket, None, None, prefix=f"{day}/{image}") for day in days
        )
        return sum(len(page.versions) + len(page.delete_markers) for page in pages)

    def _count_raw(self, image: UUID) -> tuple[int, int]:
        """Lists the whole raw bucket: an id can be derived from a key, but not a key from an id."""
        bucket = self.platform.settings.raw_bucket
        of_image = examined = 0
        for page in self.platform.object_store.pages_of_versions(bucket):
            found = (*page.versions, *page.delete_markers)
            examined += len(found)
            of_image += sum(image in possible_ids(one) for one in found)
            self.show_step(f"bucket {bucket}: {examined:,} versions")
        return of_image, examined


def read_chain(connection: Connection) -> Chain:
    """Reads all receipts, and verifies that none is missing, changed or out of order."""
    return _read_chain(connection, None)[0]


def days_to_search(
    now: datetime, retention: timedelta, mentions: Iterable[ReceiptMention] = ()
) -> tuple[date, ...]:
    """Returns the UTC days on which an image can have arrived, in order.

    These are the days within the retention and within the receipts that name it, and one day more
    on either side in case clocks differ.
    """
    day = timedelta(days=1)
    spans = [(now - retention, now)] + [(one.oldest_at, one.newest_at) for one in mentions]
    days = set[date]()
    for first, last in spans:
        begin, end = (moment.astimezone(UTC).date() for moment in (first - day, last + day))
        days |= {begin + number * day for number in range((end - begin).days + 1)}
    return tuple(sorted(days))


def _read_chain(
    connection: Connection, image: UUID | None
) -> tuple[Chain, tuple[ReceiptMention, ...]]:
    reader = _ChainReader(image)
    problems = verify(reader.reading(read_receipts(connection)))
    in_receipts, in_ledger = count_images(connection)
    if in_receipts != in_ledger:
        problems.append(
            f"The receipts record {in_receipts:,} images and the ledger counts {in_ledger:,} as "
            "purged: the last receipts are missing, or rows were deleted without a receipt."
        )
    return Chain(reader.receipts, reader.images, tuple(problems)), tuple(reader.mentions)


def _mention(receipt: Receipt) -> ReceiptMention:
    return ReceiptMention(
        receipt.number,
        receipt.why,
        receipt.images,
        receipt.ended_at,
        min((one.oldest_at for one in receipt.gone), default=receipt.ended_at),
        max((one.newest_at for one in receipt.gone), default=receipt.ended_at),
    )
