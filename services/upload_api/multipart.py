"""The one file of a multipart/form-data body, found while the body comes."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from services.upload_api.problems import INVALID, ProblemError

MAX_OVERHEAD_BYTES = 16 * 1024
"""So much may stand around the file: boundaries and headers."""

_ONE_FILE = "Send exactly one part, named “file”, with the bytes of the image."


class OneFile:
    """Reads a body that has one part, `file`.

    Args:
        content_type: The request's Content-Type header.
        take: Called with the file's bytes as they come.
    """

    def __init__(self, content_type: str, take: Callable[[bytes], None]) -> None:
        self.disposition: str | None = None
        self.content_type: str | None = None
        self._take = take
        self._parts = 0
        self._is_complete = False
        self._size_bytes = 0
        self._file_bytes = 0
        self._name, self._value = b"", b""
        _, options = parse_options_header(content_type)
        try:
            self._parser = MultipartParser(
                options.get(b"boundary", b""),
                {
                    "on_part_begin": self._begin_part,
                    "on_part_data": self._take_data,
                    "on_header_begin": self._begin_header,
                    "on_header_field": self._take_name,
                    "on_header_value": self._take_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._check_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _broken() from error

    def take(self, piece: bytes) -> None:
        """Takes the next bytes of the body.

        Raises `ProblemError` when they are no such body.
        """
        self._size_bytes += len(piece)
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _broken() from error
        if self._size_bytes - self._file_bytes > MAX_OVERHEAD_BYTES:
            raise ProblemError(INVALID, f"There is too much around the file. {_ONE_FILE}")

    def finish(self) -> None:
        """Ends the body.

        Raises `ProblemError` when it has no file or no end.
        """
        if not self._is_complete:
            raise _broken()
        if not self._parts:
            raise ProblemError(INVALID, f"There is no file in it. {_ONE_FILE}")

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise ProblemError(INVALID, f"There is more than one part. {_ONE_FILE}")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        self._file_bytes += end - start
        self._take(data[start:end])

    def _begin_header(self) -> None:
        self._name, self._value = b"", b""

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        name, value = self._name.lower(), self._value.decode("latin-1")
        if name == b"content-disposition":
            self.disposition = value
        elif name == b"content-type":
            self.content_type = value

    def _check_part(self) -> None:
        _, options = parse_options_header(self.disposition)
        if options.get(b"name") != b"file":
            raise ProblemError(INVALID, f"Its part has another name. {_ONE_FILE}")

    def _end(self) -> None:
        self._is_complete = True


def _broken() -> ProblemError:
    return ProblemError(
        INVALID,
        "The body is not multipart/form-data, or ends too early; let a library make it, or send "
        "the bytes of the image alone.",
    )
