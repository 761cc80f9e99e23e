"""What callers say of their files: names and content types, made fit for every store."""

from __future__ import annotations

from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import quote, unquote_to_bytes

_MAX_NAME_BYTES = 255


def clean(text: str | None) -> str | None:
    """Returns a text as printable characters, 255 bytes of UTF-8 at most; None if none is left."""
    printable = "".join(filter(str.isprintable, text or "")).strip()
    return printable.encode()[:_MAX_NAME_BYTES].decode(errors="ignore") or None


def clean_filename(name: str | None) -> str | None:
    """Returns a file name without the folders before it, as `clean` does."""
    return clean((name or "").replace("\\", "/").rpartition("/")[2])


def decoded(header: str | None) -> str | None:
    """Returns what a percent-encoded header says, in UTF-8; headers come as Latin-1."""
    return unquote_to_bytes(header.encode("latin-1")).decode(errors="replace") if header else None


def disposition_filename(header: str | None) -> str | None:
    """Returns the file name of a Content-Disposition header, from `filename*` if that is there.

    Source: RFC 6266, section 4.3; the parsing of the parameters is the standard library's.
    """
    if header is None:
        return None
    message = Message()
    message["Content-Disposition"] = header.encode("latin-1").decode(errors="replace")
    told = message.get_params([], "Content-Disposition")
    names = [value for name, value in told if name.lower() == "filename"]
    names.sort(key=lambda value: isinstance(value, str))  # an extended one is three parts
    return collapse_rfc2231_value(names[0]) if names else None


def encoded(name: str) -> str:
    """Returns a file name as object metadata can hold it: percent-encoded UTF-8."""
    return quote(name, safe="")
