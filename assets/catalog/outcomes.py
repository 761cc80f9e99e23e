"""Outcomes of the images that a run has claimed, written a batch at a time by binary COPY.

Like all functions of the ledger these take an open connection and never commit.
"""

from collections.abc import Sequence
from datetime import datetime

from psycopg import sql
from pydantic import SecretStr

from assets.catalog import erased
from assets.catalog.erased import Content
from assets.catalog.outcome_rows import OUTCOME, RENDITION, RESULT, stored_renditions
from assets.catalog.records import Outcome
from assets.catalog.visibility import VISIBLE
from assets.resources.columns import copy_rows, create_temporary
from assets.resources.warehouse import Connection, read_rows, read_value, read_values

_NEW = sql.Identifier("outcome")
_RENDITION = sql.Identifier("image_catalog", "rendition")
_KEEP = sql.SQL("{column} = coalesce(outcome.{column}, image.{column})")
_SET = sql.SQL("{column} = outcome.{column}")
# An image that is processed again keeps the time when it was first: its latency is that of then.
_FINISH = sql.SQL(
    """
    update image_catalog.image
    set
        {changes},
        finished_at = case
            when outcome.state = image.state then image.finished_at else %(now)s
        end,
        claimed_by = null,
        lease_until = null,
        claim_count = 0
    from outcome
    where image.image_id = outcome.image_id
      and image.arrived_at = outcome.arrived_at
      and image.state <> 'rejected'
      and image.claimed_by = %(run_id)s
      and {visible}
    returning image.image_id
    """
).format(
    changes=sql.SQL(", ").join(
        (_KEEP if column.keeps else _SET).format(column=column.identifier) for column in RESULT
    ),
    visible=VISIBLE,
)
_CONTENTS = """
    select
        image.image_id, image.source, image.origin, image.uploader,
        coalesce(outcome.sha256, image.sha256) as sha256
    from outcome
    inner join image_catalog.image using (image_id, arrived_at)
    where image.state = 'waiting' and image.claimed_by = %(run_id)s
"""
_WITHDRAW = """
    update image_catalog.image
    set withdrawn_at = %(now)s, claimed_by = null, lease_until = null
    from outcome
    where image.image_id = outcome.image_id
      and image.arrived_at = outcome.arrived_at
      and image.image_id = any(%(ids)s)
"""
_HAVE_RENDITIONS = """
    select exists (
        select from image_catalog.rendition
        where image_id = any(%(ids)s::uuid[]) and arrived_at = any(%(times)s::timestamptz[])
    )
"""
_DELETE_RENDITIONS = """
    with gone as (
        delete from image_catalog.rendition
        where image_id = any(%(ids)s::uuid[]) and arrived_at = any(%(times)s::timestamptz[])
        returning object_key, image_id, recipe_hash
    )
    insert into image_catalog.replaced_object (object_key, image_id, recipe_hash)
    select object_key, image_id, recipe_hash from gone
    where not object_key = any(%(kept)s)
    on conflict (object_key) do nothing
"""


def write(
    connection: Connection,
    run_id: str,
    outcomes: Sequence[Outcome],
    now: datetime,
    erasure_key: SecretStr | None,
) -> int:
    """Writes the outcomes of visible images that the run still leases; returns how many they are.

    A waiting image whose content turns out to be erased is withdrawn. Earlier renditions that are
    not among the new ones go to `replaced_object`; their objects are deleted after the commit.

    Raises `ErasureKeyError` when there is erased content and no key.
    """
    if not outcomes:
        return 0
    create_temporary(connection, _NEW, OUTCOME)
    copy_rows(connection, _NEW, OUTCOME, outcomes)
    # The table has no statistics: left to itself the planner compares each of its rows with each
    # that the run leases, or reads all of a day that has just begun.
    connection.execute("set local enable_nestloop to off; set local enable_seqscan to off")
    if erased.exist(connection):
        contents = read_rows(connection, Content, _CONTENTS, {"run_id": run_id})
        repeated = erased.find_repeated(connection, contents, erasure_key)
        erased.block(connection, repeated, now)
        connection.execute(_WITHDRAW, {"ids": list(repeated), "now": now})
    finished = set(read_values(connection, _FINISH, {"run_id": run_id, "now": now}))
    connection.execute("drop table outcome")
    _write_renditions(connection, [one for one in outcomes if one.leased.image_id in finished])
    return len(finished)


def _write_renditions(connection: Connection, outcomes: Sequence[Outcome]) -> None:
    keys = {
        "ids": [outcome.leased.image_id for outcome in outcomes],
        "times": [outcome.leased.arrived_at for outcome in outcomes],
    }
    renditions = list(stored_renditions(outcomes))
    if read_value(connection, _HAVE_RENDITIONS, keys):  # rarely, hence asked first
        kept = [one.rendition.object_key for one in renditions]
        connection.execute(_DELETE_RENDITIONS, {**keys, "kept": kept})
    copy_rows(connection, _RENDITION, RENDITION, renditions)
