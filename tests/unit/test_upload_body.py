"""Bodies read chunk by chunk: exact limits, and a refusal as early as possible."""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from assets.validation.headers import (
    ALLOWED_FORMATS,
    HEADER_BYTES,
    MAX_IMAGE_BYTES,
)
from assets.validation.signatures import SIGNATURE_BYTES
from services.upload_api.body import (
    BodyTimeouts,
    BodyValidator,
    MemoryBudget,
    Reserve,
    check_format,
    read_body,
)
from services.upload_api.problems import ProblemError
from tests.unit.bare_headers import png
from tests.unit.other_formats import OTHERS
from tests.unit.pictures import encoded, noise

JPEG = encoded(noise(), "JPEG")


def unlimited(_size_bytes: int) -> None:
    """Reserves any amount of memory."""


def validate(*pieces: bytes) -> bytes:
    image = BodyValidator(unlimited)
    for piece in pieces:
        image.feed(piece)
    return image.finish()


def refusal(*pieces: bytes) -> str:
    """The kind of problem that pieces end in."""
    with pytest.raises(ProblemError) as refused:
        validate(*pieces)
    return refused.value.kind.name


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_the_bytes_and_their_digest_do_not_depend_on_the_chunks(pieces: list[bytes]) -> None:
    image = BodyValidator(unlimited)
    for piece in (JPEG, *pieces):
        image.feed(piece)
    whole = JPEG + b"".join(pieces)
    assert (bytes(image.body), image.finish()) == (whole, hashlib.sha256(whole).digest())


def test_the_largest_image_is_accepted_and_one_byte_more_is_not() -> None:
    image = BodyValidator(unlimited)
    image.feed(JPEG + bytes(MAX_IMAGE_BYTES - len(JPEG)))
    image.finish()
    with pytest.raises(ProblemError) as refused:
        image.feed(b"\0")
    assert refused.value.kind.status == 413


def test_an_empty_body_is_refused() -> None:
    assert refusal() == "invalid-request"


@pytest.mark.parametrize("length", [1, SIGNATURE_BYTES - 1, SIGNATURE_BYTES, 100_000])
def test_other_content_is_refused_at_any_length(length: int) -> None:
    assert refusal(b"x" * length) == "not-an-image"


def test_other_content_is_refused_before_its_end() -> None:
    image = BodyValidator(unlimited)
    with pytest.raises(ProblemError):
        image.feed(b"x" * SIGNATURE_BYTES)


def test_a_pixel_bomb_is_refused_before_its_end() -> None:
    image = BodyValidator(unlimited)
    image.feed(png(60_000, 60_000))
    with pytest.raises(ProblemError) as refused:
        image.feed(bytes(HEADER_BYTES))
    assert refused.value.kind.name == "image-refused"


def test_a_short_pixel_bomb_is_refused_at_its_end() -> None:
    assert refusal(png(60_000, 60_000)) == "image-refused"


def test_every_detail_says_what_to_do() -> None:
    details = []
    for pieces in ([b"x"], [], [png(60_000, 60_000)], [png(1, 1, 9999)], [JPEG, bytes(11 << 20)]):
        with pytest.raises(ProblemError) as refused:
            validate(*pieces)
        details.append(refused.value.detail)
    assert all("; " in detail and detail.endswith(".") for detail in details), details


class Sender:
    """Sends pieces as an ASGI server passes them on; None is a pause without end."""

    def __init__(self, *pieces: bytes | None, has_end: bool = True) -> None:
        self.pieces: Iterator[bytes | None] = iter(pieces)
        self.left = len(pieces)
        self.has_end = has_end

    async def receive(self) -> dict[str, object]:
        if self.left == 0:
            return {"type": "http.disconnect"}
        self.left -= 1
        piece = next(self.pieces)
        if piece is None:
            await asyncio.Event().wait()
        return {
            "type": "http.request",
            "body": piece,
            "more_body": self.left > 0 or not self.has_end,
        }


def read(sender: Sender, timeouts: BodyTimeouts) -> bytes:
    taken = bytearray()
    asyncio.run(read_body(sender.receive, taken.extend, timeouts))
    return bytes(taken)


def test_a_body_is_read_to_its_end() -> None:
    assert read(Sender(b"a", b"", b"bc"), BodyTimeouts(60, 60)) == b"abc"


def test_a_disconnect_is_noticed() -> None:
    with pytest.raises(ClientDisconnect):
        read(Sender(b"a", has_end=False), BodyTimeouts(60, 60))


@pytest.mark.parametrize("timeouts", [BodyTimeouts(0.01, 60), BodyTimeouts(60, 0.01)])
def test_a_body_that_stalls_or_takes_too_long_is_refused(timeouts: BodyTimeouts) -> None:
    with pytest.raises(ProblemError) as refused:
        read(Sender(b"a", None), timeouts)
    assert refused.value.kind.status == 408


def is_refused(reserve: Reserve) -> bool:
    """Whether there is no memory for another byte."""
    try:
        reserve(1)
    except ProblemError as refused:
        return (refused.kind.status, refused.headers["Retry-After"]) == (503, "1")
    return False


def largest_share(memory: MemoryBudget, uploader: str) -> int:
    """What an uploader gets who takes byte after byte."""
    with memory.body(uploader) as reserve:
        return next(taken for taken in count() if is_refused(reserve))


def test_memory_is_released_however_a_body_ends() -> None:
    memory = MemoryBudget(20, bodies=1)
    for _ in range(3):
        with suppress(ZeroDivisionError), memory.body("shop") as reserve:
            reserve(10)
            raise ZeroDivisionError
    assert [largest_share(memory, "shop") for _ in range(2)] == [10, 10]


def test_a_body_that_has_not_arrived_takes_no_memory() -> None:
    memory = MemoryBudget(20, bodies=50)
    with ExitStack() as trickling:
        for _ in range(50):
            trickling.enter_context(memory.body("slow"))
        assert largest_share(memory, "shop") == 10


def test_an_uploader_gets_no_more_than_stays_free_for_others() -> None:
    memory = MemoryBudget(240, bodies=3)
    with ExitStack() as greedy:
        for uploader, share in (("one", 120), ("two", 60), ("three", 30)):
            reserves = [greedy.enter_context(memory.body(uploader)) for _ in range(3)]
            for reserve in reserves:
                reserve(share // 3)
            assert is_refused(reserves[0])
        assert largest_share(memory, "four") == 15


def test_the_bodies_of_one_uploader_at_once_are_limited_and_not_those_of_others() -> None:
    memory = MemoryBudget(20, bodies=2)
    with memory.body("shop"), memory.body("shop"):
        with pytest.raises(ProblemError) as refused, memory.body("shop"):
            pass
        assert (refused.value.kind.status, refused.value.headers["Retry-After"]) == (429, "1")
        with memory.body("stranger"):
            pass
    with memory.body("shop"):
        pass


def detail(first: bytes) -> str:
    with pytest.raises(ProblemError) as refused:
        check_format(first)
    assert refused.value.kind.status == 415
    return refused.value.detail


def test_the_uploader_of_a_heic_file_is_told_its_format() -> None:
    told = detail(OTHERS["HEIC of a telephone"])
    assert told.startswith("By its first bytes the file is HEIC, which is not accepted, ")
    assert "JPEG" in told


def test_the_uploader_of_a_text_is_told_the_accepted_formats() -> None:
    told = detail(b"Dear photograph, I am a letter.")
    assert all(name in told for name in ALLOWED_FORMATS)
