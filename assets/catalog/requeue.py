"""Requeuing of rejected images: after a decoder was fixed, a limit raised or an object restored.

Requeued images are read from quarantine; an object that was missing is fetched from the raw bucket.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import sql

from assets.catalog.visibility import VISIBLE
from assets.errors import DarkroomError
from assets.resources.warehouse import Connection
from assets.retention_policy import cutoff
from assets.validation.reasons import Reason


class RequeueError(DarkroomError):
    """The description of what to requeue is not valid."""


@dataclass(frozen=True)
class Selection:
    """Rejected images of one reason; if set, of one source and rejected since a time only.

    Images that are due, expired or withdrawn are never selected.
    """

    reason: Reason
    source: str | None = None
    since: datetime | None = None


_SELECTED = sql.SQL(
    """
    state = 'rejected'
    and {visible}
    and arrived_at > %(before)s
    and (%(source)s::text is null or source = %(source)s)
    and (%(since)s::timestamptz is null or finished_at >= %(since)s)
    """
).format(visible=VISIBLE)
_COUNT = sql.SQL(
    "select reason_code, count(*) from image_catalog.image where {} group by 1 order by 1"
).format(_SELECTED)
_REQUEUE = sql.SQL(
    """
    update image_catalog.image
    set
        state = 'waiting',
        reason_code = null,
        finished_at = null,
        claimed_by = null,
        lease_until = null,
        claim_count = 0
    where reason_code = %(reason)s and {selected}
    """
).format(selected=_SELECTED)


def reason_named(name: str) -> Reason:
    """Returns the reason of that name. Raises `RequeueError` when there is none."""
    if name not in set(Reason):
        raise RequeueError(
            f"There is no reason “{name}”; choose one of {', '.join(sorted(Reason))}."
        )
    return Reason(name)


def moment_named(text: str) -> datetime:
    """Parses an ISO 8601 date or time, which is UTC unless it says otherwise.

    Raises `RequeueError` when it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise RequeueError(
            f"“{text}” is not a date or time; write it as 2026-01-31 or 2026-01-31T09:30, in UTC."
        ) from error


def count_rejected(
    connection: Connection, selection: Selection, now: datetime, purge_age: timedelta
) -> dict[str, int]:
    """Counts by reason the images that could be requeued, whatever reason the selection names."""
    return dict(connection.execute(_COUNT, _parameters(selection, now, purge_age)).fetchall())


def requeue(
    connection: Connection, selection: Selection, now: datetime, purge_age: timedelta
) -> int:
    """Sets the selected images back to `waiting`, without attempts; returns how many they are.

    Never commits.
    """
    return connection.execute(_REQUEUE, _parameters(selection, now, purge_age)).rowcount


def _parameters(selection: Selection, now: datetime, purge_age: timedelta) -> dict[str, object]:
    return {
        "reason": selection.reason.value,
        "source": selection.source,
        "since": selection.since,
        "before": cutoff(now, purge_age),
    }
