"""Its contract: the program stores files below `sftp/`; registration finds them there."""

import re

from assets.catalog.identity import image_id
from assets.catalog.records import Arrival
from assets.ingestion.source import HOUR, IngestionJob, IngestionSource, ParsedKey, start_of
from assets.resources.objects import ObjectHead
from assets.settings import Settings

FETCHED_FILES = ("raw_bucket", "fetched_files")

_KEY = re.compile(
    r"sftp/(?P<day>\d{4}-\d{2}-\d{2})/(?P<hour>\d{2})/(?P<server>[a-z]+)/(?P<number>\d+)"
)


def read_key(key: str) -> ParsedKey | None:
    if (found := _KEY.fullmatch(key)) is None:
        return None
    origin = f"{found['server']}/{found['number']}"
    begins_at = start_of(found["day"], found["hour"])
    return ParsedKey(image_id(SOURCE.name, origin), origin, begins_at, HOUR)


def describe(key: ParsedKey, head: ObjectHead, _settings: Settings) -> Arrival | None:
    if (account := head.metadata.get("account")) is None:
        return None
    found = head.version
    return Arrival(
        image_id=key.image_id,
        arrived_at=found.modified_at,
        source=SOURCE.name,
        origin=key.origin,
        object_key=found.key,
        object_version=found.version,
        size_bytes=found.size_bytes,
        uploader=account,
    )


SOURCE = IngestionSource(
    name="sftp",
    read_key=read_key,
    describe=describe,
    hourly_folder="sftp",
    ledger_input=FETCHED_FILES,
    job=IngestionJob(
        name="fetch_files",
        description="Fetch files from the SFTP server.",
        sensor="sftp_files",
        sensor_description="Requests a run when the server has files.",
        find_work=lambda _: (True, "2 files wait on the server"),
        asset=FETCHED_FILES,
    ),
)
