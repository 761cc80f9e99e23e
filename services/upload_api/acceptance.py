"""An image taken in: stored first, then known to the ledger, and once however often it is sent."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from assets.catalog.records import Arrival
from assets.errors import ServerError
from assets.ingestion.upload import lookup
from assets.ingestion.upload.lookup import Upload
from assets.ingestion.upload.source import upload_id, upload_key, upload_origin
from assets.resources.warehouse import Connection
from services.upload_api.database import Database
from services.upload_api.names import encoded
from services.upload_api.problems import GONE, KEY_REUSED, UNAVAILABLE, ProblemError
from services.upload_api.registrar import Registrar
from services.upload_api.storage import AlreadyStoredError, Storage

_LOG = logging.getLogger(__name__)
_DEFAULT_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Received:
    """An image whose bytes have all come, and what its sender says of it."""

    body: bytearray
    sha256: bytes
    filename: str | None
    content_type: str | None


class Outcome(Enum):
    """What became of an image that was sent."""

    REGISTERED = "registered"
    REPEATED = "repeated"
    STORED = "stored"
    """The ledger could not be asked: it learns of the object from the bucket."""


@dataclass(frozen=True)
class Accepted:
    """An image that is durable."""

    upload: Upload
    outcome: Outcome


class Acceptance:
    """The way of an image from its sender to the raw bucket and the ledger."""

    def __init__(self, storage: Storage, database: Database, registrar: Registrar) -> None:
        self._storage = storage
        self._database = database
        self._registrar = registrar
        self._locks_by_image: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def accept(
        self, received: Received, uploader: str, idempotency_key: str | None, now: datetime
    ) -> Accepted:
        """Makes an image durable, and known if the ledger answers.

        Raises:
            ProblemError: The idempotency key stands for another image, or for one that is gone.
            ServerUnavailableError: S3 does not take it; nothing of it counts.
        """
        if idempotency_key is None:
            return await self._store(uuid4(), received, uploader, now)
        image = upload_id(uploader, idempotency_key)
        async with self._locks_by_image.setdefault(image, asyncio.Lock()):
            known = await self._known(image)
            if known is None:
                return await self._store(image, received, uploader, now)
            await self._check_same(known, received.sha256)
            return Accepted(known, Outcome.REPEATED)

    async def _known(self, image: UUID) -> Upload | None:
        try:
            return await self._database.run(partial(_look_up, image))
        except ServerError:
            return None  # S3 refuses a second object of the same hour, and the ledger a second row

    async def _store(
        self, image: UUID, received: Received, uploader: str, now: datetime
    ) -> Accepted:
        key = upload_key(image, now)
        with self._registrar.expect_upload():
            try:
                attributes = _attributes(received, uploader)
                version = await self._storage.put(key, received.body, attributes)
            except AlreadyStoredError:
                version = await self._stored_before(key, received.sha256)
        arrival = Arrival(
            image_id=image,
            arrived_at=now,
            source="upload",
            origin=upload_origin(image),
            object_key=key,
            object_version=version,
            size_bytes=len(received.body),
            declared_content_type=received.content_type,
            filename=received.filename,
            uploader=uploader,
            sha256=received.sha256,
        )
        try:
            upload = await self._registrar.register(arrival)
        except ServerError as error:
            _LOG.warning("An upload is stored and not registered yet: %s", error)
            return Accepted(lookup.as_registered(arrival), Outcome.STORED)
        if upload is None:  # retention deletes what was stored
            raise _gone()
        await self._check_same(upload, received.sha256)
        return Accepted(upload, Outcome.REGISTERED)

    async def _stored_before(self, key: str, sha256: bytes) -> str | None:
        """Returns the version of what an earlier attempt stored, if it was the same image."""
        stored = await self._storage.stored(key)
        if stored is None:
            raise ProblemError(UNAVAILABLE, "It was deleted while it was sent again; try again.")
        if stored.sha256 != sha256:
            raise _key_reused()
        return stored.version

    async def _check_same(self, known: Upload, sha256: bytes) -> None:
        """Raises `ProblemError` when an image that is known has other bytes than this one."""
        digest = known.sha256
        if digest is None:  # whoever registered it had not seen its bytes
            stored = await self._storage.stored(known.object_key, known.object_version)
            digest = stored.sha256 if stored else None
        if digest is not None and digest != sha256:
            raise _key_reused()


def _look_up(image: UUID, connection: Connection) -> Upload | None:
    found = lookup.find(connection, [image]).get(image)
    if found is None and lookup.is_gone(connection, image):
        raise _gone()
    return found


def _attributes(received: Received, uploader: str) -> dict[str, str]:
    """Returns what is kept beside the bytes: enough to register them without this program."""
    attributes = {
        "Content-Type": received.content_type or _DEFAULT_TYPE,
        "uploader": uploader,
        "sha256": received.sha256.hex(),
    }
    if received.filename:
        attributes["filename"] = encoded(received.filename)
    return attributes


def _key_reused() -> ProblemError:
    return ProblemError(
        KEY_REUSED,
        "Another image was sent under this Idempotency-Key; take a new key for each image.",
    )


def _gone() -> ProblemError:
    return ProblemError(
        GONE,
        "The image that was sent under this Idempotency-Key was deleted, and stays so; "
        "take a new key to send an image.",
    )
