"""A made-up fourth source: its folder, its line in the registry and its migration are enough."""

import re

import pytest

from assets.catalog.checks import balance
from assets.catalog.identity import image_id
from assets.ingestion import registry
from assets.ingestion.bucket.audit import Audit, AuditCounts
from assets.retention.image_buckets import ImageBucket, RetentionClock
from assets.retention.inventory import Inventory
from assets.timing import utc_now
from tests.integration.bucket import NOW, keys_of_rows, put
from tests.integration.orphan_helpers import purged

CONSTRAINT = "image_source_check"
KEY = f"sftp/{NOW:%Y-%m-%d/%H}/warsaw/7"


def accepted(platform) -> set[str]:
    """The sources that the ledger's constraint lists, of the table and of all its days."""
    definitions = platform.query(
        "select pg_get_constraintdef(oid) from pg_constraint where conname = 'image_source_check'"
    )
    assert len(set(definitions)) == 1
    return set(re.findall(r"'(\w+)'", definitions[0][0]))


@pytest.fixture
def sftp(owner, platform, monkeypatch) -> None:
    """What adding a source takes: a line in the registry, and the migration."""
    platform.drop("a day's table is there already.jpg", b"x")
    platform.register()
    monkeypatch.setattr(registry, "PACKAGES", (*registry.PACKAGES, "tests.unit.sftp"))
    names = ", ".join(f"'{name}'" for name in registry.source_names())
    owner.execute(
        f"""
        alter table image_catalog.image
        drop constraint {CONSTRAINT},
        add constraint {CONSTRAINT} check (source in ({names}))
        """
    )


def test_the_ledger_accepts_exactly_the_registered_sources(platform):
    assert accepted(platform) == set(registry.source_names())


def test_an_image_of_a_fourth_source_is_registered_counted_and_left_by_retention(sftp, platform):
    assert accepted(platform) == set(registry.source_names())
    put(platform, KEY, account="ann")
    put(platform, KEY.replace("/7", "/8"))
    platform.register()
    rows = platform.query(
        "select image_id, origin, uploader from image_catalog.image where source = 'sftp'"
    )
    assert rows == [(image_id("sftp", "warsaw/7"), "warsaw/7", "ann")]
    assert len(keys_of_rows(platform)) == 3
    with platform.warehouse.connect() as connection:
        table = balance(connection)
    assert dict(table.groupby("source")["landed"].sum()) == {"bucket": 2, "sftp": 1}
    assert (table["difference"] == 0).all()


def test_a_repeated_fetch_changes_nothing_and_its_copy_is_purged(sftp, platform):
    put(platform, KEY, account="ann")
    platform.register()
    put(platform, KEY, account="ann")
    assert platform.register().new_images == 0
    later = utc_now() + platform.settings.sweep_interval * 3
    assert Audit(platform).run(later, 60) == (AuditCounts(looked_at=3), True)
    assert purged(platform, later).items() == 1
    clock = RetentionClock(later, platform.settings.purge_age)
    compared, _ = Inventory(platform, clock).take()
    raw = compared[ImageBucket.RAW]
    assert (raw.references, raw.objects, raw.missing, raw.unknown) == (2, 2, 0, 0)
