"""The bucket source: one image per object version that anybody puts into the raw bucket.

Every object is a drop unless its key has another source's format and that source recognizes it.
"""

from assets.catalog.identity import image_id
from assets.catalog.records import Arrival
from assets.ingestion.bucket import listing
from assets.ingestion.source import IngestionJob, IngestionSource
from assets.platform import Platform
from assets.resources.object_store import QueueMissingError
from assets.resources.objects import ObjectVersion
from assets.timing import utc_now

DROPPED_IMAGES = ("raw_bucket", "dropped_images")


def object_origin(found: ObjectVersion) -> str:
    """Returns bucket/key with the version id, or the entity tag in a bucket without versions."""
    return f"{found.bucket}/{found.key}?{found.version or found.etag}"


def find_work(platform: Platform) -> tuple[bool, str]:
    """Returns whether notifications wait or the next slice of the listing is due, and a reason."""
    settings = platform.settings
    with platform.warehouse.connect() as connection:
        stored = listing.read_sweep(connection, settings.raw_bucket)
    is_due = stored.is_due(utc_now(), settings.sweep_interval)
    try:
        waiting = platform.object_store.notifications_waiting()
        announced = f"{waiting or 'No'} notifications wait"
    except QueueMissingError:
        waiting, announced = 0, "There is no queue of notifications"
    listed = "is due" if is_due else f"last advanced at {stored.listed_at:%H:%M} UTC"
    return bool(waiting or is_due), f"{announced}; the listing {listed}."


def describe_drop(found: ObjectVersion) -> Arrival:
    """Returns the arrival that an object version is as a drop."""
    origin = object_origin(found)
    return Arrival(
        image_id=image_id(SOURCE.name, origin),
        arrived_at=found.modified_at,
        source=SOURCE.name,
        origin=origin,
        object_key=found.key,
        object_version=found.version,
        size_bytes=found.size_bytes,
    )


SOURCE = IngestionSource(
    name="bucket",
    hourly_folder="drop",
    ledger_input=DROPPED_IMAGES,
    job=IngestionJob(
        name="register_objects",
        description="Register objects of the raw bucket in the ledger.",
        sensor="raw_bucket",
        sensor_description="Requests a run when notifications wait or the listing is due.",
        find_work=find_work,
    ),
)
