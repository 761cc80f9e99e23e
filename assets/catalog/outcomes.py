"""Outcomes: what came of the images that a run had claimed, a batch at once, by binary COPY.

Like all of the ledger's functions these take an open connection and never commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from assets.catalog.outcome_rows import (
    END,
    FOUND,
    OUTCOME,
    RENDITION,
    outcome_row,
    rendition_rows,
)
from assets.catalog.records import Outcome, Processed
from assets.catalog.visibility import VISIBLE
from assets.resources.warehouse import Connection

_KEEP = "coalesce(outcome.{0}, image.{0})"
# What a door or an earlier outcome has found out stays where this one has found out nothing. An
# image that is processed once more was finished when it first was: its latency is told from that.
_SET = {
    "quarantine_key": _KEEP,
    "sha256": _KEEP,
    "finished_at": "case when outcome.state = image.state then image.{0} else outcome.{0} end",
}


def write(connection: Connection, run_id: str, outcomes: Sequence[Outcome], now: datetime) -> int:
    """Writes outcomes, of visible images that the run still holds only.

    Renditions that were there and are no longer named go to `replaced_object`, to be deleted when
    this is committed.

    Returns:
        How many images were finished; those taken over by another run, and those that expired or
        were withdrawn meanwhile, are not among them.
    """
    if not outcomes:
        return 0
    _copy_aside(connection, "outcome", OUTCOME, (outcome_row(one, now) for one in outcomes))
    held = _finish(connection, run_id)
    finished = [outcome for outcome in outcomes if outcome.claim.image_id in held]
    made = [row for one in finished if isinstance(one, Processed) for row in rendition_rows(one)]
    if _have_renditions(connection, finished):
        _replace_renditions(connection, finished, made)
    else:
        _copy(connection, "image_catalog.rendition", RENDITION, made)
    connection.execute("drop table outcome")
    return len(held)


def _finish(connection: Connection, run_id: str) -> set[UUID]:
    """Finishes the images in the table `outcome` that the run still holds; returns their ids."""
    # The table has no statistics: left to itself the planner compares each of its rows with each
    # that the run holds, or reads all of a day that has just begun.
    connection.execute("set local enable_nestloop to off; set local enable_seqscan to off")
    changes = ", ".join(map(_assignment, [*END, *FOUND]))
    finished = connection.execute(
        f"""
        update image_catalog.image
        set {changes}, claimed_by = null, lease_until = null, claim_count = 0
        from outcome
        where image.image_id = outcome.image_id
          and image.arrived_at = outcome.arrived_at
          and image.state <> 'rejected'
          and image.claimed_by = %(run_id)s
          and {VISIBLE}
        returning image.image_id
        """,  # noqa: S608 - names are this module's own
        {"run_id": run_id},
    )
    return {row[0] for row in finished}  # type: ignore[misc]


def _assignment(column: str) -> str:
    return f"{column} = {_SET.get(column, 'outcome.{0}').format(column)}"


def _have_renditions(connection: Connection, outcomes: Sequence[Outcome]) -> bool:
    """Tells whether any of the images has renditions: hardly ever, so that it is asked first."""
    [(found,)] = connection.execute(
        """
        select exists (
            select from image_catalog.rendition
            where image_id = any(%(ids)s::uuid[]) and arrived_at = any(%(times)s::timestamptz[])
        )
        """,
        _keys(outcomes),
    )
    return bool(found)


def _replace_renditions(
    connection: Connection, outcomes: Sequence[Outcome], made: Sequence[tuple[object, ...]]
) -> None:
    _copy_aside(connection, "made", RENDITION, made)
    connection.execute(
        """
        with gone as (
            delete from image_catalog.rendition
            where image_id = any(%(ids)s::uuid[]) and arrived_at = any(%(times)s::timestamptz[])
            returning object_key, image_id, recipe_hash
        )
        insert into image_catalog.replaced_object (object_key, image_id, recipe_hash)
        select object_key, image_id, recipe_hash from gone
        where not exists (select from made where made.object_key = gone.object_key)
        on conflict (object_key) do nothing
        """,
        _keys(outcomes),
    )
    columns = ", ".join(RENDITION)
    connection.execute(
        f"insert into image_catalog.rendition ({columns}) select {columns} from made"  # noqa: S608 - names are this module's own
    )
    connection.execute("drop table made")


def _keys(outcomes: Sequence[Outcome]) -> dict[str, object]:
    return {
        "ids": [outcome.claim.image_id for outcome in outcomes],
        "times": [outcome.claim.arrived_at for outcome in outcomes],
    }


def _copy_aside(
    connection: Connection, table: str, columns: dict[str, str], rows: Iterable[tuple[object, ...]]
) -> None:
    """Copies rows into a new temporary table."""
    described = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"create temporary table {table} ({described}) on commit drop")
    _copy(connection, table, columns, rows)


def _copy(
    connection: Connection, table: str, columns: dict[str, str], rows: Iterable[tuple[object, ...]]
) -> None:
    """Copies rows into a table; names and types are this module's own."""
    statement = f"copy {table} ({', '.join(columns)}) from stdin (format binary)"
    with connection.cursor().copy(statement) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)
