"""`python -m services.upload_api` serves until a signal, then finishes the uploads in flight."""

import logging
import sys

import uvicorn

from assets.errors import ServerError, TablesVersionError
from assets.resources.warehouse import Warehouse
from assets.settings import UploadSettings
from services.upload_api.app import server_config
from services.upload_api.state import AppState

_LOG = logging.getLogger(__name__)


def main() -> None:
    """Serves the application and its metrics at the addresses in the settings.

    Exits with 1 when the tables of the warehouse are of another version.
    """
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it warns of callers' mistakes
    state = AppState(UploadSettings())
    try:
        with Warehouse.from_settings(state.settings).connect():
            pass  # its tables are of this version
    except TablesVersionError as error:
        sys.exit(str(error))
    except ServerError as error:
        _LOG.warning("%s", error)  # images are stored without it, and registered later
    state.metrics.serve(state.settings.upload_metrics_port)
    uvicorn.Server(server_config(state)).run()


if __name__ == "__main__":
    main()
