"""What every error of S3, SQS and KMS means: server down, or refused.

An object that is refused while its bucket is served is `ObjectUnreadableError`, which takes another
request to find out; see `object_store.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError as ObstoreError
from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

from assets.errors import ServerError, ServerRefusedError, ServerUnavailableError, StorageFullError

SERVER_ERROR = 500
"""The first HTTP status of an answer with which a server says that it has failed itself."""

_STORAGE_FULL = 507  # an answer of the embedded store; AWS has no such error
_REFUSALS = (PermissionDeniedError, UnauthenticatedError, FileNotFoundError)


def server_error(error: Exception, server: str, address: str) -> ServerError:
    """Returns an error of boto3, obstore or the connection as what it means.

    obstore names the status of an answer in its text only.
    """
    if isinstance(error, ClientError):
        if status(error) == _STORAGE_FULL:
            return StorageFullError(address)
        is_refusal, reason = status(error) < SERVER_ERROR, code(error)
    else:
        if f"status code: {_STORAGE_FULL}" in str(error):
            return StorageFullError(address)
        is_refusal, reason = isinstance(error, _REFUSALS), type(error).__name__
    return (ServerRefusedError if is_refusal else ServerUnavailableError)(server, address, reason)


@contextmanager
def translated(server: str, address: str) -> Iterator[None]:
    """Raises the errors of clients inside the block as what they mean."""
    try:
        yield
    except (ClientError, BotoCoreError, ObstoreError, OSError) as error:
        raise server_error(error, server, address) from error


def code(error: ClientError) -> str:
    """Returns the code of an answer, such as `NoSuchKey`."""
    return error.response["Error"].get("Code", "?")


def status(error: ClientError) -> int:
    """Returns the HTTP status of an answer."""
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
