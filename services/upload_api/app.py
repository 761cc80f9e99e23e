"""The upload API put together: routes, page, errors, and the layers around them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from assets.errors import ServerError
from assets.settings import UploadSettings
from services.upload_api import health, images
from services.upload_api.access import RETRY_SECONDS
from services.upload_api.documents import TITLE, document
from services.upload_api.edge import EdgeMiddleware
from services.upload_api.metrics import MetricsMiddleware
from services.upload_api.parts import AppState
from services.upload_api.problems import UNAVAILABLE, answer, handle_problems
from services.upload_api.storage import origin

_LOG = logging.getLogger(__name__)
_LARGE_BODIES = "/v1/images"
_STATIC = Path(__file__).parent / "static"


def make_api(parts: AppState) -> FastAPI:
    """Returns the app without the layers around it."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with parts.open():
            yield

    api = FastAPI(
        title=TITLE, docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan
    )
    api.state.parts = parts
    api.openapi = partial(document, api)  # type: ignore[method-assign]
    api.include_router(images.router)
    api.include_router(health.router)
    api.add_api_route("/", _page, include_in_schema=False)
    api.mount("/static", StaticFiles(directory=_STATIC))
    handle_problems(api)
    api.add_exception_handler(ServerError, _unavailable)
    return api


def make_application(settings: UploadSettings) -> ASGIApp:
    """Returns the whole application; it connects to its servers when it is started."""
    parts = AppState.of(settings)
    edge = EdgeMiddleware(make_api(parts), origin(settings), _LARGE_BODIES)
    return MetricsMiddleware(edge, parts.metrics)


async def _page() -> FileResponse:
    return FileResponse(_STATIC / "index.html")


async def _unavailable(request: Request, error: Exception) -> Response:
    _LOG.warning("A request was refused: %s", error)
    return answer(
        request,
        UNAVAILABLE,
        "A server behind this one does not answer, so nothing was done; try again in a few "
        "seconds, an upload with the same Idempotency-Key.",
        {"Retry-After": str(RETRY_SECONDS)},
    )
