"""Bodies on a real socket: the limits exactly, never read to the end, nothing half kept."""

import json
import socket
from collections.abc import Iterator

import pytest

from assets.validation.headers import MAX_IMAGE_BYTES
from services.upload_api import middleware
from tests.unit.bare_headers import HEADERS
from tests.unit.pictures import encoded, noise
from tests.upload_client import Api
from tests.waiting import wait_until

JPEG = encoded(noise(), "JPEG")
PIECE = 64 * 1024


def pieces(size_bytes: int) -> Iterator[bytes]:
    """A JPEG of any length: decoders stop at its end."""
    yield JPEG
    left = size_bytes - len(JPEG)
    while left > 0:
        yield bytes(min(left, PIECE))
        left -= PIECE


def stored(platform) -> int:
    return len(platform.keys(platform.settings.raw_bucket))


class Raw:
    """A connection on which a request is written by hand."""

    def __init__(self, api: Api, *headers: str) -> None:
        self.socket = api.begin(*headers)

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], dict[str, object]]:
        """Reads until the server closes the connection."""
        said = b""
        while piece := self.socket.recv(PIECE):
            said += piece
        head, _, body = said.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(status.split()[1]), headers, json.loads(body)

    def close(self) -> None:
        self.socket.close()


def test_the_largest_image_is_accepted_with_a_length_and_in_chunks(platform, upload_api):
    whole = b"".join(pieces(MAX_IMAGE_BYTES))
    assert len(whole) == MAX_IMAGE_BYTES
    answers = [upload_api.send(whole), upload_api.send(pieces(MAX_IMAGE_BYTES))]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [answer.json()["size_bytes"] for answer in answers] == [MAX_IMAGE_BYTES] * 2
    assert platform.query("select distinct size_bytes from image_catalog.image") == [
        (MAX_IMAGE_BYTES,)
    ]


def test_one_byte_more_is_refused_with_a_length_and_in_chunks(platform, upload_api):
    too_long = MAX_IMAGE_BYTES + 1
    answers = [upload_api.send(b"".join(pieces(too_long))), upload_api.send(pieces(too_long))]
    assert [answer.status_code for answer in answers] == [413, 413]
    assert stored(platform) == 0


def test_the_largest_image_is_accepted_in_a_form_and_one_byte_more_is_not(platform, upload_api):
    for size_bytes, status in ((MAX_IMAGE_BYTES, 201), (MAX_IMAGE_BYTES + 1, 413)):
        whole = b"".join(pieces(size_bytes))
        assert upload_api.post("/v1/images", files={"file": whole}).status_code == status
    assert stored(platform) == 1


def test_a_length_that_is_too_large_is_refused_before_any_of_the_body(platform, upload_api):
    raw = Raw(upload_api, f"Content-Length: {MAX_IMAGE_BYTES + 1}")
    status, headers, problem = raw.answer()
    assert (status, headers["connection"]) == (413, "close")
    assert problem["detail"].startswith("An image may have at most 10,485,760 bytes (10 MiB); ")
    assert stored(platform) == 0


def test_a_caller_who_expects_100_continue_is_refused_before_the_body(shared_upload_api):
    raw = Raw(shared_upload_api, f"Content-Length: {2**40}", "Expect: 100-continue")
    assert raw.answer()[0] == 413


def test_a_body_that_grows_too_large_is_refused_in_its_middle(platform, upload_api):
    raw = Raw(upload_api, "Transfer-Encoding: chunked")
    for piece in pieces(MAX_IMAGE_BYTES + 1):
        raw.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    status, headers, _ = raw.answer()
    assert (status, headers["connection"]) == (413, "close")
    assert stored(platform) == 0


