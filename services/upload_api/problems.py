"""Errors as callers get them: problem details, each with a sentence that says what to do.

Source: RFC 9457, “Problem Details for HTTP APIs”. fastapi-problem would replace only the model and
the exception below; the handlers, which say what to do and list allowed methods, would remain.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

from assets.errors import ServerError, ServerRefusedError, StorageFullError

_LOG = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"

PROBLEM_KIND = "darkroom.problem"
"""The key of a problem's kind in the request's ASGI scope."""


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    type: str = Field(description="the kind of problem, for programs")
    title: str = Field(description="the kind of problem, for people")
    status: int = Field(description="the HTTP status", ge=400, le=599)
    detail: str = Field(description="what was wrong with this request, and what to do")


@dataclass(frozen=True)
class Kind:
    """A kind of problem: last part of its type, title, HTTP status and headers."""

    name: str
    title: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


MALFORMED = Kind("malformed-request", "The request cannot be read", 400)
INVALID = Kind("invalid-request", "The request is invalid", 422)
UNAUTHORIZED = Kind("unauthorized", "A valid API key is needed", 401)
UNKNOWN_PATH = Kind("unknown-path", "There is nothing at this URL", 404)
UNKNOWN_IMAGE = Kind("unknown-image", "There is no such image", 404)
GONE = Kind("image-deleted", "The image was deleted", 410)
METHOD = Kind("method-not-allowed", "This URL does not support the method", 405)
TOO_SLOW = Kind("too-slow", "The body did not arrive in time", 408)
TOO_LARGE = Kind("too-large", "The body is too large", 413)
NOT_AN_IMAGE = Kind("not-an-image", "The content is not an accepted image", 415)
REFUSED = Kind("image-refused", "The image is not accepted", 422)
NOT_COMPARABLE = Kind("not-comparable", "The image cannot be compared with the one before", 409)
KEY_REUSED = Kind("idempotency-key-reused", "The idempotency key belongs to another image", 422)
RATE_LIMITED = Kind("rate-limited", "Too many uploads in a short time", 429)
TOO_MANY_BODIES = Kind(
    "too-many-at-once", "Too many of your uploads are in flight", 429, {"Retry-After": "1"}
)
TOO_MANY_KEYS = Kind("too-many-keys", "Too many wrong API keys", 429, {"Retry-After": "60"})
HEADERS_TOO_LARGE = Kind("headers-too-large", "The headers are too large", 431)
INTERNAL = Kind("internal-error", "The server failed", 500)
BUSY = Kind("busy", "Too many uploads are in flight", 503, {"Retry-After": "1"})
UNAVAILABLE = Kind(
    "unavailable", "A server behind the upload API cannot be used", 503, {"Retry-After": "5"}
)

STORAGE_FULL = Kind(
    "storage-full", "There is no space for another image", 507, {"Retry-After": "300"}
)


class ProblemError(Exception):
    """The request is answered with a problem, and with headers such as Allow.

    The detail says what to do, and reveals nothing about other callers or servers.
    """

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = {**kind.headers, **(headers or {})}


def answer(
    request: Request, kind: Kind, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns a problem as a response, and records its kind in the request's scope."""
    request.scope[PROBLEM_KIND] = kind.name
    return Response(problem(kind, detail), kind.status, headers or kind.headers, MEDIA_TYPE)


def problem(kind: Kind, detail: str) -> str:
    """Returns a problem as JSON."""
    name = f"urn:darkroom:problem:{kind.name}"
    return Problem(type=name, title=kind.title, status=kind.status, detail=detail).model_dump_json()


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Describes problems for the OpenAPI document, by status."""
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(kind.title)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": ". ".join((*names, "")).strip(), "content": content}
        for status, names in titles.items()
    }


async def _handle_problem(request: Request, error: ProblemError) -> Response:
    return answer(request, error.kind, error.detail, error.headers)


async def _handle_validation_error(request: Request, error: RequestValidationError) -> Response:
    found = _describe_errors(error.errors())
    return answer(request, INVALID, f"{found} See /openapi.json for what is accepted.")


async def _handle_http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == METHOD.status:
        methods = ", ".join(sorted(_methods(request) or {"GET", "HEAD"}))  # else a file of the page
        return answer(request, METHOD, f"Use one of {methods} for this URL.", {"Allow": methods})
    if error.status_code == UNKNOWN_PATH.status:
        return answer(request, UNKNOWN_PATH, "See /openapi.json for the available URLs.")
    if error.status_code == TOO_SLOW.status:
        return answer(request, TOO_SLOW, "The body did not arrive in time; send it again.")
    if error.status_code == TOO_LARGE.status:
        return answer(request, TOO_LARGE, "The body is longer than this URL accepts; send less.")
    detail = "The body cannot be read. See /openapi.json for what is accepted."
    return answer(request, INVALID, detail)


async def _handle_disconnect(request: Request, _error: ClientDisconnect) -> Response:
    """Ends a request whose caller has disconnected; nobody receives the response."""
    detail = "The connection ended before the body did. Send the image again."
    return answer(request, TOO_SLOW, detail)


async def _handle_server_error(request: Request, error: ServerError) -> Response:
    _LOG.warning("A request could not be served: %s", error)
    what = "refuses what it needs" if isinstance(error, ServerRefusedError) else "does not answer"
    return answer(
        request,
        UNAVAILABLE,
        f"A server behind the upload API {what}, so nothing was done; try again in a few "
        "seconds, for an upload with the same Idempotency-Key.",
    )


async def _handle_full_storage(request: Request, error: StorageFullError) -> Response:
    _LOG.error("An upload was refused: %s", error)
    detail = "The image was not stored; the platform team has to make space. Send it again later."
    return answer(request, STORAGE_FULL, detail)


async def _handle_unexpected_error(request: Request, _error: Exception) -> Response:
    detail = "Try again with the same Idempotency-Key; tell the platform team if it repeats."
    return answer(request, INTERNAL, detail)


HANDLERS: Mapping[Any, Any] = {
    ProblemError: _handle_problem,
    RequestValidationError: _handle_validation_error,
    HTTPException: _handle_http_error,
    ClientDisconnect: _handle_disconnect,
    ServerError: _handle_server_error,
    StorageFullError: _handle_full_storage,
    Exception: _handle_unexpected_error,
}
"""Handlers with which an app answers every error with a problem."""


def _methods(request: Request) -> set[str]:
    found: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        match, _ = context.matches(request.scope)
        if match is not Match.NONE:
            found |= context.methods or set()
    return found


def _describe_errors(errors: Sequence[Any]) -> str:
    """Describes what was wrong, without repeating what the caller sent."""
    places = (" ".join(part for part in one["loc"] if isinstance(part, str)) for one in errors)
    parts = (f"{at or 'body'}: {one['msg']}." for at, one in zip(places, errors, strict=True))
    return " ".join(dict.fromkeys(parts))
