"""What a processing run says of itself in Dagster: numbers and tables, and which days are done."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from assets.asset_keys import ARRIVAL_DAYS, RENDITION
from assets.catalog import leases
from assets.processing.assets import renditions
from tests.integration.bucket import with_settings
from tests.integration.catalogue import lease_request

TODAY = datetime.now(UTC).date()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions(ARRIVAL_DAYS.name, [TODAY.isoformat()])
        yield made


def materialise(platform, instance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [renditions],
        partition_key=TODAY.isoformat(),
        instance=instance,
        resources={"platform": platform},
    )


def said(events) -> dict[str, object]:
    [event] = [one for one in events if one.asset_key == RENDITION]
    return {name: entry.value for name, entry in event.metadata.items()}


def test_a_day_of_which_nothing_is_left_is_materialised_with_numbers(platform, instance, pictures):
    platform.produce([picture.body for picture in pictures] + [b"no image"])
    platform.land()
    result = materialise(platform, instance)
    page = said(result.asset_materializations_for_node("renditions"))
    assert (
        page.items()
        >= {
            "processed": len(pictures),
            "rejected": 1,
            "left_on_this_day": 0,
            "days_known": 1,
            "days_complete": 1,
            "processor": platform.settings.image_processor,
        }.items()
    )
    assert page["images_per_second"] > 0
    assert page["megapixels_per_second"] > 0
    assert "not_an_image" in page["outcomes"]
    assert [line.split("|")[1].strip() for line in page["stages"].splitlines()[2:]] == [
        *("fetch", "wait", "decode", "render", "encode", "describe", "store")
    ]
    assert instance.get_materialized_partitions(RENDITION) == {TODAY.isoformat()}


def test_a_day_of_which_another_run_holds_something_is_not_complete_yet(
    platform, instance, pictures
):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    with platform.warehouse.connect() as connection:
        leases.claim(connection, lease_request(TODAY, "another run"), 2)
    result = materialise(platform, instance)
    page = said(result.asset_observations_for_node("renditions"))
    assert (page["processed"], page["left_on_this_day"]) == (len(pictures) - 2, 2)
    assert instance.get_materialized_partitions(RENDITION) == set()


def test_the_page_warns_of_a_processor_that_fails_with_single_images(
    platform, instance, pictures, capfd
):
    own = with_settings(platform, image_processor="tests.integration.company_processor:process")
    platform.drop("holiday.jpg", b"no image")
    platform.register()
    materialise(own, instance)
    assert "Single images failed: {'UnidentifiedImageError" in capfd.readouterr()[1]


def test_nothing_of_a_run_names_an_image(platform, instance, pictures):
    platform.drop("holiday/beach.jpg", pictures[0].body)
    platform.drop("holiday/broken.jpg", b"no image")
    platform.register()
    result = materialise(platform, instance)
    told = "".join(str(event) for event in instance.all_logs(result.run_id))
    ids = platform.query("select image_id::text from image_catalog.image")
    assert [word for word in ("beach", "broken", *(one for (one,) in ids)) if word in told] == []
