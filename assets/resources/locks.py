"""Advisory locks of PostgreSQL, held until the end of the transaction that takes them."""

from collections.abc import Iterable

from assets.resources.rows import read_value
from assets.resources.warehouse import Connection


def lock(connection: Connection, work: str) -> None:
    """Makes this transaction the only one that does a kind of work; waits for another to end."""
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [work])


def try_lock(connection: Connection, work: str) -> bool:
    """Makes this transaction the only one that does a kind of work; returns whether it could."""
    return bool(read_value(connection, "select pg_try_advisory_xact_lock(hashtext(%s))", [work]))


def lock_images(connection: Connection, ids: Iterable[str]) -> None:
    """Makes this transaction the only one that registers or deletes these images.

    `ids` are UUIDs as text. Transactions lock in the order of the ids, so that none waits for
    another in a circle.
    """
    connection.execute(
        """
        select count(pg_advisory_xact_lock(uuid_hash_extended(image_id, 0)))
        from (select image_id from unnest(%s::uuid[]) as image_id order by image_id) as one
        """,
        ["{" + ",".join(ids) + "}"],
    )
