"""Objects in S3, unfinished uploads, and notifications about objects in SQS.

The bytes of images go through obstore, which costs a quarter of boto3's client CPU per object;
listings, queues and batch deletes go through boto3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload
from uuid import uuid4

import boto3
import obstore
from botocore.config import Config
from botocore.exceptions import ClientError
from obstore.exceptions import BaseError as ObstoreError
from obstore.store import S3Store

from assets.errors import ItemRefusedError, ServerRefusedError
from assets.resources.objects import (
    ListingPage,
    Notification,
    ObjectHead,
    listed_version,
    read_events,
    read_head,
)
from assets.resources.s3_errors import SERVER_ERROR, code, status, translated
from assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        CopySourceTypeDef,
        DeleteTypeDef,
        GetObjectRequestTypeDef,
        HeadObjectRequestTypeDef,
        ListMultipartUploadsRequestTypeDef,
        ListObjectVersionsRequestTypeDef,
        ObjectIdentifierTypeDef,
    )
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef

_DELETE_BATCH = 1000
_RECEIVE_BATCH = 10
# A HEAD has no body that says more: 404 for what is not there, 405 for a delete marker.
_MISSING = {"404", "NoSuchKey", "NoSuchVersion", "405", "MethodNotAllowed"}


DISPOSITION = "attachment"
"""Content-Disposition of every object: a browser that opens its URL saves it and shows nothing."""


class ObjectMissingError(Exception):
    """The object or the version is not in the bucket."""


class QueueMissingError(ServerRefusedError):
    """The queue of notifications does not exist; the listing finds what it would announce."""


class ObjectUnreadableError(ItemRefusedError):
    """The store refuses one object, such as an archived one, and serves others of its bucket."""


@dataclass(frozen=True)
class ObjectStore:
    """The object store and its notification queue; clients are opened when first used."""

    settings: Settings

    @cached_property
    def s3(self) -> S3Client:
        """boto3's S3 client."""
        return open_client("s3", self.settings)

    @cached_property
    def sqs(self) -> SQSClient:
        """boto3's SQS client."""
        return open_client("sqs", self.settings)

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str | None:
        """Stores an object and returns its version id, if the bucket keeps versions.

        S3 keeps the metadata with it, by lower-case names. A browser that opens it saves it.
        """
        named = dict(metadata or {})
        with self.translated():
            if not _is_plain(key):
                answer = self.s3.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    ContentDisposition=DISPOSITION,
                    Metadata=named,
                )
                return answer.get("VersionId")
            attributes = {
                "Content-Type": content_type,
                "Content-Disposition": DISPOSITION,
                **named,
            }
            stored = obstore.put(self._bucket(bucket), key, body, attributes=attributes)
        return stored["version"]

    def get(self, bucket: str, key: str, version: str | None = None) -> bytes:
        """Returns an object's bytes.

        Raises `ObjectMissingError` when that key or version is not there, and
        `ObjectUnreadableError` when the store refuses this object.
        """
        request: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        options: Any = {"version": version} if version else None
        if version:
            request["VersionId"] = version
        with self._reading(bucket):
            if _is_plain(key):
                with suppress(ObstoreError):  # it does not say what S3 answered; boto3 does
                    return bytes(obstore.get(self._bucket(bucket), key, options=options).bytes())
            return self.s3.get_object(**request)["Body"].read()

    def head(self, bucket: str, key: str, version: str | None = None) -> ObjectHead:
        """Returns an object's metadata without its bytes.

        Raises `ObjectMissingError` when that key or version is not there, or is a delete marker,
        and `ObjectUnreadableError` when the store refuses this object.
        """
        request: HeadObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        if version:
            request["VersionId"] = version
        with self._reading(bucket):
            return read_head(bucket, key, self.s3.head_object(**request))

    def copy(self, source: tuple[str, str, str | None], target: tuple[str, str]) -> None:
        """Copies an object (bucket, key, version id) to a bucket and key, whatever its size.

        Raises `ObjectMissingError` and `ObjectUnreadableError` as `get` does.
        """
        bucket, key, version = source
        origin: CopySourceTypeDef = {"Bucket": bucket, "Key": key}
        if version is not None:
            origin["VersionId"] = version
        with self._reading(bucket):
            self.s3.copy(origin, *target)

    def page_of_versions(
        self,
        bucket: str,
        after_key: str | None,
        after_version: str | None,
        limit: int = 1000,
        prefix: str = "",
    ) -> ListingPage:
        """Lists up to `limit` versions of a bucket after the given key and version.

        With a prefix, only keys that begin with it are listed.
        """
        request: ListObjectVersionsRequestTypeDef
        request = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": limit}
        if after_key is not None:
            request["KeyMarker"] = after_key
            if after_version is not None:
                request["VersionIdMarker"] = after_version
        with self.translated():
            page = self.s3.list_object_versions(**request)
        found = page.get("DeleteMarkers", [])
        markers = tuple(listed_version(bucket, item) for item in found)
        deleted = {item["Key"] for item in found if item["IsLatest"]}
        versions = tuple(
            listed_version(bucket, item, is_deleted=item["Key"] in deleted)
            for item in page.get("Versions", [])
        )
        if not page["IsTruncated"]:
            return ListingPage(versions, markers, None, None)
        following = page.get("NextKeyMarker"), page.get("NextVersionIdMarker")
        return ListingPage(versions, markers, *following)

    def pages_of_versions(self, bucket: str, prefix: str = "") -> Iterator[ListingPage]:
        """Lists a whole bucket, or the keys that begin with a prefix, page by page."""
        page = self.page_of_versions(bucket, None, None, prefix=prefix)
        yield page
        while page.next_key is not None:
            page = self.page_of_versions(bucket, page.next_key, page.next_version, prefix=prefix)
            yield page

    def delete(self, bucket: str, objects: Sequence[tuple[str, str | None]]) -> None:
        """Deletes objects by key and version id; those that do not exist count as deleted.

        Raises `ServerRefusedError` when the store refuses any of them.
        """
        if refused := self.delete_unlocked(bucket, objects):
            reason = f"{len(refused)} deletions: {', '.join(sorted(set(refused.values())))}"
            raise ServerRefusedError("S3", self.address, reason)

    def delete_unlocked(
        self, bucket: str, objects: Sequence[tuple[str, str | None]]
    ) -> dict[tuple[str, str | None], str]:
        """Deletes objects as `delete` does; returns the error code of each that the store keeps."""
        refused: dict[tuple[str, str | None], str] = {}
        for start in range(0, len(objects), _DELETE_BATCH):
            batch: list[ObjectIdentifierTypeDef] = [
                {"Key": key} if version is None else {"Key": key, "VersionId": version}
                for key, version in objects[start : start + _DELETE_BATCH]
            ]
            request: DeleteTypeDef = {"Objects": batch, "Quiet": True}
            with self.translated():
                answer = self.s3.delete_objects(Bucket=bucket, Delete=request)
            for error in answer.get("Errors", []):
                refused[error["Key"], error.get("VersionId") or None] = error.get("Code", "?")
        return refused

    def server_time(self) -> datetime:
        """Returns the time of the store's clock, to the second."""
        with self.translated():
            answer = self.s3.head_bucket(Bucket=self.settings.raw_bucket)
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return parsedate_to_datetime(date).astimezone(UTC)

    def notifications_waiting(self) -> int:
        """Returns the approximate number of notifications in the queue.

        Raises `QueueMissingError` when there is no queue.
        """
        with self._asking_queue():
            attributes = self.sqs.get_queue_attributes(
                QueueUrl=self._queue_url, AttributeNames=["ApproximateNumberOfMessages"]
            )
        return int(attributes["Attributes"]["ApproximateNumberOfMessages"])

    def missing_announcements(self) -> list[str]:
        """Returns what keeps new objects of the raw bucket from being announced in the queue."""
        bucket, missing = self.settings.raw_bucket, []
        try:
            with self._asking_queue():
                attributes = self.sqs.get_queue_attributes(
                    QueueUrl=self._queue_url, AttributeNames=["QueueArn"]
                )
            queues = [attributes["Attributes"]["QueueArn"]]
        except QueueMissingError:
            queues = []
            missing.append(f"Queue {self.settings.raw_events_queue} does not exist")
        with self.translated():
            found = self.s3.get_bucket_notification_configuration(Bucket=bucket)
            versioning = self.s3.get_bucket_versioning(Bucket=bucket).get("Status")
        announced_to = {one["QueueArn"] for one in found.get("QueueConfigurations", [])}
        if not announced_to.issuperset(queues):
            missing.append(f"Bucket {bucket} does not send notifications to its queue")
        if versioning != "Enabled":
            missing.append(f"Bucket {bucket} does not keep versions")
        return missing

    def receive(self, wait_seconds: int = 0) -> list[Notification]:
        """Receives up to ten notifications; unacknowledged ones come back after a while.

        Raises `QueueMissingError` when there is no queue.
        """
        with self._asking_queue():
            answer = self.sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=_RECEIVE_BATCH,
                WaitTimeSeconds=wait_seconds,
            )
        return [
            Notification(message["ReceiptHandle"], read_events(message["Body"]))
            for message in answer.get("Messages", [])
        ]

    def acknowledge(self, notifications: Sequence[Notification]) -> None:
        """Removes notifications from the queue; their objects must be in the ledger by now."""
        for start in range(0, len(notifications), _RECEIVE_BATCH):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": notification.receipt_handle}
                for number, notification in enumerate(notifications[start : start + _RECEIVE_BATCH])
            ]
            with self._asking_queue():
                self.sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

    @cached_property
    def _queue_url(self) -> str:
        return self.sqs.get_queue_url(QueueName=self.settings.raw_events_queue)["QueueUrl"]

    @cached_property
    def _stores(self) -> dict[str, S3Store]:
        return {}

    def _bucket(self, bucket: str) -> S3Store:
        if bucket not in self._stores:
            self._stores[bucket] = open_store(bucket, self.settings)
        return self._stores[bucket]

    def translated(self) -> AbstractContextManager[None]:
        """Raises the errors of clients inside the block as `ServerError`."""
        return translated("S3", self.address)

    @contextmanager
    def _reading(self, bucket: str) -> Iterator[None]:
        """Raises the errors of a request for an object as what they say about that object."""
        with self.translated():
            try:
                yield
            except FileNotFoundError as error:
                raise ObjectMissingError(bucket) from error
            except ClientError as error:
                if code(error) in _MISSING:
                    raise ObjectMissingError(bucket) from error
                if status(error) < SERVER_ERROR and self._serves(bucket):
                    raise ObjectUnreadableError("S3", self.address, code(error)) from error
                raise

    @contextmanager
    def _asking_queue(self) -> Iterator[None]:
        with self.translated():
            try:
                yield
            except self.sqs.exceptions.QueueDoesNotExist as error:
                reason = f"no queue {self.settings.raw_events_queue}"
                raise QueueMissingError("SQS", self.address, reason) from error

    def _serves(self, bucket: str) -> bool:
        """Whether this role may read objects of a bucket: it is told that there is no such key."""
        try:
            self.s3.get_object(Bucket=bucket, Key=f"absent-{uuid4()}")
        except ClientError as error:
            return code(error) == "NoSuchKey"
        return True

    @property
    def address(self) -> str:
        """The endpoint, for messages."""
        return self.settings.aws_endpoint_url or "AWS"


