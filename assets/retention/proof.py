"""The proof that an image is gone: what ledger, receipts and buckets say of it at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from assets.ingestion.bucket.raw_objects import possible_ids
from assets.resources.object_store import ObjectStore
from assets.resources.warehouse import Connection, Warehouse
from assets.retention.receipt_store import count_images, read_receipts
from assets.retention.receipts import DeletionReason, Receipt, verify
from assets.settings import Settings

StepCallback = Callable[[str], None]


@dataclass(frozen=True)
class Chain:
    """The receipts as a whole: how many, how many images they tell of, what is wrong with them."""

    receipts: int
    images: int
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class LedgerRow:
    """A row of the ledger: the image has not gone. `withdrawn_at` tells that it is about to."""

    state: str
    arrived_at: datetime
    withdrawn_at: datetime | None


@dataclass(frozen=True)
class ReceiptMention:
    """What a receipt tells of an image: that it went with others, why and when.

    The image had arrived between `oldest_at` and `newest_at`.
    """

    number: int
    why: DeletionReason
    images: int
    ended_at: datetime
    oldest_at: datetime
    newest_at: datetime


@dataclass(frozen=True)
class Proof:
    """What was found of an image.

    Attributes:
        held: Its row, if there is one.
        told: The receipts that name it.
        rows_left: Rows of renditions that name it.
        objects_left: Objects of its keys by bucket, every version and delete marker counted.
        days: The days of arrival under which processed and quarantine bucket were looked at.
        raw_versions: How many versions of the raw bucket were looked at: all of them.
    """

    image: UUID
    held: LedgerRow | None
    told: tuple[ReceiptMention, ...]
    rows_left: int
    objects_left: dict[str, int]
    days: tuple[date, ...]
    raw_versions: int
    chain: Chain

    @property
    def is_gone(self) -> bool:
        """Whether a receipt names it, nothing else does, and the receipts can be relied on."""
        left = self.rows_left + sum(self.objects_left.values())
        return bool(self.told) and self.held is None and not left and not self.chain.wrong


@dataclass
class _ReceiptCounter:
    """Passes receipts on, counts them, and keeps what they tell of an image."""

    image: UUID | None = None
    receipts: int = 0
    images: int = 0
    told: list[ReceiptMention] = field(default_factory=list)

    def counting(self, receipts: Iterable[Receipt]) -> Iterator[Receipt]:
        for receipt in receipts:
            self.receipts += 1
            self.images += receipt.images
            if self.image is not None and receipt.names(self.image):
                self.told.append(_mention(receipt))
            yield receipt


@dataclass(frozen=True)
class Prover:
    """Looks for an image everywhere; changes nothing.

    Attributes:
        look: Called with a word on what is looked at next.
    """

    settings: Settings
    object_store: ObjectStore
    warehouse: Warehouse
    look: StepCallback = lambda _: None

    def prove(self, image: UUID, now: datetime) -> Proof:
        """Looks for an image in ledger, receipts and buckets.

        Raises `ServerError` when a server goes away or refuses: then nothing is proven.
        """
        self.look("ledger and receipts")
        with self.warehouse.connect() as connection:
            held, rows_left = _read_rows(connection, image)
            chain, told = _read_chain(connection, image)
        days = days_to_search(now, self.settings.retention, told)
        left = {
            bucket: self._count_by_day(bucket, image, days)
            for bucket in (self.settings.processed_bucket, self.settings.quarantine_bucket)
        }
        left[self.settings.raw_bucket], looked_at = self._count_raw(image)
        return Proof(image, held, told, rows_left, left, days, looked_at, chain)

    def _count_by_day(self, bucket: str, image: UUID, days: Iterable[date]) -> int:
        """Counts objects below the keys that the image has there, whatever the day it arrived."""
        self.look(f"bucket {bucket}")
        pages = (
            self.object_store.page_of_versions(bucket, None, None, prefix=f"{day}/{image}")
            for day in days
        )
        return sum(len(page.versions) + len(page.delete_markers) for page in pages)

    def _count_raw(self, image: UUID) -> tuple[int, int]:
        """Lists the whole raw bucket: an id follows from a key, and no key from an id."""
        bucket = self.settings.raw_bucket
        of_image = looked_at = 0
        for page in self.object_store.pages_of_versions(bucket):
            found = (*page.versions, *page.delete_markers)
            looked_at += len(found)
            of_image += sum(image in possible_ids(one) for one in found)
            self.look(f"bucket {bucket}: {looked_at:,} versions")
        return of_image, looked_at


def read_chain(connection: Connection) -> Chain:
    """Reads all receipts and verifies that none is missing, changed or out of its place."""
    return _read_chain(connection, None)[0]


def days_to_search(
    now: datetime, retention: timedelta, told: Iterable[ReceiptMention] = ()
) -> tuple[date, ...]:
    """Returns the days on which an image can have arrived: within the retention, or as is told.

    A day more on either side covers clocks that differ.
    """
    day = timedelta(days=1)
    spans = [(now - retention, now)] + [(one.oldest_at, one.newest_at) for one in told]
    days = set[date]()
    for first, last in spans:
        begin, end = (moment.astimezone(UTC).date() for moment in (first - day, last + day))
        days |= {begin + number * day for number in range((end - begin).days + 1)}
    return tuple(sorted(days))


def _read_chain(
    connection: Connection, image: UUID | None
) -> tuple[Chain, tuple[ReceiptMention, ...]]:
    reader = _ReceiptCounter(image)
    wrong = verify(reader.counting(read_receipts(connection)))
    told, counted = count_images(connection)
    if told != counted:
        wrong.append(
            f"The receipts tell of {told:,} images and the ledger counts {counted:,} as purged: "
            "receipts are missing at the end, or rows went without one."
        )
    return Chain(reader.receipts, reader.images, tuple(wrong)), tuple(reader.told)


def _read_rows(connection: Connection, image: UUID) -> tuple[LedgerRow | None, int]:
    row = connection.execute(
        "select state, arrived_at, withdrawn_at from image_catalog.image where image_id = %s",
        [image],
    ).fetchone()
    [(renditions,)] = connection.execute(
        "select count(*) from image_catalog.rendition where image_id = %s", [image]
    )
    return (LedgerRow(*row) if row else None), int(str(renditions))  # type: ignore[arg-type]


def _mention(receipt: Receipt) -> ReceiptMention:
    return ReceiptMention(
        receipt.number,
        receipt.why,
        receipt.images,
        receipt.ended_at,
        min((one.oldest_at for one in receipt.gone), default=receipt.ended_at),
        max((one.newest_at for one in receipt.gone), default=receipt.ended_at),
    )
