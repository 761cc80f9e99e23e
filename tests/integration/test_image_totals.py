"""The views of images equal plain SQL over the ledger at every moment, whatever the history."""

import random
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from pydantic import SecretStr

from assets.catalog import leases, ledger, outcomes
from assets.catalog.facts import ImageFacts
from assets.catalog.records import (
    Arrival,
    LeasedImage,
    Outcome,
    Processed,
    Rejected,
    RenditionRecord,
    StageSeconds,
)
from assets.catalog.requeue import Selection, requeue
from assets.processing.recipe import read_recipe
from assets.resources.warehouse import Warehouse
from assets.retention import erasure_requests, ledger_rows
from assets.retention.erasure_requests import ErasureSelection
from assets.retention.receipts import Copy, Tally
from assets.validation.reasons import Reason
from infra.local import dbt
from infra.local.warehouses import copy_of_warehouse

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PLAIN_VIEWS = (BENCHMARKS / "plain_image_views.sql").read_text()
DIFFERENCES = (BENCHMARKS / "plain_image_differences.sql").read_text()
NONE = {"days": 0, "formats": 0, "rejections": 0, "hours": 0, "percentiles": 0}
RECIPES = [read_recipe("standard").model_copy(update={"version": one}) for one in (1, 2)]
LEASE = timedelta(minutes=10)
PURGE_AGE = timedelta(hours=158)
HOUR = timedelta(hours=1)
KEY = SecretStr("0" * 64)
EMPTY = """
    delete from image_catalog.image;
    delete from image_catalog.rendition;
    update image_catalog.horizon set expired_until = '2000-01-01 00:00:00+00';
    select image_catalog.recount_images()  -- the horizon never moves back elsewhere
"""
DAYS = """
    select image_catalog.ensure_day((now() at time zone 'UTC')::date - day)
    from generate_series(0, 8) as day
"""
NEXT_CHANGE = """
    select setval('change_queue.timing_difference_change_id_seq', %s, false)
"""


