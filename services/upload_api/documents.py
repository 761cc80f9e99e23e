"""The OpenAPI document: what FastAPI cannot read off the routes."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from assets.validation.headers import ALLOWED_FORMATS
from services.upload_api import problems
from services.upload_api.bodies import IDEMPOTENCY_KEY, MAX_IDEMPOTENCY_KEY_LENGTH
from services.upload_api.problems import Problem

TITLE = "Darkroom upload API"
_VERSION = "1.0.0"
_DESCRIPTION = """
Images in over HTTP. An image that was answered with 201 or 202 is stored durably; what became of
it is told under its status address until it is deleted, seven days later at most.

Errors are problem details (RFC 9457); `detail` says what to do.
"""
_IMAGE_TYPES = [f"image/{name.lower()}" for name in ALLOWED_FORMATS]
_BYTES = {"schema": {"type": "string", "format": "binary", "minLength": 1}}

CALLER_PROBLEMS = (problems.UNAUTHORIZED, problems.INVALID, problems.INTERNAL, problems.UNAVAILABLE)
"""What can go wrong for every caller."""

SENDER_PROBLEMS = (
    *CALLER_PROBLEMS,
    problems.TOO_LARGE,
    problems.RATE_LIMITED,
    problems.BUSY,
)
"""What can go wrong for whoever sends something."""


def _parameter(place: str, name: str, description: str, **limits: object) -> dict[str, object]:
    schema = {"type": "string", **limits}
    return {"in": place, "name": name, "description": description, "schema": schema}


SEND_IMAGE = {
    "security": [{"ApiKey": []}],
    "parameters": [
        _parameter(
            "header",
            "Idempotency-Key",
            "the same for each attempt to send the same image, another for each image",
            minLength=1,
            maxLength=MAX_IDEMPOTENCY_KEY_LENGTH,
            pattern=f"^{IDEMPOTENCY_KEY.pattern}$",
        ),
        _parameter("header", "X-Filename", "the file's name, percent-encoded UTF-8"),
        _parameter("header", "Content-Disposition", "its `filename` is taken as well"),
        _parameter("query", "filename", "the file's name, if no header tells it"),
    ],
    "requestBody": {
        "required": True,
        "description": "The bytes of one image, alone or as the one part of a form. "
        "The declared type is kept; the first bytes decide.",
        "content": {
            **dict.fromkeys((*_IMAGE_TYPES, "application/octet-stream"), _BYTES),
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": _BYTES["schema"]},
                    "required": ["file"],
                    "additionalProperties": False,
                },
                "encoding": {"file": {"contentType": ", ".join(_IMAGE_TYPES)}},
            },
        },
    },
}


def document(app: FastAPI) -> dict[str, Any]:
    """Returns the app's OpenAPI document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=TITLE, version=_VERSION, description=_DESCRIPTION, routes=app.routes
        )
        made["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        app.openapi_schema = made
    return app.openapi_schema
