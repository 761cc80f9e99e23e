"""The upload API as its own process over a warehouse and buckets of the browser tests."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg

from assets.ingestion.bucket.registration import Registration
from assets.ingestion.upload import api_keys
from assets.platform import Platform
from assets.processing.batch_runner import BatchRunner
from assets.processing.recipe import read_recipe
from assets.settings import Settings
from infra.local.server import Server
from infra.local.servers import upload_api_server
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.local.warehouses import copy_of_warehouse


@dataclass(frozen=True)
class Site:
    """What a visitor's browser talks to, and ways to look behind it."""

    server: Server
    object_store: Server
    settings: Settings
    owner_url: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def origins(self) -> set[str]:
        """Where the page may ask: itself, and S3 for renditions."""
        return {self.address, self.settings.aws_endpoint_url}

    def create_key(self, uploader: str) -> str:
        with psycopg.connect(self.owner_url) as connection:
            return api_keys.issue(connection, uploader).text

    def kill(self) -> None:
        process = self.server.process()
        process.kill()
        psutil.wait_procs([process], timeout=10)

    @contextmanager
    def gone(self) -> Iterator[None]:
        """The API is killed, and comes back when the block ends."""
        self.kill()
        try:
            yield
        finally:
            self.server.start()

    @contextmanager
    def locked_ledger(self) -> Iterator[None]:
        """The ledger can be neither read nor written until the block ends."""
        with psycopg.connect(self.owner_url) as connection:
            connection.execute("lock table image_catalog.image")
            yield

    def register(self) -> None:
        """Registers what is in the bucket and not in the ledger."""
        Registration(Platform.from_settings(self.settings)).run()

    def process(self) -> None:
        """Processes every image that waits."""
        runner = BatchRunner(Platform.from_settings(self.settings), read_recipe("standard"))
        runner.run(datetime.now(UTC).date(), f"run {uuid.uuid4()}")

    def filenames(self, uploader: str) -> list[str]:
        """File names of an uploader's images in the ledger, one for each row."""
        with psycopg.connect(self.owner_url) as connection:
            rows = connection.execute(
                "select filename from image_catalog.image where uploader = %s order by filename",
                [uploader],
            )
            return [name for (name,) in rows]


@contextmanager
def still(server: Server) -> Iterator[None]:
    """A server hears everything and answers nothing until the block ends."""
    process = server.process()
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextmanager
def open_site(stack: Stack, folder: Path) -> Iterator[Site]:
    with copy_of_warehouse(stack, f"browser_{uuid.uuid4().hex[:12]}") as env:
        env |= {
            "RUN_LINGER_SECONDS": "0.2",
            "PROCESSING_WORKERS": "1",
            "UPLOAD_STORE_SECONDS": "3",
        }
        settings = Settings.of(env)
        server = upload_api_server(StateFolder(folder), stack.ports, env)
        object_store = next(one for one in stack.servers if one.name == "object_store")
        try:
            server.start()
            yield Site(server, object_store, settings, env["DATABASE_OWNER_URL"])
        finally:
            server.stop()
