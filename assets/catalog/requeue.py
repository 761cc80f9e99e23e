"""Rejected images sent through again: after a mended decoder, a wider limit, a returned object.

Their rows wait once more. What is in quarantine stays there and is read from there; an object that
was missing is looked for in the raw bucket again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from assets.catalog.visibility import VISIBLE
from assets.errors import DarkroomError
from assets.resources.warehouse import Connection
from assets.retention_policy import cutoff
from assets.validation.reasons import Reason


class RequeueError(DarkroomError):
    """What should be sent through again is not described in a way that can be meant."""


@dataclass(frozen=True)
class Selection:
    """Rejected images: of one reason, and of a door, and rejected since a moment, if those are set.

    Images that retention is about to take, or that are withdrawn, are never among them.
    """

    reason: Reason
    source: str | None = None
    since: datetime | None = None


def reason_named(name: str) -> Reason:
    """Returns the reason of that name.

    Raises `RequeueError` when there is none.
    """
    if name not in set(Reason):
        raise RequeueError(
            f"There is no reason “{name}”; choose one of {', '.join(sorted(Reason))}."
        )
    return Reason(name)


def moment_named(text: str | None) -> datetime | None:
    """Returns the moment that an ISO 8601 date or time tells; without a zone it is UTC.

    Raises `RequeueError` when it tells none.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise RequeueError(
            f"“{text}” is no time; write it as 2026-01-31 or 2026-01-31T09:30, in UTC."
        ) from error


def count_rejected(
    connection: Connection, selection: Selection, now: datetime, purge_age: timedelta
) -> dict[str, int]:
    """Counts visible rejected images of all reasons, else as selected, that are not due to go."""
    rows = connection.execute(
        f"""
        select reason_code, count(*)
        from image_catalog.image
        where
            state = 'rejected'
            and {VISIBLE}
            and arrived_at > %(before)s
            and (%(source)s::text is null or source = %(source)s)
            and (%(since)s::timestamptz is null or finished_at >= %(since)s)
        group by reason_code
        order by reason_code
        """,  # noqa: S608 - the condition is the project's own
        _parameters(selection, now, purge_age),
    )
    return dict(rows)  # type: ignore[arg-type]


def requeue(
    connection: Connection, selection: Selection, now: datetime, purge_age: timedelta
) -> int:
    """Lets the selected images wait again, as if nobody had ever taken them; never commits.

    Returns:
        How many they are.
    """
    changed = connection.execute(
        f"""
        update image_catalog.image
        set
            state = 'waiting',
            reason_code = null,
            finished_at = null,
            claimed_by = null,
            lease_until = null,
            claim_count = 0
        where
            state = 'rejected'
            and {VISIBLE}
            and reason_code = %(reason)s
            and arrived_at > %(before)s
            and (%(source)s::text is null or source = %(source)s)
            and (%(since)s::timestamptz is null or finished_at >= %(since)s)
        """,  # noqa: S608 - the condition is the project's own
        _parameters(selection, now, purge_age),
    )
    return changed.rowcount


def _parameters(selection: Selection, now: datetime, purge_age: timedelta) -> dict[str, object]:
    return {
        "reason": selection.reason.value,
        "source": selection.source,
        "since": selection.since,
        "before": cutoff(now, purge_age),
    }
