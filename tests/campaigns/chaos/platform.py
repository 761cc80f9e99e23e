"""A platform of the campaign's own: temporary state, free ports, proxies before every server."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from assets.access.people import create_person
from assets.access.policy import load_policy
from assets.errors import StackError
from assets.ingestion.upload import api_keys
from assets.resources.warehouse import Warehouse
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.local.supervisor import supervise
from tests.campaigns.chaos.proxy import Network, Proxy
from tests.campaigns.chaos.sources import Addresses

# A killed S3 forgets notifications: the bucket is listed often, so that nobody waits long. A run
# that waited for more as long as that would never end.
_INTERVALS = {"SWEEP_INTERVAL_SECONDS": "20", "RUN_LINGER_SECONDS": "10"}
_VIEWS_SECONDS = 600
_ANALYST = "chaos_analyst"
_UPLOADER = "chaos"
# What a person's own environment must not change about the campaign's servers.
_IGNORED_VARIABLES = ("DATABASE_URL", "AWS_ENDPOINT_URL", "KAFKA_BOOTSTRAP_SERVERS")


@dataclass(frozen=True)
class CampaignPlatform:
    """A platform that runs, and the ways to it.

    Attributes:
        network: The proxies that everybody reaches the servers through.
        supervision: What starts again whatever is killed; it ends with the stack, or if it fails.
    """

    stack: Stack
    network: Network
    supervision: Future[None]
    addresses: Addresses
    analyst: Warehouse


@contextmanager
def running_platform(
    kafka: str, say: Callable[[str], None], report: Callable[[str], None]
) -> Iterator[CampaignPlatform]:
    """Starts a platform and stops it afterwards; its state folder is left to whoever looks.

    Args:
        report: Called with what ends unexpectedly, and what runs again.
    """
    stack = _stack(kafka, say)
    behind = stack.listens or stack.ports
    network = Network(
        {
            "postgres": Proxy(stack.ports.postgres, behind.postgres),
            "object_store": Proxy(stack.ports.s3, behind.s3),
            "kafka": Proxy(stack.ports.kafka, behind.kafka),
        }
    )
    with network.running(), _stopping(stack):
        stack.start()
        stack.start_upload_api()
        stack.start_dagster()
        watcher = ThreadPoolExecutor(1)
        supervision = watcher.submit(supervise, stack, report)
        watcher.shutdown(wait=False)
        analyst = _analyst(stack)
        say("waiting for the analysts' views")
        _wait_for_views(analyst)
        yield CampaignPlatform(stack, network, supervision, _addresses(stack), analyst)


def _stack(kafka: str, say: Callable[[str], None]) -> Stack:
    outside = {name: value for name, value in os.environ.items() if name not in _IGNORED_VARIABLES}
    outside |= {"KAFKA": kafka, **_INTERVALS}
    folder = Path(tempfile.mkdtemp(prefix="darkroom-chaos-"))
    return Stack(StateFolder(folder), free_ports(), outside, say, listens=free_ports())


@contextmanager
def _stopping(stack: Stack) -> Iterator[None]:
    stack.say(f"state and logs stay in {stack.state.root}")
    try:
        yield
    finally:
        stack.stop()


def _addresses(stack: Stack) -> Addresses:
    key = api_keys.new_key()
    with psycopg.connect(stack.environment()["DATABASE_ADMIN_URL"]) as connection:
        api_keys.insert(connection, key, _UPLOADER)
    url = f"http://127.0.0.1:{stack.ports.upload_api}/v1/images"
    return Addresses(stack.settings(), url, key.text)


def _analyst(stack: Stack) -> Warehouse:
    env = stack.environment()
    password = create_person(env["DATABASE_ADMIN_URL"], load_policy(), _ANALYST, "TEAM_ANALYTICS")
    return Warehouse(make_conninfo(env["DATABASE_URL"], user=_ANALYST, password=password))


def _wait_for_views(analyst: Warehouse) -> None:
    """Waits for the build that a new platform begins with: later ones come once an hour only."""
    deadline = time.monotonic() + _VIEWS_SECONDS
    while time.monotonic() < deadline:
        with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            with analyst.connect() as connection:
                connection.execute("select 1 from analytics.view_image_daily_summary limit 1")
            return
        time.sleep(1)
    raise StackError(f"The views were not built within {_VIEWS_SECONDS} s; see Dagster's log.")
