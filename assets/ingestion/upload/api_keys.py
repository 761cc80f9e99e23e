"""Keys of the upload API: generated once, stored as digests, revoked for good.

A key is `dr_<key id>_<secret>`. Its id is public; of the secret only the digest is stored. Secrets
are long and random, so a plain digest is enough.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from assets.resources.warehouse import Connection, read_rows

UPLOADER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""The names that an uploader may have."""

_KEY = re.compile(r"dr_(?P<key_id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class ApiKey:
    """A key as its holder knows it."""

    key_id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The key as one word; shown once and stored nowhere."""
        return f"dr_{self.key_id}_{self.secret}"

    @property
    def sha256(self) -> bytes:
        """Digest of the secret; this is what the warehouse stores."""
        return hashlib.sha256(self.secret.encode()).digest()


@dataclass(frozen=True)
class KeyRecord:
    """A key as the warehouse stores it."""

    key_id: str
    uploader: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class Caller:
    """The caller of a request, identified by a key that is not revoked."""

    key_id: str
    uploader: str


def new_key() -> ApiKey:
    """Generates a key."""
    return ApiKey(secrets.token_hex(6), secrets.token_urlsafe(32))


def read_key(text: str) -> ApiKey | None:
    """Parses a key; None if the text does not have the format of one."""
    found = _KEY.fullmatch(text)
    return ApiKey(found["key_id"], found["secret"]) if found else None


def issue(connection: Connection, uploader: str) -> ApiKey:
    """Generates and stores a key for an uploader; it is valid from then on."""
    key = new_key()
    connection.execute(
        "insert into image_catalog.api_key (key_id, key_sha256, uploader) values (%s, %s, %s)",
        [key.key_id, key.sha256, uploader],
    )
    return key


def revoke(connection: Connection, key_id: str) -> None:
    """Revokes a key, unless it was revoked before."""
    connection.execute(
        "update image_catalog.api_key set revoked_at = coalesce(revoked_at, clock_timestamp())"
        " where key_id = %s",
        [key_id],
    )


def records(connection: Connection) -> list[KeyRecord]:
    """Returns all keys, revoked ones included, ordered by uploader and age."""
    query = """
        select key_id, uploader, created_at, revoked_at
        from image_catalog.api_key
        order by uploader, created_at
    """
    return read_rows(connection, KeyRecord, query)


def callers(connection: Connection) -> Mapping[bytes, Caller]:
    """Returns all callers by the digest of their secret."""
    query = (
        "select key_sha256, key_id, uploader from image_catalog.api_key where revoked_at is null"
    )
    return {sha256: Caller(*caller) for sha256, *caller in connection.execute(query)}
