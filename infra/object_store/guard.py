"""Admits only signed requests of programs to the embedded object store.

MiniStack verifies the signatures of IAM users and sessions, but a caller naming its root key, an
account id, `test` or nothing is root to it, and its administrative paths ask for no credentials.
The guard is ASGI middleware in front of it, and verifies every signature by MiniStack's functions.
Source: AWS General Reference, “Signature Version 4”; Amazon S3 API Reference, “Authenticating
requests”.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ministack.core.sigv4 import (
    HeaderSignature,
    header_signature_failure,
    presigned_request_is_expired,
    request_time_failure,
)
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEALTH_PATH = "/_ministack/health"
_LOOPBACK = {"127.0.0.1", "localhost"}
_SCOPE = r"([\w-]+)/(\d{8})/([\w-]+)/(\w+)/aws4_request"
_AUTHORIZATION = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={_SCOPE}, ?SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{{64}})",
    re.ASCII,
)
_CREDENTIAL = re.compile(_SCOPE, re.ASCII)
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_QUERY_SIGNATURE = (
    *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"),
    *("X-Amz-SignedHeaders", "X-Amz-Signature"),
)
_PRESIGNED_SECONDS = re.compile(r"[1-9]\d{0,5}", re.ASCII)
_BODIES_WITHOUT_DIGEST = {
    "UNSIGNED-PAYLOAD",
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
}


class _RefusedError(Exception):
    """The request is not admitted; `code` is one of the error codes of Amazon S3."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Guard:
    """Passes admitted requests to an ASGI application, and answers all others with 403.

    Args:
        secret_of: Returns the secret of an access key that may be used, None for any other.
    """

    def __init__(self, app: ASGIApp, secret_of: Callable[[str], str | None]) -> None:
        self._app, self._secret_of = app, secret_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection of an ASGI server."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] == "http":
            try:
                receive = await self._admit(_Request.of(scope), receive)
            except _RefusedError as refused:
                await _response(refused)(scope, receive, send)
                return
        await self._app(scope, receive, _without_sniffing(send))

    async def _admit(self, request: "_Request", receive: Receive) -> Receive:
        """Returns the channel from which the application reads the body."""
        headers = request.headers
        if headers.get("host", "").partition(":")[0] not in _LOOPBACK:
            raise _RefusedError("AccessDenied", "The Host header names another server.")
        if "origin" in headers:
            raise _RefusedError("AccessDenied", "Web pages are not served.")
        if (request.method, request.path) == ("GET", _HEALTH_PATH):
            return receive
        if request.path.startswith("/_"):
            raise _RefusedError("AccessDenied", "Administrative paths are closed.")
        if "authorization" in headers:
            signature = _header_signature(request)
            _check_action(request, signature)
            secret = self._secret(signature.access_key_id)
            body = await _read(receive)
            _check_body(signature, headers.get("x-amz-content-sha256"), body)
            _check_signature(request, signature, secret, body)
        else:
            signature = _query_signature(request)
            _check_action(request, signature)
            _check_signature(request, signature, self._secret(signature.access_key_id), None)
            body = await _read(receive)
            if body and request.reads:
                raise _RefusedError("AccessDenied", "A request that reads has no body.")
        return _replay(body, receive)

    def _secret(self, access_key_id: str) -> str:
        secret = self._secret_of(access_key_id)
        if secret is None:
            raise _RefusedError("InvalidAccessKeyId", "The access key does not exist.")
        return secret


