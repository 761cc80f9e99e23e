"""Signatures of receipts: Ed25519, with a key that no administrator of the database holds.

The private key is in a file or in AWS KMS. Public keys are published in the archive of receipts, so
that verification needs no secret. Source: RFC 8032; AWS KMS API Reference, “Sign”.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from assets.errors import DarkroomError
from assets.resources.object_store import open_client
from assets.resources.s3_errors import translated
from assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

KEY_ID_LENGTH = 32

_FILE = "file:"
_KMS = "arn:aws:kms:"


class SigningKeyError(DarkroomError):
    """The key that signs receipts cannot be used."""


PublicKeys = Mapping[str, Ed25519PublicKey]
"""Public keys by their ids."""


class Signer(Protocol):
    """Signs with one private key."""

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies its signatures."""

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of a message, 64 bytes.

        Raises `ServerError` when a server that holds the key does not sign.
        """


@dataclass(frozen=True)
class FileSigner:
    """Signs with a private key of this process."""

    private_key: Ed25519PrivateKey

    @property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies its signatures."""
        return self.private_key.public_key()

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of a message."""
        return self.private_key.sign(message)


@dataclass(frozen=True)
class KmsSigner:
    """Signs with a key that never leaves AWS KMS, of the spec ECC_NIST_EDWARDS25519."""

    kms: KMSClient
    key: str

    @cached_property
    def public_key(self) -> Ed25519PublicKey:
        """The key that verifies its signatures."""
        with translated("KMS", self.key):
            found = load_der_public_key(self.kms.get_public_key(KeyId=self.key)["PublicKey"])
        return _require_ed25519(found, self.key)

    def sign(self, message: bytes) -> bytes:
        """Returns the signature of a message."""
        with translated("KMS", self.key):
            return self.kms.sign(
                KeyId=self.key,
                Message=message,
                MessageType="RAW",
                SigningAlgorithm="ED25519_SHA_512",
            )["Signature"]


def open_signer(settings: Settings) -> Signer:
    """Returns the signer that RECEIPT_SIGNING_KEY describes.

    Raises `SigningKeyError` when it describes none, or a file that others can read.
    """
    key = settings.receipt_signing_key
    if key.startswith(_KMS):
        return KmsSigner(open_client("kms", settings), key)
    if key.startswith(_FILE):
        return FileSigner(_read_private_key(Path(key.removeprefix(_FILE))))
    raise SigningKeyError(
        "Receipts cannot be signed: set RECEIPT_SIGNING_KEY to file:PATH of an Ed25519 key in PEM, "
        "or to the ARN of a KMS key of the spec ECC_NIST_EDWARDS25519."
    )


def new_private_key() -> str:
    """Generates a private key, and returns it in PEM."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def key_id(key: Ed25519PublicKey) -> str:
    """Returns the id of a public key, which follows from it."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:KEY_ID_LENGTH]


def to_pem(key: Ed25519PublicKey) -> bytes:
    """Returns a public key as the archive publishes it."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def from_pem(text: bytes) -> Ed25519PublicKey:
    """Returns a published public key. Raises `SigningKeyError` when the text is none."""
    try:
        return _require_ed25519(load_pem_public_key(text), "It")
    except ValueError as error:
        raise SigningKeyError("It is not a public key in PEM.") from error


def is_signed(keys: PublicKeys, key: str, message: bytes, signature: bytes) -> bool:
    """Returns whether a known key has signed a message."""
    if key not in keys:
        return False
    try:
        keys[key].verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _read_private_key(path: Path) -> Ed25519PrivateKey:
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
        found = load_pem_private_key(text, None)
    except (OSError, ValueError, TypeError) as error:
        raise SigningKeyError(
            f"{path} cannot be read as an Ed25519 key in PEM ({type(error).__name__}); "
            "RECEIPT_SIGNING_KEY names it."
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SigningKeyError(f"{path} can be read by others; `chmod 600` it.")
    if not isinstance(found, Ed25519PrivateKey):
        raise SigningKeyError(f"{path} is not an Ed25519 key.")
    return found


def _require_ed25519(key: object, name: str) -> Ed25519PublicKey:
    if not isinstance(key, Ed25519PublicKey):
        raise SigningKeyError(f"{name} is not an Ed25519 key.")
    return key
