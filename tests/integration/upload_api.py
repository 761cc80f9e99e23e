"""The upload API on a real socket, for a test: started and stopped."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.settings import Settings, UploadSettings
from infra.local.stack import Stack
from services.upload_api.app import server_config
from services.upload_api.state import AppState

_TIMEOUT_SECONDS = 60  # no test is about how fast the machine is that it runs on


def upload_settings(stack: Stack, settings: Settings, **changes: object) -> UploadSettings:
    """Settings of an upload API over the warehouse and the buckets of one test."""
    database = conninfo_to_dict(settings.database_url.get_secret_value())["dbname"]
    uploader = make_conninfo(stack.environment()["DATABASE_UPLOADER_URL"], dbname=database)
    shared = {
        name: value
        for name in Settings.model_fields
        if (value := getattr(settings, name)) is not None
    }
    own = {"database_url": uploader, "upload_database_seconds": _TIMEOUT_SECONDS}
    return UploadSettings(**shared | own | changes)  # type: ignore[arg-type]


@contextmanager
def serving(settings: UploadSettings) -> Iterator[str]:
    """Serves the application in a thread, and yields its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(server_config(AppState(settings)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
