"""The archive of receipts: a bucket that the administrators of the database cannot write to.

An object is written once: Object Lock keeps every version, and the first version of a key counts,
whatever is stored or hidden behind it later. The archive also publishes the public keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ConfigDict, TypeAdapter

from assets.resources.object_store import ObjectStore
from assets.retention import signing
from assets.retention.receipts import Receipt
from assets.retention.signing import KEY_ID_LENGTH, PublicKeys, SigningKeyError
from assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import PutObjectRequestTypeDef

_RECEIPT_KEY = re.compile(r"(?P<number>[0-9]{12})\.json")
_PUBLIC_KEY = re.compile(rf"keys/(?P<key_id>[0-9a-f]{{{KEY_ID_LENGTH}}})\.pem")
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}
_NOT_LOCKED = {"ObjectLockConfigurationNotFoundError", "NotImplemented", "MethodNotAllowed"}
_THREADS = 8
# Of lists, because pydantic gives a bare dataclass no configuration.
_LISTS = TypeAdapter(
    list[Receipt], config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
)


@dataclass(frozen=True)
class Listing:
    """What the archive holds.

    Attributes:
        receipts: The first version of each receipt, by number.
        public_keys: The first version of each public key, by its id.
        unknown: Keys of objects that are neither.
        changed: Keys that were stored again, or hidden by a delete marker.
    """

    receipts: dict[int, str | None] = field(default_factory=dict)
    public_keys: dict[str, str | None] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class ReceiptArchive:
    """The receipts bucket. Methods raise `ServerError` when the store does not answer."""

    store: ObjectStore
    bucket: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Returns the archive that the settings describe; connects to nothing."""
        own_key = {
            "aws_access_key_id": settings.receipts_access_key_id,
            "aws_secret_access_key": settings.receipts_secret_access_key,
        }
        if settings.receipts_access_key_id:
            settings = settings.model_copy(update=own_key)
        return cls(ObjectStore(settings), settings.receipts_bucket)

    def read_listing(self, after: int = 0) -> Listing:
        """Lists the receipts after a number, and everything whose key sorts behind it."""
        listing, first_versions = Listing(), dict[str, str | None]()
        key, version = (_key(after) if after else None), None
        while True:
            page = self.store.page_of_versions(self.bucket, key, version)
            for one in page.versions:  # those of one key newest first; one may be listed twice
                if first_versions.get(one.key, one.version) != one.version:
                    listing.changed.add(one.key)
                first_versions[one.key] = one.version
            listing.changed.update(one.key for one in page.delete_markers)
            if page.next_key is None:
                break
            key, version = page.next_key, page.next_version
        for name, first in first_versions.items():
            if found := _RECEIPT_KEY.fullmatch(name):
                listing.receipts[int(found["number"])] = first
            elif found := _PUBLIC_KEY.fullmatch(name):
                listing.public_keys[found["key_id"]] = first
            else:
                listing.unknown.add(name)
        return listing

    def store_receipt(self, receipt: Receipt) -> None:
        """Stores a receipt, unless there is one with that number."""
        self._put_once(_key(receipt.number), to_json(receipt), "application/json")

    def publish(self, key: Ed25519PublicKey) -> None:
        """Publishes a public key, unless it is published."""
        name = f"keys/{signing.key_id(key)}.pem"
        self._put_once(name, signing.to_pem(key), "application/x-pem-file")

    def public_keys(self, listing: Listing) -> PublicKeys:
        """Returns the published keys; what is not a key with the id of its name is left out."""
        found = {}
        for name, version in listing.public_keys.items():
            text = self.store.get(self.bucket, f"keys/{name}.pem", version)
            try:
                key = signing.from_pem(text)
            except SigningKeyError:
                continue
            if signing.key_id(key) == name:
                found[name] = key
        return found

    def read(
        self, listing: Listing, numbers: Iterable[int]
    ) -> Iterator[tuple[int, Receipt | None]]:
        """Reads receipts as they were first written; None for an object that is no receipt."""

        def read_one(number: int) -> tuple[int, Receipt | None]:
            body = self.store.get(self.bucket, _key(number), listing.receipts[number])
            try:
                return number, from_json(body)
            except ValueError:
                return number, None

        with ThreadPoolExecutor(_THREADS) as threads:
            yield from threads.map(read_one, numbers)

    def lock_age(self) -> timedelta | None:
        """Returns how long the store keeps a new object from being deleted; None if it does not."""
        with self.store.translated():
            try:
                answer = self.store.s3.get_object_lock_configuration(Bucket=self.bucket)
            except ClientError as error:
                if error.response["Error"].get("Code") in _NOT_LOCKED:
                    return None
                raise
        rule = answer["ObjectLockConfiguration"].get("Rule", {}).get("DefaultRetention", {})
        if rule.get("Mode") != "COMPLIANCE":
            return None
        return timedelta(days=rule.get("Days", 0) + 365 * rule.get("Years", 0))

    def _put_once(self, key: str, body: bytes, content_type: str) -> None:
        request: PutObjectRequestTypeDef = {
            "Bucket": self.bucket,
            "Key": key,
            "Body": body,
            "ContentType": content_type,
            "ChecksumAlgorithm": "SHA256",  # Object Lock requires a checksum
            "IfNoneMatch": "*",
        }
        with self.store.translated():
            try:
                self.store.s3.put_object(**request)
            except ClientError as error:
                if error.response["Error"].get("Code") not in _EXISTS:
                    raise


def to_json(receipt: Receipt) -> bytes:
    """Returns a receipt as the archive keeps it: a JSON list of one."""
    return _LISTS.dump_json([receipt], exclude_defaults=True)


def from_json(body: bytes) -> Receipt:
    """Returns an archived receipt. Raises `ValueError` when it is none."""
    [receipt] = _LISTS.validate_json(body)
    return receipt


def _key(number: int) -> str:
    return f"{number:012}.json"  # keys sort as numbers do
