"""Receipts: what was deleted, when and why, each chained to the one before by its digest.

A receipt is written in the transaction that deletes, so none can be missing for what is gone. It
holds counts, times and salted hashes of ids: whoever has an id can ask whether it is among them,
and nobody can read an id out of it.
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

ID_HASH_BYTES = 16
_SALT_BYTES = 16
FIRST = bytes(32)
"""What the first receipt has in place of the digest of the one before."""


class Copy(StrEnum):
    """Kinds of copies, as the retention map has them."""

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
    """Why something was deleted: it had reached its age, or somebody asked for it."""

    EXPIRY = "expiry"
    ERASURE = "erasure"


@dataclass(frozen=True)
class DeletedCopies:
    """What went of one kind of copy: how many, their bytes, when the oldest and newest came."""

    copy: Copy
    items: int
    size_bytes: int
    oldest_at: datetime
    newest_at: datetime

    def __add__(self, other: DeletedCopies) -> DeletedCopies:
        """Adds up what went of the same kind."""
        return DeletedCopies(
            self.copy,
            self.items + other.items,
            self.size_bytes + other.size_bytes,
            min(self.oldest_at, other.oldest_at),
            max(self.newest_at, other.newest_at),
        )


@dataclass
class Tally:
    """Adds up what goes, by kind of copy."""

    by_copy: dict[Copy, DeletedCopies] = field(default_factory=dict)

    def add(self, copy: Copy, at: datetime, size_bytes: int = 0, items: int = 1) -> None:
        """Counts copies that came at a moment; their bytes together."""
        self._add(DeletedCopies(copy, items, size_bytes, at, at))

    def __iadd__(self, other: Tally) -> Tally:
        """Counts what another has counted."""
        for gone in other.by_copy.values():
            self._add(gone)
        return self

    def items(self, *copies: Copy) -> int:
        """Returns how many went, of these kinds; of all when none is named."""
        return sum(
            gone.items for gone in self.by_copy.values() if not copies or gone.copy in copies
        )

    @property
    def gone(self) -> tuple[DeletedCopies, ...]:
        """What went, by kind, in their alphabetical order."""
        return tuple(self.by_copy[copy] for copy in sorted(self.by_copy))

    def _add(self, gone: DeletedCopies) -> None:
        before = self.by_copy.get(gone.copy)
        self.by_copy[gone.copy] = before + gone if before else gone


ProgressCallback = Callable[[Tally], None]
"""Told what goes as it goes, from several threads."""


@dataclass
class HashedIds:
    """Ids of images, of which only salted hashes are kept."""

    salt: bytes = field(default_factory=partial(os.urandom, _SALT_BYTES))
    hashes: list[bytes] = field(default_factory=list)

    def add(self, images: Iterable[UUID]) -> None:
        """Adds images."""
        self.hashes += [hash_id(self.salt, image) for image in images]


@dataclass(frozen=True)
class ReceiptDraft:
    """What a transaction is about to have deleted.

    Attributes:
        began_at: When the purge began.
        expired_until: All that had arrived by then was due; None for an erasure.
        ids: Of the images whose rows go.
        gone: Kinds of copies that went.
    """

    why: DeletionReason
    began_at: datetime
    expired_until: datetime | None
    ids: HashedIds
    gone: tuple[DeletedCopies, ...]


@dataclass(frozen=True)
class Receipt:
    """A receipt as it is kept; `id_hashes` are one behind the other, in order."""

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

    def digest(self) -> bytes:
        """Computes what `hash` must be, of everything else."""
        told = {
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
                    _utc(one.oldest_at),
                    _utc(one.newest_at),
                ]
                for one in self.gone
            ],
            "previous_hash": self.previous_hash.hex(),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).digest()

    def names(self, image: UUID) -> bool:
        """Tells whether the image is among those whose rows went."""
        wanted = hash_id(self.salt, image)
        at = self.id_hashes.find(wanted)
        while at > 0 and at % ID_HASH_BYTES:
            at = self.id_hashes.find(wanted, at + 1)
        return at >= 0


def hash_id(salt: bytes, image: UUID) -> bytes:
    """Returns the hash by which a receipt of that salt knows an image."""
    return hashlib.sha256(salt + image.bytes).digest()[:ID_HASH_BYTES]


def next_receipt(
    draft: ReceiptDraft, number: int, previous_hash: bytes, ended_at: datetime
) -> Receipt:
    """Returns the receipt of a draft, behind the one whose digest is given."""
    receipt = Receipt(
        number=number,
        why=draft.why,
        began_at=draft.began_at,
        ended_at=ended_at,
        expired_until=draft.expired_until,
        images=len(draft.ids.hashes),
        salt=draft.ids.salt,
        id_hashes=b"".join(sorted(draft.ids.hashes)),
        gone=tuple(sorted(draft.gone, key=lambda one: one.copy)),
        previous_hash=previous_hash,
        hash=b"",
    )
    return replace(receipt, hash=receipt.digest())


def verify(receipts: Iterable[Receipt]) -> list[str]:
    """Returns what is wrong with a chain of receipts, a sentence each; none if it is intact.

    A last receipt that is missing leaves no trace in the chain itself: compare the sum of images
    with what the ledger counts as purged.
    """
    wrong = []
    number, previous = 0, FIRST
    for receipt in receipts:
        if receipt.number != number + 1:
            wrong.append(f"Receipt {number + 1} is missing: {receipt.number} comes after {number}.")
        elif receipt.previous_hash != previous:
            wrong.append(f"Receipt {receipt.number} does not follow the one before it.")
        if receipt.hash != receipt.digest():
            wrong.append(f"Receipt {receipt.number} was changed after it was written.")
        number, previous = receipt.number, receipt.hash
    return wrong


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
