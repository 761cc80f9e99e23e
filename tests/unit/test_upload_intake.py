"""Bytes taken in piece by piece: the limits exactly, and refusal as soon as it is certain."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect

from assets.validation.headers import HEADER_BYTES, MAX_IMAGE_BYTES
from assets.validation.signatures import SIGNATURE_BYTES
from services.upload_api.intake import BodyTimeouts, BodyValidator, MemoryBudget, read_body
from services.upload_api.problems import ProblemError
from tests.unit.pictures import encoded, noise
from tests.unit.test_upload_headers import png

JPEG = encoded(noise(), "JPEG")


def take(*pieces: bytes) -> bytes:
    intake = BodyValidator()
    for piece in pieces:
        intake.take(piece)
    return intake.finish()


def refusal(*pieces: bytes) -> str:
    """The kind of problem that pieces end in."""
    with pytest.raises(ProblemError) as refused:
        take(*pieces)
    return refused.value.kind.name


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_the_bytes_and_their_digest_are_the_same_however_they_come(pieces: list[bytes]) -> None:
    intake = BodyValidator()
    for piece in (JPEG, *pieces):
        intake.take(piece)
    whole = JPEG + b"".join(pieces)
    assert (bytes(intake.body), intake.finish()) == (whole, hashlib.sha256(whole).digest())


def test_the_largest_image_is_taken_and_one_byte_more_is_not() -> None:
    intake = BodyValidator()
    intake.take(JPEG + bytes(MAX_IMAGE_BYTES - len(JPEG)))
    intake.finish()
    with pytest.raises(ProblemError) as refused:
        intake.take(b"\0")
    assert refused.value.kind.status == 413


def test_no_bytes_are_no_image() -> None:
    assert refusal() == "invalid-request"


@pytest.mark.parametrize("length", [1, SIGNATURE_BYTES - 1, SIGNATURE_BYTES, 100_000])
def test_what_is_no_image_is_refused_whatever_its_length(length: int) -> None:
    assert refusal(b"x" * length) == "not-an-image"


def test_what_is_no_image_is_refused_before_its_end() -> None:
    intake = BodyValidator()
    with pytest.raises(ProblemError):
        intake.take(b"x" * SIGNATURE_BYTES)


def test_a_pixel_bomb_is_refused_before_its_end() -> None:
    intake = BodyValidator()
    intake.take(png(60_000, 60_000))
    with pytest.raises(ProblemError) as refused:
        intake.take(bytes(HEADER_BYTES))
    assert refused.value.kind.name == "image-refused"


def test_a_short_pixel_bomb_is_refused_at_its_end() -> None:
    assert refusal(png(60_000, 60_000)) == "image-refused"


def test_every_detail_says_what_to_do() -> None:
    details = []
    for pieces in ([b"x"], [], [png(60_000, 60_000)], [png(1, 1, 9999)], [JPEG, bytes(11 << 20)]):
        with pytest.raises(ProblemError) as refused:
            take(*pieces)
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


def test_a_caller_who_goes_away_is_noticed() -> None:
    with pytest.raises(ClientDisconnect):
        read(Sender(b"a", has_end=False), BodyTimeouts(60, 60))


@pytest.mark.parametrize("timeouts", [BodyTimeouts(0.01, 60), BodyTimeouts(60, 0.01)])
def test_a_caller_who_stops_in_the_middle_is_not_waited_for(timeouts: BodyTimeouts) -> None:
    with pytest.raises(ProblemError) as refused:
        read(Sender(b"a", None), timeouts)
    assert refused.value.kind.status == 408


def test_room_is_given_back_however_a_body_ends() -> None:
    room = MemoryBudget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), room.hold(10):
            raise ZeroDivisionError
    with room.hold(6), pytest.raises(ProblemError) as refused, room.hold(5):
        pass
    assert (refused.value.kind.status, refused.value.headers["Retry-After"]) == (503, "1")
    with room.hold(10):
        pass
