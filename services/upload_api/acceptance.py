"""Accepting an image: stored first, then registered, and only once however often it is sent."""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import partial
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

import psycopg
from pydantic import SecretStr

from assets.catalog import ledger
from assets.catalog.records import Arrival
from assets.errors import ItemRefusedError, ServerError
from assets.ingestion.upload import lookup
from assets.ingestion.upload.lookup import Upload
from assets.ingestion.upload.signature import Statement, read_statement
from assets.ingestion.upload.source import upload_id, upload_key, upload_origin
from assets.resources.object_store import DISPOSITION
from assets.resources.warehouse import Connection
from assets.validation.signatures import SIGNATURE_BYTES, format_of
from services.upload_api.database import Database
from services.upload_api.filenames import encoded
from services.upload_api.problems import (
    GONE,
    KEY_REUSED,
    NOT_COMPARABLE,
    UNAVAILABLE,
    ProblemError,
)
from services.upload_api.storage import AlreadyStoredError, Storage

_LOG = logging.getLogger(__name__)
_DEFAULT_TYPE = "application/octet-stream"
_MAX_BATCH_SIZE = 100
_GATHER_SECONDS = 0.01
_LEDGER_ERRORS = (ServerError, ItemRefusedError, psycopg.Error)

_Waiting = tuple[Arrival, "asyncio.Future[Upload | None]"]


@dataclass(frozen=True)
class Received:
    """An image that arrived completely, and what its sender declared."""

    body: bytearray
    sha256: bytes
    filename: str | None
    content_type: str | None


class Outcome(Enum):
    """What happened to an image that was sent."""

    REGISTERED = "registered"
    REPEATED = "repeated"
    STORED = "stored"
    """The ledger did not answer: the object will be registered from the bucket."""


@dataclass(frozen=True)
class Accepted:
    """An image that is stored durably."""

    upload: Upload
    outcome: Outcome


