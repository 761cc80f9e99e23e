"""The upload API in the embedded stack, with what it needs in its environment and no more."""

import sys
from collections.abc import Mapping

from assets.settings import UploadSettings
from infra.local.server import Server, answers_http
from infra.local.state import StateFolder

# Credentials of other programs, given to the stack from outside: the program inherits the rest.
_OF_OTHERS = (
    *("DATABASE_ADMIN_URL", "DATABASE_UPLOADER_URL", "DAGSTER_DATABASE_URL"),
    "DBT_ENV_SECRET_PASSWORD",
)


def upload_api_server(state: StateFolder, port: int, env: Mapping[str, str]) -> Server:
    """Describes the server; it logs in to the database as darkroom_uploader."""
    names = {name.upper() for name in UploadSettings.model_fields} - {"KAFKA_BOOTSTRAP_SERVERS"}
    return Server(
        name="upload_api",
        title="Upload API",
        argv=(sys.executable, "-m", "services.upload_api"),
        port=port,
        port_variable="UPLOAD_PORT",
        is_ready=lambda: answers_http(f"http://127.0.0.1:{port}/healthz"),
        state=state,
        env={
            **{name: env[name] for name in names & env.keys()},
            "DATABASE_URL": env["DATABASE_UPLOADER_URL"],
            "UPLOAD_HOST": "127.0.0.1",
            "UPLOAD_PORT": str(port),
        },
        withheld=_OF_OTHERS,
    )
