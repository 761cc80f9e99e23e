"""What is written to the ledger and read from it, as plain data."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from assets.catalog.facts import ImageFacts
from assets.validation.reasons import Reason


@dataclass(frozen=True)
class Arrival:
    """An image that is durable in a bucket and about to be registered.

    With a reason it is rejected on arrival, and its bytes are in quarantine. The digest is known
    where the source has read the bytes.
    """

    image_id: UUID
    arrived_at: datetime
    source: str
    origin: str
    object_key: str
    object_version: str | None
    size_bytes: int
    declared_content_type: str | None = None
    filename: str | None = None
    uploader: str | None = None
    reason: Reason | None = None
    quarantine_key: str | None = None
    sha256: bytes | None = None


@dataclass(frozen=True)
class LeasedImage:
    """An image that a run may work on until its lease ends."""

    image_id: UUID
    arrived_at: datetime
    object_key: str
    object_version: str | None
    size_bytes: int
    claim_count: int
    quarantine_key: str | None = None


@dataclass(frozen=True)
class RenditionRecord:
    """A rendition that is durable in the processed bucket."""

    name: str
    object_key: str
    format: str
    width_px: int
    height_px: int
    size_bytes: int


@dataclass(frozen=True)
class RecipeRecord:
    """What is stored of a recipe: its name and version as people read them, and its hash."""

    title: str
    hash: str


@dataclass(frozen=True)
class StageSeconds:
    """How long the stages of an image took, in their order.

    `wait` is the wait for a worker and the transfer there and back.
    """

    fetch: float
    wait: float
    decode: float = 0.0
    render: float = 0.0
    encode: float = 0.0
    describe: float = 0.0
    store: float = 0.0


@dataclass(frozen=True)
class Processed:
    """The outcome of a claim: renditions are stored, and the image is described."""

    state: ClassVar = "processed"

    leased: LeasedImage
    facts: ImageFacts
    recipe: RecipeRecord
    processor: str
    seconds: StageSeconds
    renditions: tuple[RenditionRecord, ...]


@dataclass(frozen=True)
class Rejected:
    """The outcome of a claim: a reason, and the bytes in quarantine unless there are none."""

    state: ClassVar = "rejected"

    leased: LeasedImage
    reason: Reason
    quarantine_key: str | None


Outcome = Processed | Rejected


@dataclass(frozen=True)
class DayBacklog:
    """The backlog of one UTC day; `claimable` images are waiting ones without a valid lease."""

    day: date
    waiting: int
    claimable: int
