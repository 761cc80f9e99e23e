"""Waiting images become renditions; one bad image never holds up its neighbours."""

import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psutil
import pytest
from PIL import Image
from pydantic import SecretStr

from assets.images import ledger
from assets.images.checks import balance
from assets.images.processing.recipe import STANDARD
from assets.images.records import Rejected
from assets.images.validation import Reason
from assets.resources.errors import ServerUnavailableError
from infra.demo.photographs import broken_files, photographs

TODAY = datetime.now(UTC).date()


def test_every_waiting_image_gets_its_renditions(platform, pictures):
    platform.produce([picture.body for picture in pictures])
    platform.land()
    platform.process()
    assert platform.states() == {"processed": len(pictures)}
    stored = platform.keys(platform.settings.processed_bucket)
    assert {
        key for (key,) in platform.query("select object_key from image_catalog.rendition")
    } == stored
    assert len(stored) == len(STANDARD.renditions) * len(pictures)


def test_the_catalogue_tells_what_the_renditions_are(platform):
    [big] = photographs(1, megapixels=3)
    platform.drop("big.jpg", big.body)
    platform.register()
    platform.process()
    rows = platform.query(
        "select rendition_name, object_key, width_px, height_px, size_bytes "
        "from image_catalog.rendition order by width_px desc"
    )
    for name, key, width, height, size in rows:
        body = platform.object_store.get(platform.settings.processed_bucket, key)
        with Image.open(io.BytesIO(body)) as picture:
            assert (picture.size, len(body)) == ((width, height), size)
            assert max(picture.size) == {"medium": 1024, "thumbnail": 256}[name]


def test_broken_files_are_rejected_for_their_reasons_and_their_neighbours_processed(
    platform, pictures
):
    for number, file in enumerate([pictures[0], *broken_files(), pictures[1]]):
        platform.drop(f"{number}/{file.name}", file.body)
    platform.register()
    platform.process()
    expected = {"processed": 2}
    for file in broken_files():
        expected[file.expected_reason] = expected.get(file.expected_reason, 0) + 1
    assert platform.states() == expected


def test_the_bytes_of_a_rejected_image_are_in_quarantine(platform):
    for file in broken_files():
        platform.drop(file.name, file.body)
    platform.register()
    platform.process()
    rows = platform.query("select object_key, quarantine_key from image_catalog.image")
    quarantine = platform.settings.quarantine_bucket
    found = {key: platform.object_store.get(quarantine, quarantined) for key, quarantined in rows}
    assert found == {file.name: file.body for file in broken_files()}


def test_an_object_over_the_size_limit_is_rejected_unread_and_quarantined(platform):
    platform.drop("huge.jpg", b"x" * (10 * 1024 * 1024 + 1))
    platform.register()
    platform.process()
    assert platform.states() == {"too_large": 1}
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_an_object_that_somebody_deleted_is_rejected_as_missing(platform, pictures):
    platform.drop("gone.jpg", pictures[0].body)
    platform.register()
    rows = platform.query("select object_key, object_version from image_catalog.image")
    platform.object_store.delete(platform.settings.raw_bucket, rows)
    platform.process()
    assert platform.states() == {"object_missing": 1}


def test_images_of_another_day_are_left_alone(platform, pictures):
    platform.drop("today.jpg", pictures[0].body)
    platform.register()
    assert platform.process(day=TODAY - timedelta(days=1)) == []
    assert platform.states() == {"waiting": 1}


def test_two_runs_share_the_work_and_no_image(platform, pictures):
    platform.produce([picture.body for picture in pictures] * 10)
    platform.land()

    def claim(run_id: str) -> list:
        claims = []
        with platform.warehouse.connect() as connection:
            while found := ledger.claim(connection, TODAY, run_id, timedelta(minutes=1), 7):
                claims += [claim.image_id for claim in found]
        return claims

    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(claim, ["one", "two"])
    assert len(first) + len(second) == len(set(first) | set(second)) == 80


def test_a_run_that_lost_its_lease_changes_nothing(platform, pictures):
    platform.drop("slow.jpg", pictures[0].body)
    platform.register()
    with platform.warehouse.connect() as connection:
        [slow] = ledger.claim(connection, TODAY, "slow run", timedelta(seconds=-1), 1)
    platform.process("fast run")
    with platform.warehouse.connect() as connection:
        late = Rejected(slow, Reason.CORRUPT, None)
        assert ledger.finish(connection, "slow run", [late], datetime.now(UTC)) == 0
    assert platform.states() == {"processed": 1}


def test_an_image_that_five_runs_could_not_finish_is_given_up_and_quarantined(platform, pictures):
    platform.drop("cursed.jpg", pictures[0].body)
    platform.register()
    for run in range(ledger.MAX_CLAIMS):
        with platform.warehouse.connect() as connection:
            ledger.claim(connection, TODAY, f"run {run}", timedelta(minutes=1), 1)
            ledger.release(connection, f"run {run}", is_blameless=False)
    platform.process()
    assert platform.states() == {"gave_up": 1}
    assert len(platform.keys(platform.settings.quarantine_bucket)) == 1


def test_an_outage_during_a_batch_gives_every_image_back_without_blame(platform, pictures):
    platform.drop("a.jpg", pictures[0].body)
    platform.register()
    unplugged = type(platform)(
        platform.settings,
        type(platform.object_store).from_settings(
            platform.settings.model_copy(update={"aws_endpoint_url": "http://127.0.0.1:1"})
        ),
        platform.event_log,
        platform.warehouse,
    )
    with pytest.raises(ServerUnavailableError, match="does not answer"):
        unplugged.process()
    rows = platform.query("select state, claimed_by, claim_count from image_catalog.image")
    assert rows == [("waiting", None, 0)]


def test_a_run_killed_in_the_middle_of_a_batch_is_finished_by_the_next_one(platform, pictures):
    platform.produce([picture.body for picture in pictures] * 40)
    platform.land()
    victim = start_processing(platform)
    wait_until(lambda: platform.keys(platform.settings.processed_bucket), "a rendition")
    workers = psutil.Process(victim.pid).children(recursive=True)
    victim.kill()
    victim.wait()
    _, still_alive = psutil.wait_procs(workers, timeout=20)
    assert still_alive == [], "workers outlive the run that they belong to"
    assert platform.states()["waiting"] > 0
    with platform.warehouse.connect() as connection:
        ledger.release(connection, "the victim", is_blameless=False)
    platform.process()
    assert platform.states() == {"processed": 320}
    assert len(platform.keys(platform.settings.processed_bucket)) == 640
    with platform.warehouse.connect() as connection:
        assert (balance(connection)["difference"] == 0).all()


def start_processing(platform) -> subprocess.Popen:
    program = (
        "from datetime import UTC, datetime\n"
        "from assets.images.processing.batches import Processing\n"
        "from assets.images.processing.recipe import STANDARD\n"
        "from assets.resources.object_store import ObjectStore\n"
        "from assets.resources.warehouse import Warehouse\n"
        "from assets.settings import Settings\n"
        "if __name__ == '__main__':\n"
        "    s = Settings()\n"
        "    store, warehouse = ObjectStore.from_settings(s), Warehouse.from_settings(s)\n"
        "    p = Processing(s, store, warehouse, STANDARD)\n"
        "    p.run(datetime.now(UTC).date(), 'the victim')\n"
    )
    values = platform.settings.model_dump()
    variables = {
        name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in values.items()
    }
    return subprocess.Popen([sys.executable, "-c", program], env={**os.environ, **variables})


def wait_until(is_true, what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
