"""Erased content: bytes that were erased stay erased when their sender's message or object returns.

An erased image blocks its id. In a recreated topic or a restored bucket the same bytes have another
id, so they are recognised by way, sender and digest together. Of those only a keyed hash is kept:
without the key nobody can find out from the database whether a file was erased. After a restore
the receipts name images that were erased since the dump, by hashes of their ids.

Like all functions of the ledger these take an open connection and never commit.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg import sql
from pydantic import SecretStr

from assets.catalog.identity import place_of
from assets.errors import DarkroomError
from assets.resources.warehouse import Connection, read_rows, read_value, read_values

_CONTEXT = "darkroom erasure 1"
_EXIST = """
    select
        exists (select from image_catalog.erased_content)
        or exists (select from image_catalog.restored_erasure)
        or exists (select from image_catalog.image where withdrawn_at is not null)
"""
_CONTENT = sql.SQL("select image_id, source, origin, uploader, sha256 from image_catalog.image")
_OF_IMAGES = sql.SQL("{} where image_id = any(%s)").format(_CONTENT)
_WITHDRAWN = sql.SQL("{} where withdrawn_at is not null and sha256 = any(%s)").format(_CONTENT)
_RESTORED = """
    select image_id
    from unnest(%s::uuid[]) as image_id
    cross join (select distinct id_salt from image_catalog.restored_erasure) as receipt
    inner join image_catalog.restored_erasure as restored
        on restored.id_salt = receipt.id_salt
        and restored.id_hash = substring(sha256(receipt.id_salt || uuid_send(image_id)) for 16)
"""
_ERASED = "select content_hash from image_catalog.erased_content where content_hash = any(%s)"


class ErasureKeyError(DarkroomError):
    """There is no key with which erased content is recognised."""


@dataclass(frozen=True)
class Content:
    """An image by its bytes and the way they came.

    The same bytes from another source, topic, bucket or uploader are other content. `sha256` is
    None until somebody has read them.
    """

    image_id: UUID
    source: str
    origin: str
    uploader: str | None
    sha256: bytes | None

    def hash(self, key: SecretStr | None) -> bytes:
        """Returns the keyed hash (HMAC-SHA256). Raises `ErasureKeyError` without a key."""
        if key is None:
            raise ErasureKeyError(
                "ERASURE_KEY is not set, so erased images cannot be recognised when they are sent "
                "again; give all programs that register, process or erase images the same key."
            )
        digest = self.sha256.hex() if self.sha256 else ""
        way = (self.source, place_of(self.origin), digest, self.uploader or "")
        text = "\n".join((_CONTEXT, *way)).encode()
        return hmac.digest(key.get_secret_value().encode(), text, hashlib.sha256)


def exist(connection: Connection) -> bool:
    """Returns whether any content is erased or about to be."""
    return bool(read_value(connection, _EXIST))


def read_contents(connection: Connection, images: list[UUID]) -> list[Content]:
    """Returns the contents of images in the ledger."""
    return read_rows(connection, Content, _OF_IMAGES, [images])


def find_repeated(
    connection: Connection, contents: Iterable[Content], key: SecretStr | None
) -> set[UUID]:
    """Returns the ids of images whose content is erased, or which a restore did not bring back.

    Withdrawn images are read first: one that is deleted in between is found among the hashes.

    Raises `ErasureKeyError` without a key.
    """
    contents = list(contents)
    restored = read_values(connection, _RESTORED, [[one.image_id for one in contents]])
    known = [one for one in contents if one.sha256 is not None]
    hashes = {one.image_id: one.hash(key) for one in known}
    withdrawn = read_rows(connection, Content, _WITHDRAWN, [[one.sha256 for one in known]])
    erased = {one.hash(key) for one in withdrawn}
    erased.update(read_values(connection, _ERASED, [list(hashes.values())]))
    return {*restored, *(one for one, content_hash in hashes.items() if content_hash in erased)}


def block(connection: Connection, images: Iterable[UUID], now: datetime) -> None:
    """Blocks the ids of images from being registered, also as somebody's drop."""
    connection.cursor().executemany(
        """
        insert into image_catalog.erased_image (image_id, erased_at)
        values (%s, %s)
        on conflict (image_id) do nothing
        """,
        [(image, now) for image in sorted(images)],
    )


def record(
    connection: Connection, contents: Iterable[Content], erased_at: datetime, key: SecretStr | None
) -> None:
    """Records the content of erased images, until retention deletes it.

    Raises `ErasureKeyError` without a key.
    """
    hashes = sorted({one.hash(key) for one in contents if one.sha256 is not None})
    connection.cursor().executemany(
        """
        insert into image_catalog.erased_content (content_hash, erased_at)
        values (%s, %s)
        on conflict (content_hash) do nothing
        """,
        [(content_hash, erased_at) for content_hash in hashes],
    )