@pytest.mark.parametrize("length", ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
def test_other_content_is_refused_by_its_first_bytes(platform, upload_api, length):
    raw = Raw(upload_api, length)
    first = b"<html>" + b" " * 100
    raw.write(first if length.startswith("C") else f"{len(first):x}\r\n".encode() + first + b"\r\n")
    status, headers, problem = raw.answer()
    assert (status, headers["connection"]) == (415, "close")
    assert "none of JPEG, PNG, WEBP, GIF, TIFF, AVIF" in problem["detail"]
    assert stored(platform) == 0


def test_a_caller_without_a_key_is_refused_before_any_of_the_body(shared_upload_api):
    raw = Raw(shared_upload_api.of("none"), "Content-Length: 1000000")
    assert raw.answer()[0] == 401


@pytest.mark.parametrize("kind", HEADERS)
def test_a_pixel_bomb_is_refused_before_it_is_stored(platform, upload_api, kind):
    answer = upload_api.send(HEADERS[kind](16_000, 16_000))
    assert (answer.status_code, answer.json()["title"]) == (422, "The image is not accepted")
    assert "36,000,000 pixels" in answer.json()["detail"]
    assert stored(platform) == 0


@pytest.mark.parametrize(
    ("headers", "sent"),
    [
        (["Content-Length: 100000"], JPEG),
        (["Transfer-Encoding: chunked"], f"{len(JPEG):x}\r\n".encode() + JPEG + b"\r\n"),
        (["Transfer-Encoding: chunked"], f"{len(JPEG) + 1:x}\r\n".encode() + JPEG),
        (
            ["Content-Length: 100000", "Content-Type: multipart/form-data; boundary=b"],
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + JPEG,
        ),
    ],
    ids=["with a length", "between chunks", "within a chunk", "within a form"],
)
def test_a_body_that_breaks_off_leaves_nothing(platform, upload_api, headers, sent):
    raw = Raw(upload_api, *headers)
    raw.write(sent)
    raw.close()
    assert upload_api.send(JPEG).status_code == 201  # and the next one is served
    assert (stored(platform), platform.states()) == (1, {"waiting": 1})


def test_a_form_without_its_end_leaves_nothing(platform, upload_api):
    body = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + JPEG
    answer = upload_api.send(body, Content_Type="multipart/form-data; boundary=b")
    assert (answer.status_code, stored(platform)) == (422, 0)


@pytest.mark.parametrize(
    ("named", "name"),
    [
        ({"headers": {"X-Filename": "%E2%98%83.png"}}, "☃.png"),
        ({"headers": {"Content-Disposition": 'attachment; filename="a b.png"'}}, "a b.png"),
        ({"params": {"filename": "c:\\d\\e.png"}}, "e.png"),
        ({"headers": {"X-Filename": "one"}, "params": {"filename": "two"}}, "one"),
        ({}, None),
    ],
)
def test_a_file_name_is_read_from_every_place(shared_upload_api, named, name):
    assert shared_upload_api.post("/v1/images", data=JPEG, **named).json()["filename"] == name


def test_name_and_type_are_read_from_the_part_of_a_form(shared_upload_api):
    said = shared_upload_api.post(
        "/v1/images", files={"file": ("ä b.png", JPEG, "image/x-own")}
    ).json()
    assert (said["filename"], said["content_type"]) == ("ä b.png", "image/x-own")
    assert said["size_bytes"] == len(JPEG)


@pytest.mark.parametrize("body", [b"", b"\0", b"\xff\xd8", b"GIF", b"{}", b"RIFF\0\0\0\0WEBX" * 9])
def test_garbage_is_refused_with_advice(platform, upload_api, body):
    answer = upload_api.send(body, Content_Type="image/jpeg")
    assert answer.status_code in {415, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert stored(platform) == 0


def test_a_stalled_body_is_refused(serve):
    raw = Raw(serve(upload_idle_seconds=0.2), "Content-Length: 100000")
    raw.write(JPEG)
    assert raw.answer()[0] == 408


def test_bodies_over_the_memory_budget_are_refused_for_a_moment(serve, issue_key):
    api = serve(upload_memory_bytes=2 * MAX_IMAGE_BYTES)
    slow = Raw(api, f"Content-Length: {MAX_IMAGE_BYTES}")
    for piece in pieces(MAX_IMAGE_BYTES - 1):
        slow.write(piece)
    for _ in range(100):  # the server reads what has arrived between two answers
        api.get("/v1/images")
    answer = api.send(JPEG)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    stranger = api.of(issue_key("stranger"))
    assert stranger.send(JPEG).status_code == 201
    slow.close()
    wait_until(lambda: api.send(JPEG).status_code == 201, "its memory to be released")
    assert api.send(pieces(MAX_IMAGE_BYTES)).status_code == 201


def test_bodies_that_are_declared_and_do_not_arrive_block_nobody(serve, issue_key):
    """26 bodies of 10 MiB are more than there is memory for."""
    shop = serve()
    slow = shop.of(issue_key("slow"))
    waiting = [Raw(slow, f"Content-Length: {MAX_IMAGE_BYTES}") for _ in range(26)]
    for raw in waiting:
        raw.write(JPEG[:100])
    assert [shop.send(JPEG).status_code for _ in range(3)] == [201] * 3
    assert slow.send(JPEG).status_code == 201
    for raw in waiting:
        raw.close()


def test_the_bodies_of_one_uploader_at_once_are_limited(serve, issue_key):
    shop = serve(upload_bodies=2)
    slow = shop.of(issue_key("slow"))
    waiting = [Raw(slow, "Content-Length: 100000") for _ in range(2)]
    wait_until(lambda: slow.send(JPEG).status_code == 429, "both to have arrived")
    answer = slow.send(JPEG)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json()["type"] == "urn:darkroom:problem:too-many-at-once"
    assert shop.send(JPEG).status_code == 201
    for raw in waiting:
        raw.close()


def test_a_small_body_that_does_not_arrive_is_refused(monkeypatch, shared_upload_api):
    """Also of a caller without a key: FastAPI reads the body before it looks for the key."""
    monkeypatch.setattr(middleware, "_OTHER_BODY_SECONDS", 0.2)
    head = "POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
    with socket.create_connection(("127.0.0.1", shared_upload_api.port), timeout=20) as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
        assert connection.recv(PIECE).startswith(b"HTTP/1.1 408 ")


def test_the_rest_of_a_refused_body_is_drained_so_that_the_response_arrives(shared_upload_api):
    raw = Raw(shared_upload_api, "Content-Length: 500000")
    raw.write(b"x" * 500_000)
    assert raw.answer()[0] == 415


def test_a_large_body_elsewhere_is_refused(shared_upload_api):
    answer = shared_upload_api.post("/v1/uploads", data=b"[" * 200_000)
    assert (answer.status_code, answer.json()["title"]) == (413, "The body is too large")