@dataclass
class History:
    """Does to a warehouse what the platform does, at random; each change is a transaction."""

    warehouse: Warehouse
    owner: psycopg.Connection
    rng: random.Random = field(default_factory=random.Random)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def register(self) -> None:
        arrived = self.now - self.rng.choice((0, 1, 30, 100, 167, 168)) * HOUR
        arrivals = [
            Arrival(
                *(uuid.uuid4(), arrived - self.rng.random() * HOUR),
                source=self.rng.choice(("kafka", "bucket", "upload")),
                origin="",
                object_key="",
                object_version=None,
                size_bytes=self.rng.randrange(10_000_000),
                reason=self.rng.choice((None, None, None, Reason.EMPTY)),
            )
            for _ in range(self.rng.randrange(1, 12))
        ]
        with self.warehouse.connect() as connection:
            ledger.register(connection, arrivals, self.now, KEY)

    def claim(self, *, outdated: bool = False) -> list[LeasedImage]:
        days = "select distinct (arrived_at at time zone 'UTC')::date from image_catalog.image"
        with self.warehouse.connect() as connection:
            found = [day for (day,) in connection.execute(days)]
            if not found:
                return []
            recipe = RECIPES[outdated]
            wanted = leases.LeaseRequest(self.rng.choice(found), "a run", LEASE, recipe.hash)
            return leases.claim(connection, wanted, 10, outdated=outdated)

    def process(self) -> None:
        self._finish(self.claim())

    def process_again(self) -> None:
        self._finish(self.claim(outdated=True))

    def _finish(self, claimed: list[LeasedImage]) -> None:
        with self.warehouse.connect() as connection:
            outcomes.write(connection, "a run", list(map(self._outcome, claimed)), self.now, KEY)

    def _outcome(self, leased: LeasedImage) -> Outcome:
        if self.rng.random() < 0.2:
            return Rejected(leased, self.rng.choice((Reason.CORRUPT, Reason.TRUNCATED)), None)
        recipe = self.rng.choice(RECIPES).record
        facts = ImageFacts(
            format=self.rng.choice(("JPEG", "PNG")),
            mode=self.rng.choice(("RGB", "L")),
            width_px=self.rng.randrange(1, 20_000),
            height_px=self.rng.randrange(1, 20_000),
            sha256=self.rng.randbytes(32),
            frames=self.rng.choice((1, 1, 12)),
            has_alpha=self.rng.random() < 0.5,
        )
        renditions = tuple(
            RenditionRecord(
                name, f"{leased.image_id}/{recipe.hash}/{name}", "JPEG", 1, 1, 1 + 99 * number
            )
            for number, name in enumerate(self.rng.choice((("a",), ("a", "b"))))
        )
        seconds = StageSeconds(*(self.rng.choice((0.0, self._seconds())) for _ in range(7)))
        return Processed(leased, facts, recipe, "a processor", seconds, renditions)

    def _seconds(self) -> float:
        return 10 ** self.rng.uniform(-5, 4)

    def release(self) -> None:
        with self.warehouse.connect() as connection:
            leases.renew_leases(connection, "a run", LEASE)
            leases.release_leases(connection, "a run", counts_as_attempt=True)

    def requeue(self) -> None:
        reason = self.rng.choice((Reason.EMPTY, Reason.CORRUPT))
        with self.warehouse.connect() as connection:
            requeue(connection, Selection(reason), self.now, PURGE_AGE)

    def withdraw(self) -> None:
        with self.warehouse.connect() as connection:
            images = tuple(self._some_images(connection, 3))
            if images:
                erasure_requests.insert(connection, ErasureSelection(images))

    def erase(self) -> None:
        with self.warehouse.connect() as connection:
            for role in ledger_rows.read_withdrawing_roles(connection):
                ledger_rows.delete(connection, ledger_rows.take_withdrawn(connection, role, 2))

    def expire(self) -> None:
        with self.warehouse.connect() as connection:
            [(horizon,)] = connection.execute("select expired_until from image_catalog.horizon")
            to = horizon + self.rng.choice((0.3, 1, 24)) * HOUR
            oldest = self.now - self.rng.choice((170, 140, 99)) * HOUR
            ledger_rows.advance_horizon(connection, max(to, oldest))

    def purge(self) -> None:
        with self.warehouse.connect() as connection:
            [(horizon,)] = connection.execute("select expired_until from image_catalog.horizon")
            ledger_rows.delete(connection, ledger_rows.take_due(connection, horizon, 5))

    def drop_days(self) -> None:
        with self.warehouse.connect() as connection:
            [(horizon,)] = connection.execute("select expired_until from image_catalog.horizon")
            for day in ledger_rows.days_ended_by(connection, horizon):
                tally = Tally()
                for images in ledger_rows.read_images(connection, day, 100):
                    for image in images:
                        tally.add(Copy.LEDGER_ROW, image.arrived_at)
                        for _ in image.renditions:
                            tally.add(Copy.RENDITION_ROW, image.arrived_at)
                assert ledger_rows.drop_day(connection, day, tally)

    def add_differences(self) -> None:
        self.owner.execute("select image_catalog.add_differences()")

    def add_differences_and_die(self) -> None:
        with psycopg.connect(self.owner.info.dsn, password=self.owner.info.password) as killed:
            killed.execute("select image_catalog.add_differences()")
            killed.rollback()

    def recount(self) -> None:
        [(wrong,)] = self.owner.execute("select image_catalog.recount_images()")
        assert wrong == 0

    def change_without_triggers(self) -> None:
        with psycopg.connect(self.owner.info.dsn, password=self.owner.info.password) as loader:
            loader.execute("alter table image_catalog.image disable trigger user")
            loader.execute("update image_catalog.image set size_bytes = size_bytes + 1")
            loader.execute(
                "delete from image_catalog.image where image_id = any(%s)",
                [self._some_images(loader, 2)],
            )
            loader.execute("alter table image_catalog.image enable trigger user")
        self.owner.execute("select image_catalog.recount_images()")

    def _some_images(self, connection: psycopg.Connection, count: int) -> list[UUID]:
        rows = connection.execute("select image_id from image_catalog.image order by image_id")
        images = [image for (image,) in rows]
        return self.rng.sample(images, min(count, len(images)))


STEPS = [
    *(History.register, History.process, History.register, History.process),
    *(History.process_again, History.claim, History.release, History.requeue),
    *(History.withdraw, History.erase, History.expire, History.purge, History.drop_days),
    *(History.add_differences, History.add_differences_and_die, History.recount),
    History.change_without_triggers,
]
Step = Callable[[History], object]