class Registrar:
    """Writes uploads to the ledger.

    While one transaction commits, further uploads gather for the next one. A batch waits a moment
    if more uploads are expected, because a transaction costs more than its rows.
    """

    def __init__(self, database: Database, erasure_key: SecretStr) -> None:
        self._database = database
        self._erasure_key = erasure_key
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._expected = 0

    @contextmanager
    def expect_upload(self) -> Iterator[None]:
        """Announces, while the block runs, that an upload is about to be registered."""
        self._expected += 1
        try:
            yield
        finally:
            self._expected -= 1

    async def register(self, arrival: Arrival) -> Upload | None:
        """Registers an upload and returns it as the ledger has it, also if it was known before.

        Returns None when an image of this id has expired, or this one is erased: it is not
        registered again.

        Raises `ServerError` when the ledger does not answer.
        """
        written: asyncio.Future[Upload | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrival, written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await written

    async def _write(self) -> None:
        while self._waiting:
            if self._expected:
                await asyncio.sleep(_GATHER_SECONDS)
            batch = self._waiting[:_MAX_BATCH_SIZE]
            del self._waiting[:_MAX_BATCH_SIZE]
            arrivals = [arrival for arrival, _ in batch]
            task = self._database.run(partial(_register, arrivals, self._erasure_key))
            [known] = await asyncio.gather(task, return_exceptions=True)
            for arrival, written in batch:
                if written.done():
                    continue  # its request was cancelled
                if isinstance(known, BaseException):
                    written.set_exception(known)
                else:
                    written.set_result(known.get(arrival.image_id))


def _register(
    arrivals: list[Arrival], erasure_key: SecretStr, connection: Connection
) -> Mapping[UUID, Upload]:
    """Returns the uploads that are registered and visible afterwards."""
    now = arrivals[0].arrived_at  # when rejected arrivals finished; these are not rejected
    # An upload that is not registered here is found in the bucket, and its id is blocked then.
    if ledger.register(connection, arrivals, now, erasure_key, may_block=False) < len(arrivals):
        return lookup.find(connection, [arrival.image_id for arrival in arrivals])
    return {arrival.image_id: lookup.as_registered(arrival) for arrival in arrivals}


class Acceptance:
    """Stores images in the raw bucket and registers them."""

    def __init__(
        self, storage: Storage, database: Database, registrar: Registrar, signing_key: SecretStr
    ) -> None:
        self._signing_key = signing_key
        self._storage = storage
        self._database = database
        self._registrar = registrar
        self._locks_by_image: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def accept(
        self, received: Received, uploader: str, idempotency_key: str | None, now: datetime
    ) -> Accepted:
        """Stores an image, and registers it if the ledger answers.

        Raises:
            ProblemError: The idempotency key belongs to another image, or the image was deleted.
            ServerUnavailableError: S3 does not answer; nothing was stored.
        """
        if idempotency_key is None:
            return await self._store(uuid4(), received, uploader, now)
        image = upload_id(uploader, idempotency_key)
        async with self._locks_by_image.setdefault(image, asyncio.Lock()):
            known = await self._find(image)
            if known is None:
                return await self._store(image, received, uploader, now)
            _check_same(known, received.sha256)
            return Accepted(known, Outcome.REPEATED)

    async def _find(self, image: UUID) -> Upload | None:
        try:
            return await self._database.run(partial(_look_up, image))
        except _LEDGER_ERRORS as error:
            _report("An upload could not be looked up", error)
            return None  # S3 refuses a second object in the same hour, the ledger a second row

    async def _store(
        self, image: UUID, received: Received, uploader: str, now: datetime
    ) -> Accepted:
        key = upload_key(image, now)
        said = Statement(key, uploader, received.sha256)
        with self._registrar.expect_upload():
            try:
                attributes = _attributes(received) | said.signed(self._signing_key)
                version = await self._storage.put(key, received.body, attributes)
            except AlreadyStoredError:
                version = await self._version_of_repeat(said)
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
        except _LEDGER_ERRORS as error:
            _report("An upload is stored and not registered yet", error)
            return Accepted(lookup.as_registered(arrival), Outcome.STORED)
        if upload is None:  # the purge deletes the object that was just stored
            raise _gone()
        _check_same(upload, received.sha256)
        return Accepted(upload, Outcome.REGISTERED)

    async def _version_of_repeat(self, said: Statement) -> str | None:
        """Returns the version that an earlier attempt stored.

        Raises `ProblemError` when it was another image, was stored by somebody else, or is deleted
        by now.
        """
        stored = await self._storage.stored(said.object_key)
        if stored is None:
            raise ProblemError(
                UNAVAILABLE, "The image was deleted while you sent it again; try again."
            )
        found = read_statement(said.object_key, stored.metadata, self._signing_key)
        if found is None or found.uploader != said.uploader:
            raise ProblemError(
                NOT_COMPARABLE,
                "Something else is stored where this image belongs, and this image was not stored; "
                "send it again with a new Idempotency-Key.",
            )
        if found.sha256 != said.sha256:
            raise _key_reused()
        return stored.version


def _report(what: str, error: Exception) -> None:
    """Writes a warning; of a bug of our own the traceback too."""
    _LOG.warning("%s: %s", what, error, exc_info=isinstance(error, psycopg.Error))


def _check_same(known: Upload, sha256: bytes) -> None:
    """Raises `ProblemError` unless a registered image has the bytes that were received."""
    if known.sha256 is None:
        raise ProblemError(
            NOT_COMPARABLE,
            "The image that was sent with this Idempotency-Key cannot be compared with this one, "
            "which was not stored; send it again with a new key.",
        )
    if known.sha256 != sha256:
        raise _key_reused()


def _look_up(image: UUID, connection: Connection) -> Upload | None:
    is_known = ledger.find_known(connection, [image])  # first: what is registered later is visible
    found = lookup.find(connection, [image]).get(image)
    if found is None and is_known:  # expired or erased
        raise _gone()
    return found


def _attributes(received: Received) -> dict[str, str]:
    """Returns an object's headers and metadata, with which it can be registered from the bucket."""
    found = format_of(bytes(received.body[:SIGNATURE_BYTES]))
    texts = {"filename": received.filename, "declared-type": received.content_type}
    return {
        "Content-Type": f"image/{found.lower()}" if found else _DEFAULT_TYPE,
        "Content-Disposition": DISPOSITION,
        **{name: encoded(text) for name, text in texts.items() if text},
    }


def _key_reused() -> ProblemError:
    return ProblemError(
        KEY_REUSED,
        "Another image was sent with this Idempotency-Key; use a new key for each image.",
    )


def _gone() -> ProblemError:
    return ProblemError(
        GONE,
        "This image was deleted and cannot be sent again within a week of that, whatever its "
        "Idempotency-Key; use a new key to send another image.",
    )
