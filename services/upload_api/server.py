"""How Uvicorn serves the upload API."""

from __future__ import annotations

import uvicorn

from assets.settings import UploadSettings
from services.upload_api.app import make_application

_KEEP_ALIVE_SECONDS = 75  # longer than load balancers keep a connection, which would lose a request
_FINISH_SECONDS = 25


def configuration(settings: UploadSettings) -> uvicorn.Config:
    """Returns the configuration of a server; what is on its way when it ends is finished."""
    return uvicorn.Config(
        make_application(settings),
        host=settings.upload_host,
        port=settings.upload_port,
        root_path=settings.upload_root_path,
        proxy_headers=bool(settings.upload_trusted_proxies),
        forwarded_allow_ips=settings.upload_trusted_proxies,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINISH_SECONDS,
        access_log=False,
        server_header=False,
        ws="none",
    )
