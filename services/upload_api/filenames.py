"""File names and content types from headers, cleaned so that ledger and metadata can hold them.

The steps are calls of the standard library; a sanitizer such as pathvalidate would also replace
characters that only a file system forbids, and senders see their names again.
"""

from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import quote, unquote_to_bytes

_MAX_NAME_BYTES = 255


def clean(text: str | None) -> str | None:
    """Returns the printable characters, at most 255 bytes in UTF-8; None if there are none."""
    printable = "".join(filter(str.isprintable, text or "")).strip()
    return printable.encode()[:_MAX_NAME_BYTES].decode(errors="ignore") or None


def clean_filename(name: str | None) -> str | None:
    """Returns a file name without folders, cleaned as by `clean`."""
    return clean((name or "").replace("\\", "/").rpartition("/")[2])


def decoded(header: str | None) -> str | None:
    """Returns the text of a percent-encoded UTF-8 header; headers arrive as Latin-1."""
    return unquote_to_bytes(header.encode("latin-1")).decode(errors="replace") if header else None


def disposition_filename(header: str | None) -> str | None:
    """Returns the file name of a Content-Disposition header, preferably from `filename*`.

    Source: RFC 6266, section 4.3; the standard library parses the parameters.
    """
    if header is None:
        return None
    message = Message()
    message["Content-Disposition"] = header.encode("latin-1").decode(errors="replace")
    parameters = message.get_params([], "Content-Disposition")
    names = [value for name, value in parameters if name.lower() == "filename"]
    names.sort(key=lambda value: isinstance(value, str))  # an extended value is a tuple of three
    return collapse_rfc2231_value(names[0]) if names else None


def encoded(name: str) -> str:
    """Returns a file name as object metadata can hold it: percent-encoded UTF-8."""
    return quote(name, safe="")
