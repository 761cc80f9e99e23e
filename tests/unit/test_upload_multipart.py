"""Forms with one file: found in pieces of any size, and everything else refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.upload_api.filenames import disposition_filename
from services.upload_api.multipart import MAX_OVERHEAD_BYTES, SingleFileForm
from services.upload_api.problems import ProblemError

TYPE = "multipart/form-data; boundary=abc"
BODY = bytes(range(256)) * 3 + b"\r\n--ab\r\n--abd\r\n"


def part(body: bytes, *headers: str) -> bytes:
    return (
        b"--abc\r\n" + "".join(f"{one}\r\n" for one in headers).encode() + b"\r\n" + body + b"\r\n"
    )


NAMED = 'Content-Disposition: form-data; name="file"; filename="a.jpg"'
END = b"--abc--\r\n"
GOOD = part(BODY, NAMED, "Content-Type: image/jpeg") + END


def read(body: bytes, content_type: str = TYPE, piece: int = 7) -> tuple[bytes, SingleFileForm]:
    taken = bytearray()
    form = SingleFileForm(content_type, taken.extend)
    for at in range(0, len(body), piece):
        form.feed(body[at : at + piece])
    form.finish()
    return bytes(taken), form


def refusal(body: bytes, content_type: str = TYPE) -> str:
    with pytest.raises(ProblemError) as refused:
        read(body, content_type)
    assert refused.value.kind.status == 422
    return refused.value.detail


@given(st.integers(1, len(GOOD)))
def test_a_file_is_found_in_chunks_of_any_size(piece: int) -> None:
    assert read(GOOD, piece=piece)[0] == BODY


@given(st.binary(max_size=2000).filter(lambda body: b"\r\n--abc" not in b"\r\n" + body))
def test_any_bytes_come_through_as_they_are(body: bytes) -> None:
    assert read(part(body, NAMED) + END)[0] == body


def test_the_headers_of_the_part_are_read() -> None:
    _, form = read(GOOD)
    assert form.content_type == "image/jpeg"
    assert disposition_filename(form.disposition) == "a.jpg"


@pytest.mark.parametrize(
    "head",
    [
        'content-disposition: form-data; filename="b"; name="file"',
        "Content-Disposition: form-data; name=file",
        "CONTENT-DISPOSITION: form-data;name=\"file\";filename*=UTF-8''%e2%98%83.png",
    ],
)
def test_the_part_is_recognized_in_every_notation_of_its_header(head: str) -> None:
    assert read(part(b"x", head) + END)[0] == b"x"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (part(b"x", 'Content-Disposition: form-data; name="image"') + END, "another name"),
        (part(b"x", "Content-Type: image/png") + END, "another name"),
        (part(b"x") + END, "another name"),
        (part(b"x", NAMED) + part(b"y", NAMED) + END, "more than one part"),
        (part(b"x", NAMED) + part(b"y", 'Content-Disposition: form-data; name="n"') + END, "more"),
        (END, "no file"),
        (b"", "or is incomplete"),
        (GOOD[:-12], "or is incomplete"),
        (GOOD[: len(GOOD) // 2], "or is incomplete"),
        (b"no form at all", "not valid multipart/form-data"),
        (b"\0" * 500, "not valid multipart/form-data"),
        (part(b"x", NAMED, f"X: {'y' * 20_000}") + END, "not valid multipart/form-data"),
        (GOOD + bytes(MAX_OVERHEAD_BYTES), "too many bytes besides the file"),
    ],
)
def test_any_other_body_is_refused(body: bytes, words: str) -> None:
    assert words in refusal(body)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=zzz"],
)
def test_a_wrong_boundary_is_refused(content_type: str) -> None:
    assert refusal(GOOD, content_type)


@given(st.binary(max_size=400), st.text(max_size=40))
def test_garbage_is_refused_or_has_no_file(body: bytes, boundary: str) -> None:
    content_type = f"multipart/form-data; boundary={boundary}"
    with pytest.raises(ProblemError):
        read(body, content_type.encode().decode("latin-1"))
