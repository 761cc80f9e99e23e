"""Whose an upload is: stated and signed by the upload API in the metadata of the stored object.

A sender that may store objects in the raw bucket can name any uploader there. Only programs
with the key can sign that name, so nobody else can place an image in an uploader's list. It is kept
with the object because the database may be down when an upload is stored.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from assets.errors import DarkroomError
from assets.ingestion.upload.api_keys import UPLOADER

_UPLOADER, _SHA256, _SIGNATURE = "uploader", "sha256", "signature"
_CONTEXT = "darkroom upload 1"
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")


class SigningKeyError(DarkroomError):
    """There is no key to verify signatures with."""


@dataclass(frozen=True)
class Statement:
    """Who sent the object under a key of the raw bucket, and the digest of its bytes."""

    object_key: str
    uploader: str
    sha256: bytes

    def signed(self, key: SecretStr) -> dict[str, str]:
        """Returns the statement as metadata of the object."""
        return {
            _UPLOADER: self.uploader,
            _SHA256: self.sha256.hex(),
            _SIGNATURE: self.signature(key),
        }

    def signature(self, key: SecretStr) -> str:
        """Returns the HMAC of the statement, in hexadecimal."""
        text = "\n".join((_CONTEXT, self.object_key, self.uploader, self.sha256.hex()))
        return hmac.new(key.get_secret_value().encode(), text.encode(), hashlib.sha256).hexdigest()


def read_statement(
    object_key: str, metadata: Mapping[str, str], key: SecretStr | None
) -> Statement | None:
    """Returns the statement in an object's metadata; None if there is none with a valid signature.

    Raises `SigningKeyError` without a key.
    """
    if key is None:
        raise SigningKeyError(
            "UPLOAD_SIGNING_KEY is not set, so uploads cannot be told from other objects; "
            "give this program the key of the upload API."
        )
    uploader, sha256 = metadata.get(_UPLOADER, ""), metadata.get(_SHA256, "")
    if not UPLOADER.fullmatch(uploader) or not _HEX_SHA256.fullmatch(sha256):
        return None
    said = Statement(object_key, uploader, bytes.fromhex(sha256))
    given = metadata.get(_SIGNATURE, "").encode()
    return said if hmac.compare_digest(given, said.signature(key).encode()) else None
