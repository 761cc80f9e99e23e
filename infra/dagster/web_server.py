"""Dagster's web server behind the guard: `python -m infra.dagster.web_server -w workspace.yaml`.

It replaces `dagster-webserver`, on a laptop and on AWS alike; `WebServerSettings` says where it
listens and for which hosts it answers.
"""

import argparse
from contextlib import closing
from typing import Final

import psycopg2
import uvicorn
from dagster import DagsterInstance
from dagster._core.workspace.load import load_workspace_process_context_from_yaml_paths
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.cli import (
    DEFAULT_DB_STATEMENT_TIMEOUT,
    DEFAULT_POOL_MAX_OVERFLOW,
    DEFAULT_POOL_RECYCLE,
)
from dagster_webserver.version import __version__
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool

from assets.settings import WebServerSettings
from infra.dagster.guard import Guard

_POLL_MILLISECONDS: Final = 2000
_SHUTDOWN_SECONDS: Final = 5


@event.listens_for(Pool, "checkout")
def _replace_if_closed(connection: DBAPIConnection, *_: object) -> None:
    """Has the pool replace a connection that a restarted database has closed.

    Otherwise the first requests after a restart would be answered with an error.
    """
    try:
        with closing(connection.cursor()) as cursor:
            cursor.execute("select 1")
    except psycopg2.Error as error:
        raise DisconnectionError from error


def main() -> None:
    """Serves until it is asked to end."""
    parser = argparse.ArgumentParser(prog="web_server", description=__doc__)
    parser.add_argument("-w", "--workspace", required=True, help="file with the code locations")
    workspace, settings = parser.parse_args().workspace, WebServerSettings()
    with DagsterInstance.get() as instance:
        instance.optimize_for_webserver(
            DEFAULT_DB_STATEMENT_TIMEOUT, DEFAULT_POOL_RECYCLE, DEFAULT_POOL_MAX_OVERFLOW
        )
        with load_workspace_process_context_from_yaml_paths(
            instance, [workspace], __version__
        ) as context:
            app = create_app_from_workspace_process_context(
                context, live_data_poll_rate=_POLL_MILLISECONDS
            )
            uvicorn.run(
                Guard(app, settings.hosts),
                host=settings.dagster_host,
                port=settings.dagster_port,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            )


if __name__ == "__main__":
    main()
