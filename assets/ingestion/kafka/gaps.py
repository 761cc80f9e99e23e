"""Gaps: offsets that were never landed and cannot be any more, and what people found out of them.

A gap is recorded in the transaction that moves past it. Until somebody explains it, a check is red.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pandas as pd

from assets.errors import DarkroomError
from assets.resources.warehouse import Connection

_MAX_EXPLANATION_LENGTH = 1000


class GapError(DarkroomError):
    """A gap cannot be explained so; the message says why and what to do."""


class GapReason(StrEnum):
    """Why messages are missing."""

    EXPIRED = "expired"
    MISSING = "missing"
    TOPIC_RECREATED = "topic_recreated"


@dataclass(frozen=True)
class Gap:
    """A range of offsets of one partition, from the first missing to behind the last."""

    topic: str
    incarnation: int
    partition: int
    first_offset: int
    next_offset: int
    reason: GapReason

    @property
    def messages(self) -> int:
        """How many messages may be missing."""
        return self.next_offset - self.first_offset


@dataclass(frozen=True)
class RecordedGap:
    """A gap as it stands in the warehouse."""

    gap_id: int
    gap: Gap
    noticed_at: datetime
    explanation: str | None


def count_missing(gaps: Iterable[Gap]) -> int:
    """Returns how many messages may be missing in all of them."""
    return sum(gap.messages for gap in gaps)


def write_gaps(connection: Connection, gaps: Sequence[Gap]) -> None:
    """Records gaps; those recorded before are left as they are."""
    if not gaps:
        return
    connection.cursor().executemany(
        """
        insert into image_catalog.kafka_gap (
            topic, incarnation, partition_no, first_offset, next_offset, reason_code
        )
        values (%s, %s, %s, %s, %s, %s)
        on conflict (topic, incarnation, partition_no, first_offset) do nothing
        """,
        [
            (
                gap.topic,
                gap.incarnation,
                gap.partition,
                gap.first_offset,
                gap.next_offset,
                gap.reason,
            )
            for gap in gaps
        ],
    )


def read_gaps(connection: Connection) -> list[RecordedGap]:
    """Returns all gaps ever noticed, newest first, those without an explanation before others."""
    rows = connection.execute(
        """
        select
            gap_id, reason_code, noticed_at, explanation,
            topic, incarnation, partition_no, first_offset, next_offset
        from image_catalog.kafka_gap
        order by explanation is not null, noticed_at desc, gap_id desc
        """
    )
    return [_recorded(*row) for row in rows]  # type: ignore[arg-type]


def explain(connection: Connection, gap_id: int, because: str, now: datetime) -> RecordedGap:
    """Records what a person found out about a gap; a later explanation replaces an earlier one.

    Raises `GapError` when there is no such gap, or nothing that explains it.
    """
    because = " ".join(because.split())
    if not because:
        raise GapError(f"Say what happened, such as: make explain-gap GAP={gap_id} BECAUSE='…'.")
    if len(because) > _MAX_EXPLANATION_LENGTH:
        raise GapError(f"An explanation has at most {_MAX_EXPLANATION_LENGTH} characters.")
    explained = connection.execute(
        "update image_catalog.kafka_gap set explained_at = %s, explanation = %s where gap_id = %s",
        [now, because, gap_id],
    )
    if not explained.rowcount:
        raise GapError(f"There is no gap {gap_id}; `make gaps` lists them.")
    return next(found for found in read_gaps(connection) if found.gap_id == gap_id)


def as_table(found: Sequence[RecordedGap]) -> pd.DataFrame:
    """Returns gaps as a table with a row for each."""
    columns = ["gap", "topic", "partition", "first_offset", "messages", "reason", "noticed_at"]
    rows = [
        (
            one.gap_id,
            one.gap.topic,
            one.gap.partition,
            one.gap.first_offset,
            one.gap.messages,
            one.gap.reason.value,
            one.noticed_at,
        )
        for one in found
    ]
    return pd.DataFrame(rows, columns=columns)


def _recorded(
    gap_id: int, reason: str, noticed_at: datetime, explanation: str | None, *place: object
) -> RecordedGap:
    gap = Gap(*place, reason=GapReason(reason))  # type: ignore[arg-type,misc]
    return RecordedGap(gap_id, gap, noticed_at, explanation)
