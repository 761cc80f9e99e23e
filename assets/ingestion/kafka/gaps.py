"""Gaps: offsets that were never landed and cannot be any more, and how people explain them.

A gap is recorded in the transaction that moves past it. Until a person explains it, a check is red.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from enum import StrEnum

import pandas as pd

from assets.errors import DarkroomError
from assets.resources.warehouse import Connection, read_rows

_MAX_EXPLANATION_LENGTH = 1000


class GapError(DarkroomError):
    """A gap cannot be explained like this; the message says why and what to do."""


class GapReason(StrEnum):
    """Why messages are missing."""

    EXPIRED = "expired"
    MISSING = "missing"
    TOPIC_RECREATED = "topic_recreated"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    UNKNOWN_FORMAT = "unknown_format"
    UNKNOWN_CODEC = "unknown_codec"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True)
class Gap:
    """A range of offsets of one partition; `next_offset` is the one after the last missing one.

    `truncations` is how often the partition had been truncated before.
    """

    topic: str
    incarnation: int
    partition: int
    truncations: int
    first_offset: int
    next_offset: int
    reason: str

    @property
    def messages(self) -> int:
        """How many messages may be missing."""
        return self.next_offset - self.first_offset


@dataclass(frozen=True)
class RecordedGap(Gap):
    """A gap in the warehouse, and how a person explained it, if one did."""

    gap_id: int
    noticed_at: datetime
    explanation: str | None


def count_missing(gaps: Iterable[Gap]) -> int:
    """Returns how many messages may be missing in all gaps together."""
    return sum(gap.messages for gap in gaps)


def write_gaps(connection: Connection, gaps: Sequence[Gap]) -> None:
    """Records gaps; those recorded before are left as they are."""
    if not gaps:
        return
    connection.cursor().executemany(
        """
        insert into image_catalog.kafka_gap (
            topic, incarnation, partition_no, truncations_count, first_offset, next_offset,
            reason_code
        )
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (
            topic, incarnation, partition_no, truncations_count, first_offset, reason_code
        ) do nothing
        """,
        [astuple(gap) for gap in gaps],
    )


def read_gaps(connection: Connection) -> list[RecordedGap]:
    """Returns all gaps ever noticed, newest first, those without an explanation before others."""
    return read_rows(
        connection,
        RecordedGap,
        """
        select
            topic, incarnation, partition_no as partition, truncations_count as truncations,
            first_offset, next_offset, reason_code as reason, gap_id, noticed_at, explanation
        from image_catalog.kafka_gap
        order by explanation is not null, noticed_at desc, gap_id desc
        """,
    )


def explain(connection: Connection, gap_id: int, because: str, now: datetime) -> RecordedGap:
    """Records how a person explains a gap; a later explanation replaces an earlier one.

    Raises `GapError` when there is no such gap, or the explanation is empty or too long.
    """
    because = " ".join(because.split())
    if not because:
        raise GapError(f"Say what happened: darkroom topic explain-gap {gap_id} --because '…'.")
    if len(because) > _MAX_EXPLANATION_LENGTH:
        raise GapError(f"An explanation has at most {_MAX_EXPLANATION_LENGTH} characters.")
    explained = connection.execute(
        "update image_catalog.kafka_gap set explained_at = %s, explanation = %s where gap_id = %s",
        [now, because, gap_id],
    )
    if not explained.rowcount:
        raise GapError(f"There is no gap {gap_id}; `darkroom topic gaps` lists them.")
    return next(found for found in read_gaps(connection) if found.gap_id == gap_id)


def as_table(found: Sequence[RecordedGap]) -> pd.DataFrame:
    """Returns gaps as a table with one row per gap."""
    columns = ["gap", "topic", "partition", "first_offset", "messages", "reason", "noticed_at"]
    rows = [{**vars(one), "gap": one.gap_id, "messages": one.messages} for one in found]
    return pd.DataFrame(rows, columns=columns)
