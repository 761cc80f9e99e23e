"""Several runs share a day, on as many machines as they like; a dead one's images come back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psutil
import pytest

from assets.catalog import leases
from assets.catalog.checks import balance
from assets.errors import ServerUnavailableError
from assets.processing.batch_runner import BatchRunner
from assets.processing.recipe import read_recipe
from tests.integration.bucket import with_settings
from tests.integration.catalogue import lease_request
from tests.integration.processing_runs import (
    assert_bucket_is_what_the_catalogue_says,
    end_of,
    start_run,
)
from tests.unit.hostile_processors import EVIL
from tests.waiting import wait_until

TODAY = datetime.now(UTC).date()
HOSTILE = "tests.unit.hostile_processors:"


@pytest.fixture
def overrides() -> dict[str, str]:
    return {"RUN_LINGER_SECONDS": "0.2"}


def claimed_by(platform) -> set[str]:
    rows = platform.query(
        "select distinct claimed_by from image_catalog.image where claimed_by is not null"
    )
    return {run_id for (run_id,) in rows}


@pytest.mark.parametrize("count", [2, 4])
def test_runs_share_a_day_and_no_image(platform, pictures, count):
    images = 240
    platform.produce([picture.body for picture in pictures] * (images // len(pictures)))
    platform.land()
    # Narrow, so that none takes everything before the last is there; each waits for more.
    narrow = {"processing_bytes": 1024**2, "processing_workers": 1, "run_linger_seconds": 5}
    runs = [start_run(platform, f"run {number}", **narrow) for number in range(count)]
    ends = [end_of(run) for run in runs]
    assert sum(end["images"] for end in ends) == images
    assert [end["lost"] for end in ends] == [0] * count
    assert platform.states() == {"processed": images}
    assert_bucket_is_what_the_catalogue_says(platform)


def test_two_runs_claim_disjoint_images(platform, pictures):
    platform.produce([picture.body for picture in pictures] * 10)
    platform.land()

    def claim(run_id: str) -> list:
        taken = []
        with platform.warehouse.connect() as connection:
            while found := leases.claim(connection, lease_request(TODAY, run_id), 7):
                taken += [claim.image_id for claim in found]
                connection.commit()
        return taken

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(claim, ["one", "two"])
    assert len(first) + len(second) == len(set(first) | set(second)) == 80


def test_a_run_killed_in_the_middle_of_its_work_is_finished_by_the_next_one(platform, pictures):
    platform.produce([picture.body for picture in pictures] * 40)
    platform.land()
    victim = start_run(platform, "the victim", lease_seconds=2)
    wait_until(lambda: platform.keys(platform.settings.processed_bucket), "a rendition")
    workers = psutil.Process(victim.pid).children(recursive=True)
    victim.kill()
    victim.wait()
    _, still_alive = psutil.wait_procs(workers, timeout=20)
    assert still_alive == [], "workers outlive the run that they belong to"
    assert platform.states()["waiting"] > 0
    assert claimed_by(platform) == {"the victim"}
    wait_until(
        lambda: (
            platform.query(
                "select bool_and(lease_until < now()) from image_catalog.image "
                "where claimed_by is not null"
            )
            == [(True,)]
        ),
        "the dead run's lease to end",
    )
    platform.process()
    assert platform.states() == {"processed": 320}
    assert_bucket_is_what_the_catalogue_says(platform)
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()


def test_a_run_that_lives_keeps_its_images_beyond_their_lease(platform):
    platform.drop("slow.jpg", EVIL)
    platform.register()
    run = start_run(platform, "slow", lease_seconds=1, image_processor=f"{HOSTILE}dawdling")
    wait_until(lambda: claimed_by(platform), "the image to be claimed")
    [(first,)] = platform.query("select lease_until from image_catalog.image")
    wait_until(lambda: datetime.now(UTC) > first, "the first lease to end")
    with platform.warehouse.connect() as connection:
        assert leases.claim(connection, lease_request(TODAY, "another"), 1) == []
    assert end_of(run) == {"images": 1, "lost": 0}


def test_a_run_whose_heartbeat_fails_ends_and_gives_everything_back(platform):
    platform.drop("slow.jpg", EVIL)
    platform.register()
    slow = with_settings(platform, image_processor=f"{HOSTILE}dawdling", run_linger_seconds=60)
    processing = BatchRunner(slow, read_recipe("standard"), timedelta(seconds=1))
    end_heartbeat = """
        select count(pg_terminate_backend(pid))
        from pg_stat_activity
        where application_name = 'heartbeat' and datname = current_database()
    """
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(processing.run, TODAY, "a run")
        wait_until(lambda: platform.query(end_heartbeat) != [(0,)], "a heartbeat")
        with pytest.raises(ServerUnavailableError, match="PostgreSQL"):
            run.result()
    rows = platform.query("select state, claimed_by, claim_count from image_catalog.image")
    assert rows == [("waiting", None, 0)]