@dataclass(frozen=True)
class _Request:
    """Head of a request; `path` is decoded, `raw_path` as it was sent."""

    method: str
    path: str
    raw_path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @classmethod
    def of(cls, scope: Scope) -> Self:
        """Reads an ASGI scope; a repeated header becomes one with all values."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        query = parse_qs(_text(scope["query_string"]), keep_blank_values=True)
        return cls(scope["method"], scope["path"], _text(scope["raw_path"]), query, headers)

    @property
    def reads(self) -> bool:
        """Whether the request changes nothing."""
        return self.method in {"GET", "HEAD"}


def _header_signature(request: _Request) -> HeaderSignature:
    found = _AUTHORIZATION.fullmatch(request.headers["authorization"])
    date = request.headers.get("x-amz-date", "")
    if not found or not _DATE.fullmatch(date):
        raise _RefusedError("AccessDenied", "The request is not signed with Signature Version 4.")
    if any(name.lower() in _QUERY_NAMES for name in request.query):
        raise _RefusedError("AccessDenied", "The request is signed twice.")
    return HeaderSignature(*found.groups(), amz_date=date)


def _query_signature(request: _Request) -> HeaderSignature:
    """Returns the signature of a presigned URL, which reads an object or creates it."""
    given = {name: values for name, values in request.query.items() if name.lower() in _QUERY_NAMES}
    if given.keys() != set(_QUERY_SIGNATURE) or any(len(values) > 1 for values in given.values()):
        raise _RefusedError("AccessDenied", "The request is not signed.")
    algorithm, credential, date, seconds, signed, signature = (
        given[name][0] for name in _QUERY_SIGNATURE
    )
    found = _CREDENTIAL.fullmatch(credential)
    if not found or algorithm != "AWS4-HMAC-SHA256" or not _DATE.fullmatch(date):
        raise _RefusedError("AccessDenied", "The request is not signed with Signature Version 4.")
    if found[4] != "s3" or not (request.reads or _creates(request, signed.split(";"))):
        raise _RefusedError("AccessDenied", "A presigned URL reads an object, or creates it.")
    if not _PRESIGNED_SECONDS.fullmatch(seconds) or presigned_request_is_expired(date, seconds):
        raise _RefusedError("AccessDenied", "Request has expired")
    return HeaderSignature(*found.groups(), signed, signature, date)


def _creates(request: _Request, signed_headers: list[str]) -> bool:
    """Whether a request stores an object of a signed size, unless there is one already."""
    headers = request.headers
    return (
        request.method == "PUT"
        and headers.get("if-none-match") == "*"
        and {"if-none-match", "content-length"} <= {*signed_headers}
        and "transfer-encoding" not in headers  # the length would not be the signed one
    )


_QUERY_NAMES = {
    *(name.lower() for name in _QUERY_SIGNATURE),
    *("x-amz-security-token", "awsaccesskeyid", "signature"),
}


def _check_signature(
    request: _Request, signature: HeaderSignature, secret: str, body: bytes | None
) -> None:
    """Verifies a signature; the one of a presigned URL, if there is no body."""
    must_be_signed = {name for name in request.headers if name.startswith("x-amz-")} | {"host"}
    if not must_be_signed <= set(signature.signed_headers.split(";")):
        raise _RefusedError("AccessDenied", "There are headers that were not signed.")
    is_presigned = body is None
    failure = None if is_presigned else request_time_failure(signature)
    failure = failure or header_signature_failure(
        signature,
        secret,
        request.method,
        request.raw_path,
        request.query,
        request.headers,
        body or b"",
        presigned=is_presigned,
    )
    if failure:
        raise _RefusedError(*failure)


def _check_action(request: _Request, signature: HeaderSignature) -> None:
    """Refuses a request that names its action in two ways.

    MiniStack would compare one with the key's policy, and do the other. Requests to S3 name it by
    method and path, those to other services in a header, in the address or in the body.
    """
    ways = (
        signature.service == "s3",
        "x-amz-target" in request.headers,
        "Action" in request.query,
        "x-www-form-urlencoded" in request.headers.get("content-type", ""),
    )
    if sum(ways) > 1:
        raise _RefusedError("AccessDenied", "The request names its action in two ways.")


def _check_body(signature: HeaderSignature, declared: str | None, body: bytes) -> None:
    """Compares a body with its signed digest; a signature without a digest covers the body."""
    if signature.service == "s3":
        if declared in _BODIES_WITHOUT_DIGEST:
            return
    elif declared is None:
        return
    if declared != hashlib.sha256(body).hexdigest():
        raise _RefusedError("XAmzContentSHA256Mismatch", "The body has another SHA-256 digest.")


async def _read(receive: Receive) -> bytes:
    parts, is_complete = [], False
    while not is_complete:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _RefusedError("IncompleteBody", "The client has gone.")
        parts.append(message.get("body", b""))
        is_complete = not message.get("more_body", False)
    return b"".join(parts)


def _without_sniffing(send: Send) -> Send:
    """Returns a channel for answers whose content a browser takes for what is declared."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": headers}
        await send(message)

    return send_with_header


def _replay(body: bytes, receive: Receive) -> Receive:
    """Returns a channel that gives a body that was read, and then what comes after it."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _response(refused: _RefusedError) -> Response:
    """Returns an error that clients of S3 (by its body) and SQS (by its header) understand."""
    body = f"<Error><Code>{refused.code}</Code><Message>{escape(str(refused))}</Message></Error>"
    headers = {"x-amzn-errortype": refused.code, "connection": "close"}
    return Response(body, 403, headers, "application/xml")


def _text(raw: bytes) -> str:
    """Decodes as MiniStack does, so that both see the same text."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
