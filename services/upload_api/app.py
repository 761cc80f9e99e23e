"""The assembled upload API: routes, page, error handlers, middleware, configuration of Uvicorn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from services.upload_api import health, images
from services.upload_api.connections import LimitedProtocol
from services.upload_api.middleware import EdgeMiddleware, MetricsMiddleware
from services.upload_api.openapi import DocumentedApi
from services.upload_api.problems import HANDLERS
from services.upload_api.state import AppState
from services.upload_api.storage import origin

_LARGE_BODIES = "/v1/images"
_STATIC = Path(__file__).parent / "static"
_KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep a connection, or a request could be lost
_SHUTDOWN_SECONDS = 25


def server_config(state: AppState) -> uvicorn.Config:
    """Returns Uvicorn's configuration; requests in flight are finished at a shutdown."""
    settings = state.settings
    return uvicorn.Config(
        make_application(state),
        http=LimitedProtocol,
        host=settings.upload_host,
        port=settings.upload_port,
        root_path=settings.upload_root_path,
        proxy_headers=bool(settings.upload_trusted_proxies),
        forwarded_allow_ips=settings.upload_trusted_proxies,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        access_log=False,
        server_header=False,
        ws="none",
    )


def make_application(state: AppState) -> ASGIApp:
    """Returns the whole application; it connects to its servers when it is started."""
    edge = EdgeMiddleware(_make_api(state), origin(state.settings), _LARGE_BODIES)
    return MetricsMiddleware(edge, state.metrics)


def _make_api(state: AppState) -> DocumentedApi:

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with state.open():
            yield

    api = DocumentedApi(
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        exception_handlers=dict(HANDLERS),
        generate_unique_id_function=lambda route: route.name,
    )
    api.state.darkroom = state
    api.include_router(images.router)
    api.include_router(health.router)
    api.add_api_route("/", _page, include_in_schema=False)
    api.mount("/static", StaticFiles(directory=_STATIC))
    return api


async def _page() -> FileResponse:
    return FileResponse(_STATIC / "index.html")
