"""Keys of the upload API: made once, kept as digests, revoked for ever.

A key is `dr_<key id>_<secret>`. People speak of it by its id; only the digest of its secret is
kept. Secrets are random and long, so that a plain digest is enough.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from assets.resources.warehouse import Connection

UPLOADER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
"""Names that an uploader may have."""

_KEY = re.compile(r"dr_(?P<key_id>[0-9a-f]{12})_(?P<secret>[A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class ApiKey:
    """A key as its holder has it."""

    key_id: str
    secret: str = field(repr=False)

    @property
    def text(self) -> str:
        """The key as one word, shown once and kept nowhere."""
        return f"dr_{self.key_id}_{self.secret}"

    @property
    def sha256(self) -> bytes:
        """Digest of the secret: what the warehouse keeps."""
        return hashlib.sha256(self.secret.encode()).digest()


@dataclass(frozen=True)
class KeyRecord:
    """A key as the warehouse knows it."""

    key_id: str
    uploader: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class Caller:
    """Who calls, by a key that is not revoked."""

    key_id: str
    uploader: str


def new_key() -> ApiKey:
    """Makes a key that nobody has had before."""
    return ApiKey(secrets.token_hex(6), secrets.token_urlsafe(32))


def read_key(text: str) -> ApiKey | None:
    """Returns the key that a text is; None when it has not the form of one."""
    found = _KEY.fullmatch(text)
    return ApiKey(found["key_id"], found["secret"]) if found else None


def insert(connection: Connection, key: ApiKey, uploader: str) -> None:
    """Makes a key valid for an uploader."""
    connection.execute(
        "insert into image_catalog.api_key (key_id, key_sha256, uploader) values (%s, %s, %s)",
        [key.key_id, key.sha256, uploader],
    )


def revoke(connection: Connection, key_id: str) -> bool:
    """Makes a key invalid; tells whether there is one of that id, which may have been so before."""
    revoked = connection.execute(
        """
        update image_catalog.api_key
        set revoked_at = coalesce(revoked_at, clock_timestamp())
        where key_id = %s
        """,
        [key_id],
    )
    return revoked.rowcount == 1


def records(connection: Connection) -> list[KeyRecord]:
    """Returns all keys, revoked ones included, by uploader and age."""
    rows = connection.execute(
        """
        select key_id, uploader, created_at, revoked_at
        from image_catalog.api_key
        order by uploader, created_at
        """
    )
    return [KeyRecord(*row) for row in rows]  # type: ignore[arg-type]


def callers(connection: Connection) -> Mapping[bytes, Caller]:
    """Returns who may call, by the digest of the secret."""
    rows = connection.execute(
        "select key_sha256, key_id, uploader from image_catalog.api_key where revoked_at is null"
    )
    return {digest: Caller(key_id, uploader) for digest, key_id, uploader in rows}  # type: ignore[misc, arg-type]


def find_caller(connection: Connection, sha256: bytes) -> Caller | None:
    """Returns who may call with the secret of that digest, or None."""
    row = connection.execute(
        """
        select key_id, uploader
        from image_catalog.api_key
        where key_sha256 = %s and revoked_at is null
        """,
        [sha256],
    ).fetchone()
    return Caller(*row) if row else None  # type: ignore[arg-type]
