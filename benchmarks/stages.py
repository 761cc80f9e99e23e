"""How long each stage of an image took, read from the ledger."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import tuple_row

from assets.resources.warehouse import Connection
from benchmarks.senders import Sent

ALL_SOURCES = "all sources"

LEDGER, VISIBLE = "arrival → ledger", "arrival → visible"
STAGES = {
    LEDGER: "arrival_to_ledger",
    "ledger → finished": "ledger_to_finished",
    "of it processing": "processing",
    VISIBLE: "arrival_to_visible",
}
"""Stages as people read them, and as keys of the report, in the order of the query below."""

# The views are live: an image is visible in them as soon as it is finished.
_STAGES = """
    select
        case when grouping(source) = 1 then %(all)s else source end as source_name,
        count(*),
        percentile_cont(array[0.5, 0.95, 1]) within group (
            order by extract(epoch from registered_at - arrived_at)
        ),
        percentile_cont(array[0.5, 0.95, 1]) within group (
            order by extract(epoch from finished_at - registered_at)
        ),
        percentile_cont(array[0.5, 0.95, 1]) within group (order by processing_seconds),
        percentile_cont(array[0.5, 0.95, 1]) within group (
            order by extract(epoch from finished_at - arrived_at)
        )
    from image_catalog.image
    where state = 'processed' and sha256 = any(%(digests)s)
    group by grouping sets ((source), ())
    order by grouping(source), source
"""
_ROWS = """
    select encode(sha256, 'hex'), count(*), extract(epoch from max(finished_at))::float8
    from image_catalog.image
    where state = 'processed' and sha256 = any(%s)
    group by sha256
"""


@dataclass(frozen=True)
class Spread:
    """Median, 95th percentile and maximum of one stage, in seconds."""

    median: float
    p95: float
    longest: float


@dataclass(frozen=True)
class SourceStages:
    """The stages of the images of one source."""

    source: str
    images: int
    stages: dict[str, Spread]


@dataclass(frozen=True)
class DeliveryCount:
    """The outcome of what was sent, counted from the sender's record.

    Attributes:
        lost: Images of the record that no processed row has.
        duplicated: Processed rows beyond one for an image of the record.
        visible_p95: From sending, by the sender's clock, to finished: 95th percentile in seconds.
        seconds: From the first image sent to the last one finished.
        late_p95: How far the sender was behind its schedule: 95th percentile in seconds.
    """

    sent: int
    lost: int
    duplicated: int
    visible_p95: float
    seconds: float
    late_p95: float


def read_stages(connection: Connection, sent: Sequence[Sent]) -> list[SourceStages]:
    """Reads the stages of the images of a record: of each source, then of all of them."""
    cursor = connection.cursor(row_factory=tuple_row)
    rows = cursor.execute(_STAGES, {"all": ALL_SOURCES, "digests": _digests(sent)})
    return [
        SourceStages(
            source_name,
            images,
            {name: Spread(*spread) for name, spread in zip(STAGES, spreads, strict=True)},
        )
        for source_name, images, *spreads in rows
    ]


def count_deliveries(connection: Connection, sent: Sequence[Sent]) -> DeliveryCount:
    """Compares a record with the ledger, image by image."""
    cursor = connection.cursor(row_factory=tuple_row)
    rows = cursor.execute(_ROWS, [_digests(sent)]).fetchall()
    finished_at = {digest: at for digest, _, at in rows}
    seen = [finished_at[one.sha256] - one.sent_at for one in sent if one.sha256 in finished_at]
    return DeliveryCount(
        sent=len(sent),
        lost=len(sent) - len(rows),
        duplicated=sum(count - 1 for _, count, _ in rows),
        visible_p95=_p95(seen),
        seconds=max(finished_at.values()) - min(one.sent_at for one in sent),
        late_p95=_p95([one.late_seconds for one in sent]),
    )


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


def _digests(sent: Sequence[Sent]) -> list[bytes]:
    return [bytes.fromhex(one.sha256) for one in sent]
