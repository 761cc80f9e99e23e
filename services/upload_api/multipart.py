"""The single file of a multipart/form-data body, parsed while the body arrives."""

from collections.abc import Callable

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from services.upload_api.problems import INVALID, ProblemError

MAX_OVERHEAD_BYTES = 16 * 1024
"""The limit for everything around the file: boundaries and headers."""

_ONE_FILE = "Send exactly one part, named “file”, with the bytes of the image."


class SingleFileForm:
    """Parses a body with exactly one part, named `file`; feeds its bytes on as they arrive."""

    def __init__(self, content_type: str, feed: Callable[[bytes], None]) -> None:
        self.disposition: str | None = None
        self.content_type: str | None = None
        self._feed = feed
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
                    "on_part_begin": self._on_part,
                    "on_part_data": self._on_data,
                    "on_header_field": self._on_header_name,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise _malformed() from error

    def feed(self, chunk: bytes) -> None:
        """Parses the next chunk of the body. Raises `ProblemError` when it is not such a body."""
        self._size_bytes += len(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _malformed() from error
        if self._size_bytes - self._file_bytes > MAX_OVERHEAD_BYTES:
            raise ProblemError(
                INVALID, f"The form has too many bytes besides the file. {_ONE_FILE}"
            )

    def finish(self) -> None:
        """Ends the body. Raises `ProblemError` when it has no file or is incomplete."""
        if not self._is_complete:
            raise _malformed()
        if not self._parts:
            raise ProblemError(INVALID, f"The form has no file. {_ONE_FILE}")

    def _on_part(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise ProblemError(INVALID, f"The form has more than one part. {_ONE_FILE}")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._file_bytes += end - start
        self._feed(data[start:end])

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name, value = self._name.lower(), self._value.decode("latin-1")
        if name == b"content-disposition":
            self.disposition = value
        elif name == b"content-type":
            self.content_type = value
        self._name, self._value = b"", b""

    def _on_headers_end(self) -> None:
        _, options = parse_options_header(self.disposition)
        if options.get(b"name") != b"file":
            raise ProblemError(INVALID, f"The part has another name. {_ONE_FILE}")

    def _on_end(self) -> None:
        self._is_complete = True


def _malformed() -> ProblemError:
    return ProblemError(
        INVALID,
        "The body is not valid multipart/form-data, or is incomplete; create it with a library, or "
        "send the bytes of the image alone.",
    )
