"""Messages that senders date: no date makes an image live longer, or go before its time."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from assets.catalog import ledger
from assets.catalog.checks import balance
from infra.local.dbt import build
from tests.integration.retention_helpers import problems, purge

ANCIENT = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2120, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("sent_at", [ANCIENT, FAR_AHEAD])
def test_an_impossible_date_changes_neither_arrival_nor_retention(platform, pictures, sent_at):
    before = datetime.now(UTC) - timedelta(seconds=5)
    platform.produce([pictures[0].body], sent_at=sent_at)
    platform.land()
    [(arrived_at,)] = platform.query("select arrived_at from image_catalog.image")
    assert before <= arrived_at <= datetime.now(UTC)
    platform.process()
    assert purge(platform, datetime.now(UTC)).items() == 0
    assert platform.states() == {"processed": 1}
    purge(platform, arrived_at + platform.settings.purge_age)
    assert platform.states() == {}
    assert platform.keys(platform.settings.raw_bucket) == set()


def test_after_two_days_without_landing_the_backlog_is_processed_day_by_day(
    stack, platform, pictures, tmp_path
):
    """A sender's clock within the retention is believed: these messages waited for two days."""
    now = datetime.now(UTC)
    platform.produce([pictures[0].body], sent_at=now - timedelta(days=2))
    platform.produce([pictures[1].body], sent_at=now)
    assert platform.land().new_images == 2
    with platform.warehouse.connect() as connection:
        days = [one.day for one in ledger.backlog(connection)]
    assert days == [(now - timedelta(days=2)).date(), now.date()]  # and none in between
    for day in days:
        platform.process(day=day)
    assert platform.states() == {"processed": 2}
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()
    assert problems(platform) == []
    loader = conninfo_to_dict(platform.settings.database_url.get_secret_value())
    env = stack.environment() | {"DBT_DBNAME": str(loader["dbname"])}
    build(
        env, "--select", "staging.image_catalog", "marts.images", outputs=tmp_path
    )  # with all tests
    conninfo = make_conninfo(stack.superuser_conninfo(), dbname=env["DBT_DBNAME"])
    with psycopg.connect(conninfo) as reader:
        query = "select arrived_on from analytics.view_image_daily_summary order by 1"
        assert [day for (day,) in reader.execute(query)] == days
