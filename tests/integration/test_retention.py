"""The purge, with time moved instead of waited for."""

from datetime import UTC, datetime, timedelta

from assets.images.checks import balance
from assets.retention.purge import Purge


def purge(platform, now: datetime):
    return Purge(platform.settings, platform.object_store, platform.warehouse).run(now)


def fill(platform, pictures) -> None:
    platform.produce([picture.body for picture in pictures] + [b""])
    platform.drop("own.jpg", pictures[0].body)
    platform.drop("letter.jpg", b"Dear colleagues")
    platform.land()
    platform.register()
    platform.process()


def test_nothing_younger_than_the_purge_age_is_deleted(platform, pictures):
    fill(platform, pictures)
    before = platform.states()
    purged = purge(platform, datetime.now(UTC) + platform.settings.purge_age - timedelta(minutes=5))
    assert (purged.images, purged.late_objects) == (0, 0)
    assert platform.states() == before


def test_after_the_purge_age_nothing_is_left_of_an_image(platform, pictures):
    fill(platform, pictures)
    purge(platform, datetime.now(UTC) + platform.settings.purge_age + timedelta(seconds=1))
    assert platform.states() == {}
    assert platform.query("select count(*) from image_catalog.rendition") == [(0,)]
    for bucket in platform.settings.image_buckets:
        pages = list(platform.object_store.pages_of_versions(bucket))
        assert [(page.versions, page.delete_markers) for page in pages] == [((), ())]


def test_what_was_purged_still_counts_in_the_balance(platform, pictures):
    fill(platform, pictures)
    purge(platform, datetime.now(UTC) + timedelta(days=8))
    with platform.warehouse.connect() as connection:
        table = balance(connection)
    assert (table["difference"] == 0).all()
    assert table["purged"].sum() == table["landed"].sum() == len(pictures) + 3


def test_every_purge_leaves_a_receipt_of_what_it_deleted(platform, pictures):
    fill(platform, pictures)
    purged = purge(platform, datetime.now(UTC) + timedelta(days=8))
    rows = platform.query(
        "select images_count, renditions_count, raw_objects_count, quarantined_objects_count "
        "from retention.purge_receipt"
    )
    assert rows == [(len(pictures) + 3, 2 * (len(pictures) + 1), purged.raw_objects, 2)]


def test_objects_that_no_row_knows_go_too(platform):
    platform.drop("stray.jpg", b"x")
    platform.drop("stray.jpg", b"y")
    purged = purge(platform, datetime.now(UTC) + timedelta(days=8))
    assert (purged.images, purged.late_objects) == (0, 2)
    assert platform.keys(platform.settings.raw_bucket) == set()


def test_a_second_purge_finds_nothing(platform, pictures):
    fill(platform, pictures)
    later = datetime.now(UTC) + timedelta(days=8)
    purge(platform, later)
    assert purge(platform, later).images == 0


def test_a_row_that_vanishes_without_a_purge_makes_the_balance_red(platform, pictures):
    fill(platform, pictures)
    platform.query(
        "delete from image_catalog.image where image_id = "
        "(select image_id from image_catalog.image limit 1) returning 1"
    )
    with platform.warehouse.connect() as connection:
        assert balance(connection)["difference"].sum() == 1
