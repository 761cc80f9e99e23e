"""The OpenAPI document: what FastAPI cannot derive from the routes."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from assets.validation.headers import IMAGE_TYPES
from services.upload_api import problems
from services.upload_api.body import IDEMPOTENCY_KEY, MAX_IDEMPOTENCY_KEY_LENGTH

_TITLE = "Darkroom upload API"
_VERSION = "1.0.0"
_DESCRIPTION = """
Send images over HTTP. An image answered with 201 or 202 is stored durably. Its status URL shows
what became of it until it is deleted, at most seven days later.

Errors are problem details (RFC 9457); `detail` says what to do.
"""
_BYTES = {"schema": {"type": "string", "format": "binary", "minLength": 1}}

CALLER_PROBLEMS = (problems.UNAUTHORIZED, problems.INVALID, problems.INTERNAL, problems.UNAVAILABLE)
"""Problems of every route that needs an API key."""

SENDER_PROBLEMS = (*CALLER_PROBLEMS, problems.TOO_LARGE, problems.RATE_LIMITED, problems.BUSY)
"""Problems of every route that begins an upload."""


def _parameter(place: str, name: str, description: str, **limits: object) -> dict[str, object]:
    schema = {"type": "string", **limits}
    return {"in": place, "name": name, "description": description, "schema": schema}


SEND_IMAGE = {
    "security": [{"ApiKey": []}],
    "parameters": [
        _parameter(
            "header",
            "Idempotency-Key",
            "the same for every attempt to send an image, and a different one for each image",
            minLength=1,
            maxLength=MAX_IDEMPOTENCY_KEY_LENGTH,
            pattern=f"^{IDEMPOTENCY_KEY.pattern}$",
        ),
        _parameter("header", "X-Filename", "the file name as percent-encoded UTF-8"),
        _parameter("header", "Content-Disposition", "its `filename` is also accepted"),
        _parameter("query", "filename", "the file name, if no header contains it"),
    ],
    "requestBody": {
        "required": True,
        "description": "The bytes of one image, alone or as the only part of a form. "
        "The declared type is recorded; the first bytes determine format and stored type.",
        "content": {
            **dict.fromkeys((*IMAGE_TYPES, "application/octet-stream"), _BYTES),
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": _BYTES["schema"]},
                    "required": ["file"],
                    "additionalProperties": False,
                },
                "encoding": {"file": {"contentType": ", ".join(IMAGE_TYPES)}},
            },
        },
    },
}


class DocumentedApi(FastAPI):
    """An app whose OpenAPI document describes problems as well."""

    def openapi(self) -> dict[str, Any]:
        """Returns the document; it is built once."""
        if self.openapi_schema is None:
            schema = get_openapi(
                title=_TITLE, version=_VERSION, description=_DESCRIPTION, routes=self.routes
            )
            schema["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
            self.openapi_schema = schema
        return self.openapi_schema
