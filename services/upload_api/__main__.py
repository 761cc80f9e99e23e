"""`python -m services.upload_api` serves until a signal ends it, and then finishes its uploads."""

from __future__ import annotations

import logging

import uvicorn

from assets.settings import UploadSettings
from services.upload_api.server import configuration


def main() -> None:
    """Serves the application at the address in the settings."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # callers' mistakes
    uvicorn.Server(configuration(UploadSettings())).run()


if __name__ == "__main__":
    main()
