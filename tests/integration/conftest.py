"""The embedded stack for the session; a warehouse, buckets and a topic for each test.

Outside servers given by the environment (`KAFKA_BOOTSTRAP_SERVERS`, …) are used instead.
"""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from functools import partial

import psycopg
import pytest
from kafka import KafkaProducer
from psycopg.conninfo import make_conninfo
from typer.testing import Result

from assets import platform as platform_of_code
from assets.access.people import create_person, list_people, remove_person
from assets.access.policy import Policy, load_policy
from assets.ingestion.bucket.registration import Registered, Registration
from assets.ingestion.kafka.landing import Landed, Landing
from assets.ingestion.upload import api_keys
from assets.processing.batch_runner import BatchRunner
from assets.processing.recipe import Recipe, read_recipe
from assets.processing.run_summary import RunSummary
from assets.resources.object_store import ObjectStore
from assets.settings import Settings
from infra.console import console, notices
from infra.demo.photographs import Photograph, photographs
from infra.demo.sales.seed import SCALES, seed
from infra.kafka.topics import provision_topic
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.local.state import StateFolder
from infra.local.warehouses import copy_of_warehouse
from infra.object_store.buckets import provision_buckets
from tests.commands import darkroom
from tests.integration.upload_api import serving, upload_settings
from tests.upload_client import Api


@dataclass(frozen=True)
class Platform(platform_of_code.Platform):
    def produce(
        self,
        bodies: Sequence[bytes | None],
        headers: Sequence[tuple[str, bytes]] = (),
        sent_at: datetime | None = None,
    ) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.settings.kafka_bootstrap_servers, max_request_size=12_000_000
        )
        timestamp = int(sent_at.timestamp() * 1000) if sent_at else None
        for number, body in enumerate(bodies):
            producer.send(
                self.settings.kafka_topic,
                key=str(number).encode(),
                value=body,
                headers=list(headers),
                timestamp_ms=timestamp,
            )
        producer.close()

    def drop(self, key: str, body: bytes) -> None:
        self.object_store.put(self.settings.raw_bucket, key, body, "image/jpeg")

    def forget_notifications(self) -> None:
        while received := self.object_store.receive():
            self.object_store.acknowledge(received)

    def land(self) -> Landed:
        return Landing(self).run()

    def register(self) -> Registered:
        return Registration(self).run()

    def process(
        self, run_id: str = "a run", day: date | None = None, recipe: Recipe | None = None
    ) -> RunSummary:
        made_by = recipe or read_recipe("standard")
        return BatchRunner(self, made_by).run(day or datetime.now(UTC).date(), run_id)

    def query(self, statement: str) -> list[tuple]:
        with self.warehouse.connect() as connection:
            return connection.execute(statement).fetchall()

    def states(self) -> dict[str, int]:
        """Counts images by reason or state."""
        return dict(
            self.query(
                "select coalesce(reason_code, state), count(*) from image_catalog.image group by 1"
            )
        )

    def keys(self, bucket: str) -> set[str]:
        pages = self.object_store.pages_of_versions(bucket)
        return {version.key for page in pages for version in page.versions}


@pytest.fixture(scope="session", autouse=True)
def wide_console() -> None:
    """What commands print is not broken into lines: tests look for sentences."""
    console.width = notices.width = 200


def without_durability(stack: Stack) -> Stack:
    """Has the database write without waiting for the disk: no test outlives a power failure."""
    with psycopg.connect(stack.superuser_conninfo(), autocommit=True) as server:
        for setting in ("fsync", "full_page_writes"):
            server.execute(f"alter system set {setting} = off")
        server.execute("select pg_reload_conf()")
    return stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(
        StateFolder(tmp_path_factory.mktemp("stack")), free_ports(), outside=dict(os.environ)
    )
    try:
        made.start()
        yield without_durability(made)
    finally:
        made.stop()


@pytest.fixture
def own_warehouse(stack: Stack) -> Iterator[dict[str, str]]:
    """The environment of a warehouse that only this test uses; it needs nothing but PostgreSQL."""
    with copy_of_warehouse(stack, f"test_{uuid.uuid4().hex[:12]}") as env:
        yield env


