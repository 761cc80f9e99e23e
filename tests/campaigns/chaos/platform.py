"""A platform of the campaign's own: temporary state, free ports, proxies before every server."""

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from assets.access.people import create_person
from assets.access.policy import load_policy
from assets.errors import StackError
from assets.resources.warehouse import Warehouse
from infra.console import console, say
from infra.local.ports import free_ports
from infra.local.stack import OUTSIDE_SERVERS, Stack
from infra.local.state import StateFolder
from infra.local.supervisor import supervise
from infra.source_clients import Addresses
from tests.campaigns.chaos.proxy import Network, Proxy

FOLDER = "chaos"
"""Where the sender of the source `bucket` drops its images; also the name of the uploader."""

# A killed S3 forgets notifications: the bucket is listed often, so that nobody waits long. A run
# that waited for more as long as that would never end.
_INTERVALS = {"SWEEP_INTERVAL_SECONDS": "20", "RUN_LINGER_SECONDS": "10"}
_VIEWS_SECONDS = 1800
_ANALYST = "chaos_analyst"
_ANSWER_SECONDS = 15


def report(sentence: str) -> None:
    """Prints what has just happened, with the time."""
    console.print(f"  [dim]{time.strftime('%H:%M:%S')}[/] {sentence}")


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
def running_platform(kafka: str) -> Iterator[CampaignPlatform]:
    """Starts a platform and stops it afterwards; its state folder is kept."""
    outside = {name: value for name, value in os.environ.items() if name not in OUTSIDE_SERVERS}
    outside |= {"KAFKA": kafka, **_INTERVALS}
    folder = Path(tempfile.mkdtemp(prefix="darkroom-chaos-"))
    stack = Stack(StateFolder(folder), free_ports(), outside, say, listens=free_ports())
    behind = stack.listens or stack.ports
    network = Network(
        {
            "postgres": Proxy(stack.ports.postgres, behind.postgres),
            "object_store": Proxy(stack.ports.s3, behind.s3),
            "kafka": Proxy(stack.ports.kafka, behind.kafka),
        }
    )
    say(f"state and logs stay in {folder}")
    with network.running(), ExitStack() as opened:
        opened.callback(stack.stop)
        stack.start()
        stack.start_programs()
        watcher = ThreadPoolExecutor(1)
        supervision = watcher.submit(supervise, stack, report)
        watcher.shutdown(wait=False)
        addresses = Addresses.of(stack, FOLDER, FOLDER, _ANSWER_SECONDS)
        analyst = _analyst(stack)
        say("waiting for the analysts' views")
        _wait_for_views(analyst)
        yield CampaignPlatform(stack, network, supervision, addresses, analyst)


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