@pytest.fixture(scope="module")
def variables(stack, tmp_path_factory) -> Iterator[dict[str, str]]:
    """The environment that leads to a warehouse in which dbt has built the views of images."""
    with copy_of_warehouse(stack, f"test_{uuid.uuid4().hex[:12]}") as env:
        models = ("--select", "staging.image_catalog", "marts.images")
        dbt.build(env, *models, outputs=tmp_path_factory.mktemp("dbt"))
        with psycopg.connect(stack.superuser_conninfo(env["DBT_DBNAME"])) as superuser:
            superuser.execute(PLAIN_VIEWS)
            superuser.execute("grant usage on schema plain_image to darkroom_builder")
            superuser.execute(
                "grant select on all tables in schema plain_image to darkroom_builder"
            )
        yield env


@pytest.fixture(scope="module")
def builder(variables) -> Iterator[psycopg.Connection]:
    """A connection that may read all views."""
    user, password = variables["DBT_USER"], variables["DBT_ENV_SECRET_PASSWORD"]
    conninfo = {"user": user, "password": password}
    with psycopg.connect(variables["DATABASE_URL"], autocommit=True, **conninfo) as connection:
        yield connection


@pytest.fixture(scope="module")
def history(variables) -> Iterator[History]:
    with psycopg.connect(variables["DATABASE_OWNER_URL"], autocommit=True) as owner:
        yield History(Warehouse(variables["DATABASE_URL"]), owner)


def differences(builder: psycopg.Connection) -> dict[str, int]:
    """Counts the rows in which views and plain views differ in one snapshot, by view."""
    return builder.cursor(row_factory=dict_row).execute(DIFFERENCES).fetchone()


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.generate],
)
@given(
    steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers()), min_size=10, max_size=20),
)
def test_whatever_the_history_the_views_equal_plain_sql(history, builder, steps):
    history.owner.execute(EMPTY)
    done: list[str] = []
    for step, seed in [(History.register, 1), *steps]:
        history.rng.seed(seed)
        step(history)
        done.append(step.__name__)
        assert differences(builder) == NONE, done


def test_while_others_write_and_add_up_every_look_equals_plain_sql(history, builder):
    """Each query sees one state: what is committed meanwhile counts in both answers or in none."""
    steps = [History.register, History.process, History.release, History.withdraw, History.erase]
    history.owner.execute(EMPTY)
    # A query that was planned before a day's partition was committed does not read it.
    history.owner.execute(DAYS)
    stop = threading.Event()

    def write(number: int) -> int:
        writer, written = History(history.warehouse, history.owner), 0
        writer.rng.seed(number)
        while not stop.is_set():
            writer.rng.choice(steps)(writer)
            history.owner.execute(NEXT_CHANGE, [9_950 + writer.rng.randrange(50)])
            written += 1
        return written

    with ThreadPoolExecutor(3) as threads:
        writers = [threads.submit(write, number) for number in range(3)]
        try:
            looks = [differences(builder) for _ in range(60)]
        finally:
            stop.set()
    assert [look for look in looks if look != NONE] == []
    assert min(writer.result() for writer in writers) > 10
    [(added, waiting)] = history.owner.execute(
        "select (select sum(images) from image_catalog.image_total), "
        "(select count(*) from change_queue.timing_difference)"
    )
    assert added > 0, "no writer ever added the differences to the totals"
    assert waiting < 10_000


def test_a_writer_adds_up_what_waits_when_the_differences_pass_a_boundary(history):
    history.owner.execute(EMPTY)
    history.owner.execute("select image_catalog.add_differences()")
    waiting = "select count(*) from change_queue.timing_difference"
    for next_change, waits in ((1, True), (4_999, False), (5_000, True), (9_999, False)):
        history.owner.execute(NEXT_CHANGE, [next_change])
        history.register()
        [(count,)] = history.owner.execute(waiting)
        assert (count > 0) is waits, next_change


def test_an_update_of_leases_appends_nothing(history):
    history.owner.execute(EMPTY)
    for _ in range(3):
        history.register()
    history.owner.execute("select image_catalog.add_differences()")
    assert history.claim() or history.claim()
    history.release()
    [(count,)] = history.owner.execute(
        "select (select count(*) from change_queue.timing_difference) "
        "+ (select count(*) from change_queue.image_difference)"
    )
    assert count == 0
