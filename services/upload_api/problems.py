"""Errors as callers get them: problem details, each with a sentence that says what to do.

Source: RFC 9457, “Problem Details for HTTP APIs”.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Match

MEDIA_TYPE = "application/problem+json"

NOTED = "darkroom.problem"
"""Where in a request's scope the kind of its problem stands."""


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    type: str = Field(description="names the kind of problem, for programs")
    title: str = Field(description="the kind of problem, for people")
    status: int = Field(description="the HTTP status once more", ge=400, le=599)
    detail: str = Field(description="what was wrong with this request, and what to do")


@dataclass(frozen=True)
class Kind:
    """A kind of problem: the last part of its type, its title and its HTTP status."""

    name: str
    title: str
    status: int


INVALID = Kind("invalid-request", "The request is not understood", 422)
UNAUTHORIZED = Kind("unauthorized", "A valid API key is needed", 401)
UNKNOWN_PATH = Kind("unknown-path", "There is nothing at this address", 404)
UNKNOWN_IMAGE = Kind("unknown-image", "There is no such image", 404)
GONE = Kind("image-deleted", "The image was deleted", 410)
METHOD = Kind("method-not-allowed", "This address does not do that", 405)
TOO_SLOW = Kind("too-slow", "The body did not come in time", 408)
TOO_LARGE = Kind("too-large", "The body is too large", 413)
NOT_AN_IMAGE = Kind("not-an-image", "The content is no image that is taken here", 415)
REFUSED = Kind("image-refused", "The image is not taken", 422)
KEY_REUSED = Kind("idempotency-key-reused", "The idempotency key stands for another image", 422)
RATE_LIMITED = Kind("rate-limited", "Too many uploads in a short time", 429)
INTERNAL = Kind("internal-error", "The server made a mistake", 500)
BUSY = Kind("busy", "Too many uploads are under way", 503)
UNAVAILABLE = Kind("unavailable", "A server behind this one does not answer", 503)


class ProblemError(Exception):
    """A request cannot be answered as the caller hoped.

    Args:
        kind: What kind of problem it is.
        detail: What was wrong and what to do, without anything of other callers or of servers.
        headers: Headers of the answer, such as Retry-After.
    """

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}


def answer(
    request: Request, kind: Kind, detail: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns a problem as a response, and notes its kind on the request."""
    request.scope[NOTED] = kind.name
    problem = Problem(
        type=f"urn:darkroom:problem:{kind.name}",
        title=kind.title,
        status=kind.status,
        detail=detail,
    )
    return Response(problem.model_dump_json(), kind.status, headers, MEDIA_TYPE)


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Describes problems for the OpenAPI document, by status."""
    titles: dict[int, list[str]] = {}
    for kind in kinds:
        titles.setdefault(kind.status, []).append(kind.title)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": ". ".join((*names, "")).strip(),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status, names in titles.items()
    }


def handle_problems(app: FastAPI) -> None:
    """Makes an app answer every error with a problem."""
    handlers: Mapping[Any, Any] = {
        ProblemError: _handle_problem,
        RequestValidationError: _handle_validation_error,
        HTTPException: _handle_http_error,
        ClientDisconnect: _handle_disconnect,
        Exception: _handle_unexpected_error,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)


async def _handle_problem(request: Request, error: ProblemError) -> Response:
    return answer(request, error.kind, error.detail, error.headers)


async def _handle_validation_error(request: Request, error: RequestValidationError) -> Response:
    return answer(
        request, INVALID, f"{_wrong_parts(error.errors())} See /openapi.json for what is taken."
    )


async def _handle_http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == METHOD.status:
        methods = ", ".join(sorted(_methods(request) or {"GET", "HEAD"}))  # a file of the page
        return answer(request, METHOD, f"Use one of {methods} here.", {"Allow": methods})
    if error.status_code == UNKNOWN_PATH.status:
        return answer(
            request, UNKNOWN_PATH, "Look at /openapi.json for the addresses that there are."
        )
    if error.status_code == TOO_LARGE.status:
        return answer(request, TOO_LARGE, "The body is longer than this address takes; send less.")
    return answer(request, INVALID, "The body cannot be read. See /openapi.json for what is taken.")


async def _handle_disconnect(request: Request, _error: ClientDisconnect) -> Response:
    """Ends a request whose caller has gone: nobody reads this."""
    return answer(request, TOO_SLOW, "The connection ended before the body did. Send it again.")


async def _handle_unexpected_error(request: Request, _error: Exception) -> Response:
    return answer(
        request,
        INTERNAL,
        "Try again with the same Idempotency-Key; tell the platform team if it repeats.",
    )


def _methods(request: Request) -> set[str]:
    """Returns what can be done at a request's address, over all routes that share it."""
    found: set[str] = set()
    for context in iter_route_contexts(request.app.routes):
        match, _ = context.matches(request.scope)
        if match is not Match.NONE:
            found |= context.methods or set()
    return found


def _wrong_parts(errors: Sequence[Any]) -> str:
    """Names what was wrong, without repeating what the caller sent."""
    parts = []
    for error in errors:
        where = " ".join(str(part) for part in error["loc"] if isinstance(part, str))
        parts.append(f"{where or 'body'}: {error['msg']}.")
    return " ".join(dict.fromkeys(parts))