@overload
def open_client(service: Literal["s3"], settings: Settings) -> S3Client: ...
@overload
def open_client(service: Literal["sqs"], settings: Settings) -> SQSClient: ...
@overload
def open_client(service: Literal["kms"], settings: Settings) -> KMSClient: ...
def open_client(
    service: Literal["s3", "sqs", "kms"], settings: Settings
) -> S3Client | SQSClient | KMSClient:
    """Returns boto3's client of a service for the configured endpoint and credentials."""
    secret = settings.aws_secret_access_key
    return boto3.client(
        service,
        region_name=settings.aws_default_region,
        endpoint_url=settings.aws_endpoint_url,
        aws_access_key_id=settings.aws_access_key_id,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
        verify=settings.aws_ca_bundle,
        config=Config(
            signature_version="s3v4" if service == "s3" else "v4",
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=32,
        ),
    )


def _is_plain(key: str) -> bool:
    """Whether obstore uses a key as it is; it treats keys as paths and normalizes them."""
    parts = key.split("/")
    return key.isprintable() and not any(part in {"", ".", ".."} for part in parts)


def open_store(bucket: str, settings: Settings) -> S3Store:
    """Returns obstore's client of a bucket for the configured endpoint and credentials."""
    secret, endpoint = settings.aws_secret_access_key, settings.aws_endpoint_url
    client: Any = {"allow_http": (endpoint or "").startswith("http://"), "timeout": "30s"}
    if settings.aws_ca_bundle:
        client["root_certificate"] = Path(settings.aws_ca_bundle).read_bytes()
    access: Any = {"endpoint": endpoint} if endpoint else {}
    if settings.aws_access_key_id and secret:
        access["access_key_id"] = settings.aws_access_key_id
        access["secret_access_key"] = secret.get_secret_value()
    return S3Store(
        bucket,
        region=settings.aws_default_region,
        client_options=client,
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=15)},
        **access,
    )


