"""Deletions that the object store refuses, such as those of objects under Object Lock.

They are collected, so that everything else is deleted, and raised at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from assets.errors import DeletionRefusedError
from assets.resources.object_store import ObjectStore

MAX_REFUSALS = 10_000
"""With more refusals the fault is the bucket's or the role's, and the deletion stops."""

PinnedKey = tuple[str, str | None]
"""A key, and the version id that is deleted; None in a bucket without versions."""


@dataclass
class Refusals:
    """The objects that the store refused to delete, with its error codes; threads may share it."""

    _codes: dict[tuple[str, PinnedKey], str] = field(default_factory=dict)

    def delete(
        self, store: ObjectStore, bucket: str, objects: Sequence[PinnedKey]
    ) -> set[PinnedKey]:
        """Deletes objects; returns those that the store keeps.

        Raises `DeletionRefusedError` when it keeps too many, `ServerError` when it does not answer.
        """
        refused = store.delete_unlocked(bucket, objects)
        for one, code in refused.items():
            self._codes[bucket, one] = code
        if len(self._codes) > MAX_REFUSALS:
            self.raise_any(store)
        return set(refused)

    def raise_any(self, store: ObjectStore) -> None:
        """Raises `DeletionRefusedError` when the store has kept any object."""
        if codes := list(self._codes.values()):
            raise DeletionRefusedError(store.address, len(codes), ", ".join(sorted(set(codes))))
