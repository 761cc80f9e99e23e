"""`python -m services.upload_api` serves until a signal, then finishes the uploads in flight."""

import logging

import uvicorn

from assets.settings import UploadSettings
from services.upload_api.app import server_config
from services.upload_api.state import AppState


def main() -> None:
    """Serves the application and its metrics at the addresses in the settings."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of callers' mistakes
    state = AppState(UploadSettings())
    state.metrics.serve(state.settings.upload_metrics_port)
    uvicorn.Server(server_config(state)).run()


if __name__ == "__main__":
    main()
