"""The proof that an image is gone: what ledger, receipts and buckets hold about it now."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from assets.ingestion.bucket.raw_objects import possible_ids
from assets.platform import Platform
from assets.retention.ledger_rows import LedgerRow, count_renditions, read_row
from assets.retention.receipt_chain import Chain, read_chain
from assets.retention.receipts import DeletionReason, Receipt


@dataclass(frozen=True)
class ReceiptMention:
    """A receipt that names an image, which arrived between `oldest_at` and `newest_at`."""

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


def prove(
    platform: Platform,
    image: UUID,
    now: datetime,
    show_step: Callable[[str], None] = lambda _: None,
) -> Proof:
    """Searches ledger, receipts and buckets for an image; `show_step` gets what is searched next.

    Raises `ServerError` when a server goes away or refuses: then nothing is proven.
    """
    settings, store = platform.settings, platform.object_store
    show_step("ledger and receipts")
    with platform.warehouse.connect() as connection:
        row, rows_left = read_row(connection, image), count_renditions(connection, image)
    naming: list[Receipt] = []

    def see(receipt: Receipt) -> None:
        if receipt.names(image):
            naming.append(receipt)

    chain = read_chain(platform, now, see, compare_since=now - settings.retention)
    mentions = tuple(map(_mention, naming))
    days = days_to_search(now, settings.retention, mentions)
    by_day = settings.processed_bucket, settings.quarantine_bucket
    left = dict.fromkeys((*by_day, settings.raw_bucket), 0)
    for bucket in by_day:
        show_step(f"bucket {bucket}")
        for day in days:
            page = store.page_of_versions(bucket, None, None, prefix=f"{day}/{image}")
            left[bucket] += len(page.versions) + len(page.delete_markers)
    examined = 0
    # An id can be derived from a key, but not a key from an id: the whole bucket is listed.
    for page in store.pages_of_versions(settings.raw_bucket):
        found = (*page.versions, *page.delete_markers)
        examined += len(found)
        left[settings.raw_bucket] += sum(image in possible_ids(one) for one in found)
        show_step(f"bucket {settings.raw_bucket}: {examined:,} versions")
    return Proof(image, row, mentions, rows_left, left, days, examined, chain)


def days_to_search(
    now: datetime, retention: timedelta, mentions: Iterable[ReceiptMention] = ()
) -> tuple[date, ...]:
    """Returns the UTC days within the retention and the receipts that name an image, in order.

    They include one day more on either side in case clocks differ.
    """
    day = timedelta(days=1)
    spans = [(now - retention, now)] + [(one.oldest_at, one.newest_at) for one in mentions]
    days = set[date]()
    for first, last in spans:
        begin, end = (moment.astimezone(UTC).date() for moment in (first - day, last + day))
        days |= {begin + number * day for number in range((end - begin).days + 1)}
    return tuple(sorted(days))


def _mention(receipt: Receipt) -> ReceiptMention:
    oldest_at = min((one.oldest_at for one in receipt.gone), default=receipt.ended_at)
    newest_at = max((one.newest_at for one in receipt.gone), default=receipt.ended_at)
    images, ended_at = receipt.images, receipt.ended_at
    return ReceiptMention(receipt.number, receipt.why, images, ended_at, oldest_at, newest_at)
