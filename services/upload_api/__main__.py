"""`python -m services.upload_api` serves until a signal, then finishes the uploads in flight."""

import logging

import uvicorn

from assets.settings import UploadSettings
from services.upload_api.app import server_config


def main() -> None:
    """Serves the application at the address in the settings."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of callers' mistakes
    uvicorn.Server(server_config(UploadSettings())).run()


if __name__ == "__main__":
    main()
