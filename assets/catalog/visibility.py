"""Which images may be seen and worked on: neither expired nor withdrawn.

A purge raises the horizon, and an erasure marks rows as withdrawn, before it deletes anything. Who
reads by this condition sees an image with all that belongs to it, or nothing of it.
"""

VISIBLE = """
    image.withdrawn_at is null
    and image.arrived_at > (select expired_until from image_catalog.horizon)
"""
"""Condition on a row of `image_catalog.image`, under that name."""