@pytest.fixture
def owner(own_warehouse: dict[str, str]) -> Iterator[psycopg.Connection]:
    """A connection that acts as the owner of this test's warehouse."""
    with psycopg.connect(own_warehouse["DATABASE_OWNER_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def superuser(stack: Stack, own_warehouse: dict[str, str]) -> Iterator[psycopg.Connection]:
    """The superuser's connection to this test's warehouse."""
    conninfo = stack.superuser_conninfo(own_warehouse["DBT_DBNAME"])
    with psycopg.connect(conninfo, autocommit=True) as connection:
        yield connection


@pytest.fixture
def overrides() -> dict[str, str]:
    """Settings that differ from their defaults: runs end soon, and start one decoding process.

    Modules about processing override this fixture and take as many processes as a real run.
    """
    return {"RUN_LINGER_SECONDS": "0.2", "PROCESSING_WORKERS": "1"}


@pytest.fixture
def own_variables(own_warehouse: dict[str, str]) -> dict[str, str]:
    """The environment of a warehouse, buckets, a queue and a topic that only this test uses."""
    token = uuid.uuid4().hex[:12]
    names = ("RAW_BUCKET", "PROCESSED_BUCKET", "QUARANTINE_BUCKET", "LOGS_BUCKET")
    names += ("RECEIPTS_BUCKET", "RAW_EVENTS_QUEUE", "KAFKA_TOPIC", "KAFKA_GROUP")
    own = {name: f"{name.lower().replace('_', '-')}-{token}" for name in names}
    own["RECEIPTS_ACCESS_KEY_ID"] = ""  # the archive's is for the platform's own bucket
    return own_warehouse | own


@pytest.fixture
def settings(own_variables: dict[str, str], overrides: dict[str, str]) -> Settings:
    """The settings of that environment; what they name exists."""
    made = Settings.of(own_variables | overrides)
    store = ObjectStore(made)
    provision_buckets(store.s3, store.sqs, made)
    provision_topic(made)
    return made


@pytest.fixture
def platform(settings: Settings) -> Platform:
    return Platform.from_settings(settings)


@pytest.fixture
def command(stack: Stack) -> Callable[..., Result]:
    """Runs `darkroom` on the session's stack."""
    env = {f"{name.upper()}_PORT": str(port) for name, port in asdict(stack.ports).items()}
    env |= {"DARKROOM_STATE": str(stack.state.root), "UPLOAD_PORT": env["UPLOAD_API_PORT"]}
    return partial(darkroom, env=env)


@pytest.fixture
def own_command(
    stack: Stack, own_variables: dict[str, str], settings: Settings
) -> Callable[..., Result]:
    """Runs `darkroom` on this test's warehouse, buckets and topic, with `more` variables."""

    def run(
        *arguments: object, more: Mapping[str, str] | None = None, answer: str | None = None
    ) -> Result:
        env = own_variables | {"DARKROOM_STATE": str(stack.state.root)} | dict(more or {})
        return darkroom(*arguments, env=env, answer=answer)

    return run


@pytest.fixture
def sales(owner: psycopg.Connection) -> None:
    """Members, items and transactions in this test's warehouse."""
    seed(owner, SCALES["demo"], lambda _: None)


@dataclass(frozen=True)
class People:
    """Makes people for a test, named after their team, and removes them after it."""

    env: dict[str, str]
    policy: Policy
    made: list[str] = field(default_factory=list)

    def join(self, team: str) -> str:
        """Admits somebody to a team; returns the connection that they log in with."""
        name = f"{team.removeprefix('TEAM_').lower()}_{uuid.uuid4().hex[:6]}"
        password = create_person(self.env["DATABASE_ADMIN_URL"], self.policy, name, team)
        self.made.append(name)
        return make_conninfo(self.env["DATABASE_ADMIN_URL"], user=name, password=password)

    def leave(self) -> None:
        admin = self.env["DATABASE_ADMIN_URL"]
        there = {person.name for person in list_people(admin, self.policy)}
        for name in there.intersection(self.made):
            remove_person(admin, self.policy, name)


@pytest.fixture
def policy() -> Policy:
    return load_policy()


@pytest.fixture
def people(own_warehouse: dict[str, str], policy: Policy) -> Iterator[People]:
    made = People(own_warehouse, policy)
    yield made
    made.leave()


@pytest.fixture(scope="session")
def pictures() -> list[Photograph]:
    return list(photographs(8, megapixels=0.2))


@pytest.fixture
def issue_key(owner: psycopg.Connection) -> Callable[[str], str]:
    """Issues a key of the upload API to an uploader."""
    return lambda uploader: api_keys.issue(owner, uploader).text


@pytest.fixture
def serve(
    stack: Stack, settings: Settings, issue_key: Callable[[str], str]
) -> Iterator[Callable[..., Api]]:
    """Serves an upload API with changed settings, as the uploader `shop` sees it."""
    with ExitStack() as running:

        def start(**changes: object) -> Api:
            address = running.enter_context(serving(upload_settings(stack, settings, **changes)))
            return Api(address, issue_key("shop"))

        yield start


@pytest.fixture
def upload_api(serve: Callable[..., Api]) -> Api:
    """An upload API over this test's warehouse and buckets, as the uploader `shop` sees it."""
    return serve()


@pytest.fixture(scope="session")
def shared_upload_api(stack: Stack) -> Iterator[Api]:
    """An upload API over a warehouse of its own, for tests that look at its answers only."""
    with copy_of_warehouse(stack, "shared_by_tests") as env:
        settings = Settings.of(env)
        with psycopg.connect(env["DATABASE_OWNER_URL"]) as owner:
            key = api_keys.issue(owner, "everybody")
        with serving(upload_settings(stack, settings)) as address:
            yield Api(address, key.text)
