"""What the platform and a worker process tell each other, through a socket.

Nothing is ever unpickled. To a worker go frames: their length, then their bytes. The first is an
assignment as JSON, each further one an image. A worker answers each with a header as JSON, of a
limited length, and after it the bytes of the renditions that the header lists. The platform
validates every answer, because a hostile image may have taken the worker over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, ValidationError

from assets.catalog.facts import ImageFacts, Seconds
from assets.processing.contract import (
    BrokenContractError,
    ProcessedImage,
    ProcessorFailure,
    Rendition,
    validate_result,
)
from assets.processing.recipe import Recipe
from assets.processing.sandbox import Layer
from assets.validation.reasons import Reason

LENGTH_BYTES: Final = 8
"""The length of what follows, as an unsigned number, most significant byte first."""

MAX_MESSAGE_CHARACTERS: Final = 4000

_MAX_HEADER_BYTES = 256 * 1024
_MAX_BODIES_BYTES = 512 * 1024**2


class ViolationError(Exception):
    """A worker sent what no worker sends: it is not itself any more."""


@dataclass(frozen=True)
class Limits:
    """Limits of a worker process: address space, and CPU and elapsed time of one image."""

    memory_bytes: int = 2 * 1024**3
    cpu_seconds: int = 20
    wall_seconds: float = 30.0


class _Message(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, ser_json_bytes="base64", val_json_bytes="base64"
    )


class Assignment(_Message):
    """What a worker does with each image that follows."""

    processor: str
    recipe: Recipe
    limits: Limits


class Ready(_Message):
    """The worker has passed the self-test; `layers` are those that isolate it."""

    kind: Literal["ready"] = "ready"
    layers: tuple[Layer, ...]


class Broken(_Message):
    """The processor cannot even process the self-test image; the message says why."""

    kind: Literal["broken"] = "broken"
    message: Annotated[str, StringConstraints(max_length=MAX_MESSAGE_CHARACTERS)]


class _Rejected(_Message):
    kind: Literal["rejected"] = "rejected"
    reason: Reason


class _Failed(_Message):
    kind: Literal["failed"] = "failed"
    description: Annotated[str, StringConstraints(max_length=200, pattern=r"^[\w.,<> ]+$")]


class _RenditionHeader(_Message):
    name: str
    format: str
    width_px: int
    height_px: int
    size_bytes: Annotated[int, Field(ge=1)]


class _Processed(_Message):
    kind: Literal["processed"] = "processed"
    facts: ImageFacts
    renditions: tuple[_RenditionHeader, ...]
    processor: str
    seconds: Seconds


_Header = Ready | Broken | _Rejected | _Failed | _Processed


class _AnyHeader(RootModel[_Header]):
    root: _Header = Field(discriminator="kind")


Result = ProcessedImage | Reason | ProcessorFailure
Answer = Ready | Broken | Result


def encode(answer: Answer) -> list[memoryview]:
    """Returns an answer as the pieces that a worker sends, one after the other.

    Raises `ValueError` when it cannot be written as JSON, such as text with half a character.
    """
    header, bodies = _header_of(answer)
    encoded = header.model_dump_json().encode()
    pieces = [len(encoded).to_bytes(LENGTH_BYTES), encoded, *bodies]
    return [memoryview(piece) for piece in pieces]


def _header_of(answer: Answer) -> tuple[_Header, list[bytes]]:
    match answer:
        case ProcessedImage(facts, renditions, processor, seconds):
            headers = tuple(
                _RenditionHeader(
                    name=one.name,
                    format=one.format,
                    width_px=one.width_px,
                    height_px=one.height_px,
                    size_bytes=memoryview(one.body).nbytes,
                )
                for one in renditions
            )
            header = _Processed(
                facts=facts, renditions=headers, processor=processor, seconds=seconds
            )
            return header, [one.body for one in renditions]
        case Reason():
            return _Rejected(reason=answer), []
        case ProcessorFailure(description):
            return _Failed(description=description), []
    return answer, []


def read_answer(read: Callable[[int], bytes], recipe: Recipe) -> Answer:
    """Reads one answer; `read` returns as many bytes as it is asked for.

    Raises `ViolationError` when it is not one, or a result that the recipe does not allow.
    """
    size = int.from_bytes(read(LENGTH_BYTES))
    if size > _MAX_HEADER_BYTES:
        raise ViolationError(f"a header of {size} bytes")
    try:
        header = _AnyHeader.model_validate_json(read(size)).root
    except ValidationError as error:
        raise ViolationError("an invalid header") from error
    match header:
        case _Rejected(reason=reason):
            return reason
        case _Failed(description=description):
            return ProcessorFailure(description)
        case _Processed():
            return _read_processed(header, read, recipe)
    return header


def _read_processed(
    header: _Processed, read: Callable[[int], bytes], recipe: Recipe
) -> ProcessedImage:
    if sum(one.size_bytes for one in header.renditions) > _MAX_BODIES_BYTES:
        raise ViolationError("too many bytes")
    renditions = tuple(
        Rendition(one.name, read(one.size_bytes), one.format, one.width_px, one.height_px)
        for one in header.renditions
    )
    result = ProcessedImage(header.facts, renditions, header.processor, header.seconds)
    try:
        return validate_result(result, recipe)
    except BrokenContractError as error:
        raise ViolationError("an invalid result") from error
