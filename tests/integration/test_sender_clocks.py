"""Messages that senders date: no date makes an image live longer, or go before its time."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.catalog import ledger
from assets.catalog.checks import balance
from tests.integration.retention_helpers import purge

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


def test_after_two_days_without_landing_the_backlog_is_processed_day_by_day(platform, pictures):
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
