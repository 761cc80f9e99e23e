"""Records the state of the newest migration: `make record-state` writes `states/<revision>.sql`.

A migration lands together with its state, recorded by the code of its own commit. That code writes
the data: images in all states, receipts, erasures, gaps, keys, sales and views. Everything in it
is generated, and the file holds no password.
"""

import lzma
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from assets.catalog.leases import LeaseRequest, claim
from assets.errors import StackError
from assets.ingestion.kafka.gaps import explain, read_gaps
from assets.ingestion.upload import api_keys
from assets.resources.warehouse import read_value, read_values
from assets.retention.erasure import Erasure
from assets.retention.erasure_requests import ErasureSelection
from assets.retention.purge import Purge
from assets.retention.signing import open_signer, to_pem
from infra.console import say
from infra.demo.photographs import photographs
from infra.demo.sales.seed import Scale, seed
from infra.local.dbt import build
from infra.local.ports import free_ports
from infra.local.postgres import program
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.local.warehouses import owner_conninfo
from infra.postgres import migrations
from infra.postgres.bootstrap import WAREHOUSE
from tests.integration.conftest import Platform
from tests.integration.topic import fill, lose, recreate_topic
from tests.integration.upload_api import serving, upload_settings
from tests.upload_client import Api

MIGRATIONS = Path(migrations.__file__).parent / "versions"
STATES = Path(__file__).parent / "states"
_SALES = Scale(members=10, items=6, transactions=24, days=30)
_OUTSIDE = {"RUN_LINGER_SECONDS": "0.2", "PROCESSING_WORKERS": "1", "KAFKA_HOLE_SECONDS": "1"}
_PENDING = """
    select "TRANSACTION_ID_NO" from "ASSESSMENT"."TB_TRANSACTION"
    where "STATUS_CD" = 'PENDING' order by 1
"""
_ACTIVE = """
    select min("MEMBERSHIP_ID_TXT") from "ASSESSMENT"."TB_MEMBERSHIP" where "STATUS_CD" = 'ACTIVE'
"""
_NEW_ADDRESS = """
    update "ASSESSMENT"."TB_MEMBERSHIP" set "EMAIL_ADDR" = 'new@example.com'
    where "MEMBERSHIP_ID_TXT" = %s
"""
_OF_SUPERUSER = re.compile(r"^(CREATE|ALTER) ROLE postgres\b.*\n", re.MULTILINE)


@contextmanager
def recording_stack() -> Iterator[Stack]:
    """Starts a platform of its own in a temporary folder, and deletes it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(StateFolder(Path(folder)), free_ports(), outside=_OUTSIDE)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


def write_sales(stack: Stack) -> None:
    """Writes sales, builds the views, and changes rows that the next build has to follow."""
    with psycopg.connect(owner_conninfo(stack), autocommit=True) as owner:
        seed(owner, _SALES, lambda _: None)
        with tempfile.TemporaryDirectory() as outputs:
            build(stack.environment(), outputs=Path(outputs))
        first, second, *_ = read_values(owner, _PENDING)
        active = read_value(owner, _ACTIVE)
        for change, parameters in (
            ("call \"ASSESSMENT\".add_item('Tripod \"42\"', 'Northlight', 42.50, 1.25)", []),
            ('call "ASSESSMENT".change_item(1, cost => 12.30)', []),
            ('call "ASSESSMENT".retire_item(2)', []),
            ('call "ASSESSMENT".record_transaction(%s, array[1, 3], array[2, 1])', [active]),
            ('call "ASSESSMENT".complete_transaction(%s)', [first]),
            ('call "ASSESSMENT".cancel_transaction(%s)', [second]),
            (_NEW_ADDRESS, [active]),
        ):
            owner.execute(change, parameters)


def write_images(stack: Stack) -> None:
    """Brings images of every source into every state; some are purged, some erased."""
    settings, now = stack.settings(), datetime.now(UTC)
    platform = Platform.from_settings(settings)
    bodies = [one.body for one in photographs(5, megapixels=0.05, seed=1)]
    platform.produce([bodies[0], b""], sent_at=now - timedelta(days=3))
    _work(platform)
    Purge(platform).run(now + settings.purge_age - timedelta(days=2.5))

    platform.produce(bodies[:3], [("uploader", b"ann")], now - timedelta(days=2))
    fill(platform, 1, [b"Dear colleagues", b""])
    platform.drop("drop/own.jpg", bodies[3])
    with psycopg.connect(owner_conninfo(stack), autocommit=True) as owner:
        key = api_keys.issue(owner, "shop").text
        api_keys.revoke(owner, api_keys.issue(owner, "former-shop").key_id)
    with serving(upload_settings(stack, settings)) as address:
        Api(address, key).send(bodies[4], Idempotency_Key="first").raise_for_status()
    _work(platform)

    recreate_topic(platform)
    fill(platform, 0, bodies)
    for offset in (1, 3):
        lose(platform, 0, offset)
    platform.drop("drop/waiting.jpg", bodies[0])
    platform.land()
    platform.register()
    erasure = Erasure(platform)
    erasure.run(erasure.request(ErasureSelection(source="upload")), now)
    chosen = "select image_id from image_catalog.image where state = 'processed' limit 1"
    erasure.request(ErasureSelection(images=platform.query(chosen)[0]))
    with platform.warehouse.connect() as connection:
        explain(connection, read_gaps(connection)[0].gap_id, "a disk was replaced", now)
        claim(connection, LeaseRequest(now.date(), "a run", timedelta(minutes=5), ""), 1)


def _work(platform: Platform) -> None:
    platform.land()
    platform.register()
    for (day,) in platform.query(
        "select distinct (arrived_at at time zone 'UTC')::date from image_catalog.image"
    ):
        platform.process(day=day)


def dump(stack: Stack) -> str:
    """Returns roles, schema and rows of the warehouse as SQL, without any password."""
    superuser = stack.superuser_conninfo(WAREHOUSE)
    roles = ("pg_dumpall", "--roles-only", "--no-role-passwords", f"--dbname={superuser}")
    warehouse = ("pg_dump", "--create", "--encoding=UTF8", f"--dbname={superuser}")
    texts = [_run(*command, "--restrict-key=darkroom") for command in (roles, warehouse)]
    return _OF_SUPERUSER.sub("", "".join(texts))


def _run(name: str, *arguments: str) -> str:
    done = subprocess.run([program(name), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise StackError(done.stderr)
    return done.stdout


def main() -> None:
    """Records the state, and says where."""
    with recording_stack() as stack:
        write_sales(stack)
        write_images(stack)
        public_key = to_pem(open_signer(stack.settings()).public_key).decode()
        path = STATES / f"{max(MIGRATIONS.glob('*.sql')).name[:4]}.sql.xz"
        notes = "".join(f"-- {line}\n" for line in public_key.splitlines())
        path.write_bytes(lzma.compress((notes + dump(stack)).encode()))
    say(f"recorded {path}")


if __name__ == "__main__":
    main()
