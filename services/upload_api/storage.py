"""S3 for the upload API: one atomic put per image, and signed URLs for callers."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import S3Store

from assets.resources.object_store import DISPOSITION, open_client, open_store
from assets.resources.s3_errors import translated
from assets.settings import UploadSettings
from services.upload_api.models import DirectUpload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RENDITION_LIFE = timedelta(minutes=5)
UPLOAD_LIFE = timedelta(minutes=15)


def origin(settings: UploadSettings) -> str:
    """Returns the origin of the signed URLs that callers get."""
    return settings.aws_endpoint_url or f"https://s3.{settings.aws_default_region}.amazonaws.com"


class AlreadyStoredError(Exception):
    """The key already has an object."""


@dataclass(frozen=True)
class Stored:
    """An object in S3: its version and metadata."""

    version: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Storage:
    """The raw bucket for writing, the processed bucket for signed URLs."""

    settings: UploadSettings
    raw: S3Store
    processed: S3Store

    @staticmethod
    def from_settings(settings: UploadSettings) -> Storage:
        """Returns the storage of the configured endpoint; connects to nothing."""
        raw = open_store(settings.raw_bucket, settings)
        return Storage(settings, raw, open_store(settings.processed_bucket, settings))

    async def put(self, key: str, body: bytearray, attributes: Mapping[str, str]) -> str | None:
        """Stores an image in one request and returns its version, if the bucket keeps versions.

        An object is never overwritten; the attributes are Content-Type and its metadata.

        Raises `AlreadyStoredError` when the key already has an object, and `ServerError` when S3
        has no space left, does not answer in time, or refuses.
        """
        async with self._request():
            try:
                stored = await obstore.put_async(
                    self.raw,
                    key,
                    body,
                    attributes=dict(attributes),
                    mode="create",
                    use_multipart=False,
                )
            except AlreadyExistsError as error:
                raise AlreadyStoredError(key) from error
        return stored["version"]

    async def stored(self, key: str) -> Stored | None:
        """Returns the latest version under a key; None when there is no object."""
        async with self._request():
            try:
                found = await obstore.get_async(self.raw, key, options={"head": True})
            except FileNotFoundError:
                return None
        return Stored(found.meta["version"], found.attributes)

    async def signed_urls(self, keys: Sequence[str]) -> Sequence[str]:
        """Returns URLs with which anybody can read these objects for `RENDITION_LIFE`."""
        if not keys:
            return []
        async with self._request():
            return await obstore.sign_async(self.processed, "GET", keys, RENDITION_LIFE)

    async def upload_url(
        self, key: str, wanted: DirectUpload, metadata: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        """Returns a URL that stores one object within `UPLOAD_LIFE`, and the headers to send.

        Size, digest, type and metadata are signed, and so is the condition that there is no object
        yet: of several requests, also at the same time, one stores a version.
        Sources: Amazon S3 API Reference, “Authenticating requests: using query parameters”; Amazon
        S3 User Guide, “Conditional requests”.
        """
        digest = b64encode(bytes.fromhex(wanted.sha256)).decode()
        url = await asyncio.to_thread(
            self._signer.generate_presigned_url,
            "put_object",
            Params={
                "Bucket": self.settings.raw_bucket,
                "Key": key,
                "IfNoneMatch": "*",
                "ContentLength": wanted.size_bytes,
                "ContentType": wanted.content_type,
                "ContentDisposition": DISPOSITION,
                "ChecksumSHA256": digest,
                "Metadata": dict(metadata),
            },
            ExpiresIn=int(UPLOAD_LIFE.total_seconds()),
        )
        headers = {
            "If-None-Match": "*",
            "Content-Type": wanted.content_type,
            "Content-Disposition": DISPOSITION,
            "x-amz-checksum-sha256": digest,
            **{f"x-amz-meta-{name}": value for name, value in metadata.items()},
        }
        return url, headers

    async def ping(self, seconds: float) -> None:
        """Raises `ServerError` unless S3 answers for the raw bucket in time."""
        async with self._request(seconds):
            await obstore.list_with_delimiter_async(self.raw, "nothing/is/here")

    @cached_property
    def _signer(self) -> S3Client:
        # The endpoint of the region, because a request with a body is not redirected.
        changed = {"aws_endpoint_url": origin(self.settings)}
        return open_client("s3", self.settings.model_copy(update=changed))

    @asynccontextmanager
    async def _request(self, seconds: float | None = None) -> AsyncIterator[None]:
        with translated("S3", self.settings.aws_endpoint_url or "AWS"):
            async with asyncio.timeout(seconds or self.settings.upload_store_seconds):
                yield