@dataclass(frozen=True)
class UnfinishedUpload:
    """One unfinished upload: its bucket, key and id, and when it was started (UTC)."""

    bucket: str
    key: str
    upload_id: str
    began_at: datetime


def pages_of_uploads(
    object_store: ObjectStore, bucket: str, limit: int = 1000
) -> Iterator[tuple[UnfinishedUpload, ...]]:
    """Lists a bucket's unfinished uploads, up to `limit` at a time.

    Raises `ServerError` when the store does not answer or refuses.
    """
    request: ListMultipartUploadsRequestTypeDef = {"Bucket": bucket, "MaxUploads": limit}
    while True:
        with object_store.translated():
            page = object_store.s3.list_multipart_uploads(**request)
        yield tuple(
            UnfinishedUpload(
                bucket, item["Key"], item["UploadId"], item["Initiated"].astimezone(UTC)
            )
            for item in page.get("Uploads", [])
        )
        if not page["IsTruncated"]:
            return
        request["KeyMarker"] = page["NextKeyMarker"]
        request["UploadIdMarker"] = page["NextUploadIdMarker"]


def uploads_begun_before(
    object_store: ObjectStore, bucket: str, moment: datetime
) -> Iterator[UnfinishedUpload]:
    """Yields a bucket's unfinished uploads that were started at or before a time."""
    for page in pages_of_uploads(object_store, bucket):
        yield from (upload for upload in page if upload.began_at <= moment)


def abort_upload(object_store: ObjectStore, upload: UnfinishedUpload) -> None:
    """Aborts an upload and deletes its parts; one that no longer exists is left alone.

    Raises `ServerError` when the store does not answer or refuses.
    """
    with object_store.translated(), suppress(object_store.s3.exceptions.NoSuchUpload):
        object_store.s3.abort_multipart_upload(
            Bucket=upload.bucket, Key=upload.key, UploadId=upload.upload_id
        )
