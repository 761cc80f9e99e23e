"""Short ways to hide images as a purge and an erasure do before they delete anything."""

from datetime import datetime

from tests.integration.conftest import Platform


def expire(platform: Platform, until: datetime) -> None:
    """Raises the horizon: what arrived until then is expired."""
    with platform.warehouse.connect() as connection:
        connection.execute("update image_catalog.horizon set expired_until = %s", [until])


def withdraw(platform: Platform, origin: str = "%") -> None:
    """Withdraws images by their origins, a pattern of LIKE; their rows and objects stay."""
    with platform.warehouse.connect() as connection:
        connection.execute(
            """
            with withdrawn as (
                update image_catalog.image
                set withdrawn_at = now(), claimed_by = null, lease_until = null
                where origin like %s and withdrawn_at is null
                returning image_id
            )
            insert into image_catalog.erased_image (image_id)
            select image_id from withdrawn
            """,
            [origin],
        )


def erase(platform: Platform, origin: str = "%") -> None:
    """Withdraws images and deletes their rows and objects, the raw ones with all versions."""
    withdraw(platform, origin)
    for bucket in platform.settings.image_buckets:
        for page in platform.object_store.pages_of_versions(bucket):
            keys = [(found.key, found.version) for found in page.versions]
            platform.object_store.delete(bucket, keys)
    with platform.warehouse.connect() as connection:
        connection.execute("delete from image_catalog.image where withdrawn_at is not null")
