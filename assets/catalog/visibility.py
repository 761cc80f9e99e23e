"""Which images readers and runs see: those that are neither expired nor withdrawn.

A purge moves the horizon and an erasure marks rows as withdrawn before either deletes anything.
Queries with this condition return an image with everything that belongs to it, or nothing of it.
"""

from psycopg import sql

VISIBLE = sql.SQL(
    "image.withdrawn_at is null"
    " and image.arrived_at > (select expired_until from image_catalog.horizon)"
)
"""Condition on a row of `image_catalog.image`, under the name `image`."""
