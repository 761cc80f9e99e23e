"""The state of retention at the end of the demo: the oldest copy, receipts, the next purge."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.platform import Platform
from assets.retention.inventory import Inventory
from assets.retention.proof import read_chain
from assets.settings import Settings
from infra.demo.outcome import SourceOutcome


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
    with platform.warehouse.connect() as connection:
        chain = read_chain(connection)
    return RetentionState(
        oldest_copy=oldest.replace("_", " "),
        oldest_hours=(now - there[oldest]) / timedelta(hours=1),
        hours=settings.retention_hours,
        receipts=chain.receipts,
        is_chain_intact=not chain.problems,
        first_goes_at=min(one.first_arrived_at for one in outcomes) + settings.purge_age,
    )
