"""Receipts: what was deleted, when and why. Each receipt holds the digest of the previous one.

A receipt is written in the transaction that deletes the rows, so no deletion is without one. It
holds counts, times and salted hashes of image ids: somebody who has an id can find it in a receipt,
and nobody can recover an id from a receipt. From format version 2 on it is signed. Everything here
is pure; `receipt_store` writes and reads receipts.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from uuid import UUID

from assets.retention.signing import PublicKeys, Signer, is_signed, key_id

ID_HASH_BYTES = 16
_SALT_BYTES = 16
_CHAINED, _SIGNED = 1, 2
_SIGNED_TEXT = b"darkroom receipt\n"
GENESIS_HASH = bytes(32)
"""What the first receipt holds in place of the previous digest."""


class Copy(StrEnum):
    """Kinds of copies of an image. Receipts hold the values, which therefore never change."""

    LEDGER_ROW = "ledger_row"
    RENDITION_ROW = "rendition_row"
    RAW_OBJECT = "raw_object"
    PROCESSED_OBJECT = "processed_object"
    QUARANTINED_OBJECT = "quarantined_object"
    ORPHAN_OBJECT = "stray_object"
    DELETE_MARKER = "delete_marker"
    UNFINISHED_UPLOAD = "unfinished_upload"
    LOG_OBJECT = "log_object"
    RUN_RECORD = "run_record"


class DeletionReason(StrEnum):
    """Why something was deleted: it reached the purge age, or somebody requested its erasure.

    Receipts hold the values, which therefore never change.
    """

    EXPIRY = "expiry"
    ERASURE = "erasure"


@dataclass(frozen=True)
class DeletedCopies:
    """Deleted copies of one kind: number, bytes, and when the oldest and newest arrived (UTC)."""

    copy: Copy
    items: int
    size_bytes: int
    oldest_at: datetime
    newest_at: datetime

    def __add__(self, other: DeletedCopies) -> DeletedCopies:
        """Adds deleted copies of the same kind."""
        return DeletedCopies(
            self.copy,
            self.items + other.items,
            self.size_bytes + other.size_bytes,
            min(self.oldest_at, other.oldest_at),
            max(self.newest_at, other.newest_at),
        )


@dataclass
class Tally:
    """Counts deleted copies by kind."""

    by_copy: dict[Copy, DeletedCopies] = field(default_factory=dict)

    def add(self, copy: Copy, at: datetime, size_bytes: int = 0, items: int = 1) -> None:
        """Counts copies that arrived at one time; `size_bytes` is their sum."""
        self._add(DeletedCopies(copy, items, size_bytes, at, at))

    def __iadd__(self, other: Tally) -> Tally:
        """Adds the counts of another tally."""
        for gone in other.by_copy.values():
            self._add(gone)
        return self

    def items(self, *copies: Copy) -> int:
        """Returns the number of deleted copies of these kinds; of all kinds if none is given."""
        return sum(one.items for one in self.gone if not copies or one.copy in copies)

    @property
    def gone(self) -> tuple[DeletedCopies, ...]:
        """The deleted copies, in alphabetical order of their kinds."""
        return tuple(self.by_copy[copy] for copy in sorted(self.by_copy))

    def _add(self, gone: DeletedCopies) -> None:
        before = self.by_copy.get(gone.copy)
        self.by_copy[gone.copy] = before + gone if before else gone


ProgressCallback = Callable[[Tally], None]
"""Called with the copies that a batch has deleted, from several threads."""


@dataclass
class HashedIds:
    """Salted hashes of image ids; the ids themselves are not kept."""

    salt: bytes = field(default_factory=partial(os.urandom, _SALT_BYTES))
    hashes: list[bytes] = field(default_factory=list)

    def add(self, images: Iterable[UUID]) -> None:
        """Adds the hashes of images."""
        self.hashes += [hash_id(self.salt, image) for image in images]

    def joined(self) -> bytes:
        """Returns the hashes as a receipt holds them; their order does not show that of the ids."""
        return b"".join(sorted(self.hashes))


@dataclass(frozen=True)
class Receipt:
    """A receipt as it is stored.

    The names of the fields are the keys of the archived JSON, and therefore never change.

    Attributes:
        number: Its place in the chain, from 1.
        expired_until: The cutoff: whatever arrived at or before it was due; None for an erasure.
        images: Number of images whose rows were deleted; `id_hashes` are the hashes of their ids.
        gone: Deleted copies by kind, in alphabetical order.
        version: The format version; 1 has none of the fields behind it.
        requested_by: The role that requested an erasure, if it is known.
        key_id: The public key that verifies the signature of the digest.
    """

    number: int
    why: DeletionReason
    began_at: datetime
    ended_at: datetime
    expired_until: datetime | None
    images: int
    salt: bytes
    id_hashes: bytes
    gone: tuple[DeletedCopies, ...]
    previous_hash: bytes
    hash: bytes
    version: int = _CHAINED
    requested_by: str | None = None
    key_id: str | None = None
    signature: bytes | None = None

    def signed(self, signer: Signer) -> Receipt:
        """Returns the receipt in the newest format version with its digest and its signature."""
        named = replace(self, version=_SIGNED, key_id=key_id(signer.public_key))
        digest = named.digest()
        return replace(named, hash=digest, signature=signer.sign(_SIGNED_TEXT + digest))

    def digest(self) -> bytes:
        """Computes the SHA-256 digest of all fields except `hash` and `signature`."""
        content: dict[str, object] = {
            "number": self.number,
            "why": self.why.value,
            "began_at": _utc(self.began_at),
            "ended_at": _utc(self.ended_at),
            "expired_until": _utc(self.expired_until) if self.expired_until else None,
            "images": self.images,
            "salt": self.salt.hex(),
            "id_hashes": hashlib.sha256(self.id_hashes).hexdigest(),
            "gone": [
                [
                    one.copy.value,
                    one.items,
                    one.size_bytes,
                    *map(_utc, (one.oldest_at, one.newest_at)),
                ]
                for one in self.gone
            ],
            "previous_hash": self.previous_hash.hex(),
        }
        if self.version != _CHAINED:
            content |= {
                "version": self.version,
                "requested_by": self.requested_by,
                "key_id": self.key_id,
            }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()

    def separate_hashes(self) -> frozenset[bytes]:
        """Returns the hashes of the ids one by one."""
        starts = range(0, len(self.id_hashes), ID_HASH_BYTES)
        return frozenset(self.id_hashes[start : start + ID_HASH_BYTES] for start in starts)

    def names(self, image: UUID) -> bool:
        """Returns whether an image is among those whose rows were deleted."""
        wanted = hash_id(self.salt, image)
        at = self.id_hashes.find(wanted)
        while at > 0 and at % ID_HASH_BYTES:
            at = self.id_hashes.find(wanted, at + 1)
        return at >= 0


def hash_id(salt: bytes, image: UUID) -> bytes:
    """Returns the hash of an image id in a receipt with that salt."""
    return hashlib.sha256(salt + image.bytes).digest()[:ID_HASH_BYTES]


def verify(receipts: Iterable[Receipt], keys: PublicKeys) -> list[str]:
    """Returns the problems of a chain of receipts, one sentence each; empty if it is intact.

    Receipts of format version 1 have no signature, and none may follow a signed one. A missing last
    receipt leaves no trace in the chain itself: compare it with the archive.
    """
    problems = []
    number, previous, is_signing = 0, GENESIS_HASH, False
    for receipt in receipts:
        if receipt.number != number + 1:
            after = f"{receipt.number} comes after {number}"
            problems.append(f"Receipt {number + 1} is missing: {after}.")
        elif receipt.previous_hash != previous:
            problems.append(f"Receipt {receipt.number} does not follow the one before it.")
        if receipt.hash != receipt.digest():
            problems.append(f"Receipt {receipt.number} was changed after it was written.")
        is_signing |= receipt.version != _CHAINED
        if is_signing and (problem := _signature_problem(receipt, keys)):
            problems.append(f"Receipt {receipt.number} {problem}.")
        number, previous = receipt.number, receipt.hash
    return problems


def _signature_problem(receipt: Receipt, keys: PublicKeys) -> str | None:
    """Returns what is wrong with a receipt that has to be signed."""
    if receipt.version == _CHAINED or receipt.key_id is None or receipt.signature is None:
        return "is not signed, although receipts were signed by then"
    if receipt.key_id not in keys:
        return "is signed with a key that the archive does not publish"
    if not is_signed(keys, receipt.key_id, _SIGNED_TEXT + receipt.hash, receipt.signature):
        return "has a signature that its key did not make"
    return None


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
