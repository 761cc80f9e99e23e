"""Which images an erasure is about, and how a person says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from assets.catalog.requeue import SOURCES
from assets.errors import DarkroomError


class ErasureSelectionError(DarkroomError):
    """What should be erased or looked for is not described in a way that can be meant."""


@dataclass(frozen=True)
class ErasureSelection:
    """Images by their ids, those of a source, of an uploader, or what all of that describes.

    Raises:
        ErasureSelectionError: Nothing is named; that would be all images.
    """

    images: tuple[UUID, ...] = ()
    source: str | None = None
    uploader: str | None = None

    def __post_init__(self) -> None:
        """Refuses a choice of everything."""
        if not self.images and self.source is None and self.uploader is None:
            raise ErasureSelectionError(
                "Say which images to erase: their ids, a source, an uploader, or both."
            )

    @property
    def are_named(self) -> bool:
        """Whether they are named one by one and by nothing else: it matters not who knows them."""
        return self.source is None and self.uploader is None

    @property
    def parameters(self) -> dict[str, object]:
        """Values of a condition on the ledger's rows."""
        return {"images": list(self.images), "source": self.source, "uploader": self.uploader}


def image_named(text: str, place: int | None = None) -> UUID:
    """Returns the image of that id.

    Args:
        text: The id, as the ledger or the upload API tells it.
        place: Its place among several. The error tells that and not the text, because errors of
            runs are kept, and identifiers of images are not to be.

    Raises:
        ErasureSelectionError: It is none.
    """
    try:
        return UUID(text)
    except ValueError as error:
        what = "This" if place is None else f"Number {place} of the ids"
        raise ErasureSelectionError(
            f"{what} is no image's id; write it as the ledger and the upload API tell it, such as "
            "6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d."
        ) from error


def choose(images: Sequence[str], source: str | None, uploader: str | None) -> ErasureSelection:
    """Returns the choice of images by id, of a source, of an uploader, or of those together.

    Raises:
        ErasureSelectionError: Nothing is named, or something that does not exist.
    """
    if source and source not in SOURCES:
        raise ErasureSelectionError(
            f"There is no source of that name; choose one of {', '.join(SOURCES)}."
        )
    ids = tuple(image_named(text, place) for place, text in enumerate(images, 1))
    return ErasureSelection(ids, source or None, uploader or None)
