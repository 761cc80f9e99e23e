"""The outcome of the demo, read from the servers as operator and as analyst."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from assets.platform import Platform
from assets.retention.inventory import Inventory
from assets.retention.receipt_chain import read_chain
from assets.settings import Settings

ANALYST = "demo_analyst"

_BY_SOURCE = """
    select
        source,
        count(*) filter (where state = 'processed') as processed,
        count(*) filter (where state = 'rejected') as rejected,
        count(*) filter (where state = 'waiting') as waiting,
        percentile_cont(0.5) within group (order by extract(epoch from finished_at - arrived_at))
            filter (where state = 'processed') as median_seconds,
        percentile_cont(0.95) within group (order by extract(epoch from finished_at - arrived_at))
            filter (where state = 'processed') as p95_seconds,
        min(arrived_at) as first_arrived_at,
        max(finished_at) as last_finished_at,
        array_agg(reason_code order by reason_code) filter (where state = 'rejected') as reasons
    from image_catalog.image
    where registered_at >= %s
    group by source
    order by source
"""

_SEEN = """
    select
        coalesce(sum(processed_images + rejected_images), 0),
        coalesce(sum(waiting_images), 0),
        (
            select coalesce(
                sum(completed_transactions + pending_transactions + cancelled_transactions), 0
            )
            from analytics.view_member_sales_summary
        )
    from analytics.view_image_daily_summary
"""

Row = dict[str, object]


@dataclass(frozen=True)
class AnalystView:
    """What an analyst sees: images of the daily summary, transactions of the member summary."""

    finished_images: int = 0
    waiting_images: int = 0
    transactions: int = 0

    def shows(self, expected: AnalystView) -> bool:
        """Whether everything expected is there; other senders may be at work too."""
        return (
            self.finished_images >= expected.finished_images
            and self.transactions >= expected.transactions
        )


@dataclass(frozen=True)
class SourceOutcome:
    """The outcome of one source's images; latency from arrival to visible, in seconds.

    The latencies are None where no image was processed.
    """

    source: str
    processed: int
    rejected: int
    waiting: int
    median_seconds: float | None
    p95_seconds: float | None
    first_arrived_at: datetime
    last_finished_at: datetime | None
    reasons: dict[str, int]


def seen_by(analyst: psycopg.Connection) -> AnalystView:
    """Reads the two views as the analyst; views that are not built yet show nothing."""
    try:
        [seen] = analyst.execute(_SEEN)
    except psycopg.errors.UndefinedTable:
        return AnalystView()
    return AnalystView(*map(int, seen))


def outcomes_since(loader: psycopg.Connection, started_at: datetime) -> list[SourceOutcome]:
    """Reads the outcome of the images that were registered since a moment, per source."""
    rows = loader.cursor(row_factory=dict_row).execute(_BY_SOURCE, [started_at])
    return [
        SourceOutcome(**row | {"reasons": dict(Counter(row["reasons"] or ()).most_common())})
        for row in rows
    ]


def count_by_state(loader: psycopg.Connection) -> list[tuple[object, ...]]:
    """Counts the images of the ledger by source and state."""
    by_state = "select source, state, count(*) from image_catalog.image group by 1, 2 order by 1, 2"
    return loader.execute(by_state).fetchall()


def first_rows(analyst: psycopg.Connection, view: str, order: str, limit: int) -> list[Row]:
    """Reads the first rows of a view of schema `analytics`, as the analyst."""
    relation = sql.Identifier("analytics", view)
    statement = sql.SQL("select * from {} order by {} limit {}").format(
        relation, sql.SQL(order), limit
    )
    return list(analyst.cursor(row_factory=dict_row).execute(statement))


def count_transactions(owner: psycopg.Connection) -> int:
    """Counts the transactions that the member summary should come to show."""
    [(count,)] = owner.execute('select count(*) from "ASSESSMENT"."TB_TRANSACTION"')
    return int(count)


def describe_missing(outcomes: Sequence[SourceOutcome], sent: dict[str, int]) -> str:
    """Returns in one sentence which images did not come through."""
    finished = {one.source: one.processed + one.rejected for one in outcomes}
    waiting = {one.source: one.waiting for one in outcomes}
    return "; ".join(
        f"{source}: {expected} sent, {done + waiting.get(source, 0)} known to the ledger, "
        f"{done} finished"
        for source, expected in sent.items()
        if (done := finished.get(source, 0)) < expected
    )


@dataclass(frozen=True)
class RetentionState:
    """The oldest copy in ledger and buckets, and the receipts of those that were deleted.

    Attributes:
        hours: The age at which a copy has to be gone.
        first_goes_at: When the first image of this demo is purged.
    """

    oldest_copy: str
    oldest_hours: float
    hours: int
    receipts: int
    is_chain_intact: bool
    first_goes_at: datetime


def read_retention(
    settings: Settings, outcomes: Sequence[SourceOutcome], now: datetime
) -> RetentionState:
    """Reads ledger, buckets and receipts.

    Raises `ServerError` when a server goes away or refuses.
    """
    platform = Platform.from_settings(settings)
    _, seen = Inventory(platform, now).take()
    there = {kind: at for kind, at in seen.by_kind.items() if at is not None}
    oldest = min(there, key=lambda kind: (there[kind], kind))
    chain = read_chain(platform, now)
    return RetentionState(
        oldest_copy=oldest.replace("_", " "),
        oldest_hours=(now - there[oldest]) / timedelta(hours=1),
        hours=settings.retention_hours,
        receipts=chain.receipts,
        is_chain_intact=not chain.problems,
        first_goes_at=min(one.first_arrived_at for one in outcomes) + settings.purge_age,
    )
