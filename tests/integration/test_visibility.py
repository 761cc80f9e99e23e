"""What has expired or is withdrawn is not there for anybody, whether or not it is deleted yet."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest

from assets.catalog import leases, ledger, outcomes
from assets.catalog.completeness import count_unfinished
from assets.catalog.records import Arrival
from assets.catalog.requeue import Selection, count_rejected, requeue
from assets.catalog.visibility import VISIBLE
from assets.validation.reasons import Reason
from tests.integration.catalogue import LATER, NOW, OTHER, Catalogue, lease_request, processed
from tests.integration.conftest import Platform
from tests.integration.visibility_helpers import expire, withdraw
from tests.unit.pictures import encoded, noise
from tests.waiting import wait_until

JPEG = encoded(noise(), "JPEG")
MICROSECOND = timedelta(microseconds=1)
HIDDEN = pytest.mark.parametrize(
    "hide", [lambda platform: expire(platform, NOW), withdraw], ids=["expired", "withdrawn"]
)
HIDDEN_TODAY = pytest.mark.parametrize(
    "hide",
    [lambda platform: expire(platform, datetime.now(UTC)), withdraw],
    ids=["expired", "withdrawn"],
)

Hide = Callable[[Platform], None]


@pytest.fixture
def catalogue(platform) -> Catalogue:
    return Catalogue(platform)


def register(platform, **changes) -> Arrival:
    told = {"source": "bucket", "origin": "o", "object_key": "k", "object_version": None}
    arrival = Arrival(**{"image_id": uuid4(), "arrived_at": NOW, "size_bytes": 5} | told | changes)
    with platform.warehouse.connect() as connection:
        ledger.register(connection, [arrival], NOW, None)
    return arrival


def take(platform) -> list[leases.LeasedImage]:
    with platform.warehouse.connect() as connection:
        return leases.claim(connection, lease_request(NOW.date()), 10)


@HIDDEN
def test_no_run_takes_what_is_hidden(platform, hide: Hide):
    register(platform)
    hide(platform)
    assert take(platform) == []


@HIDDEN
def test_no_run_recreates_what_is_hidden(platform, catalogue, hide: Hide):
    catalogue.write(*map(processed, catalogue.claimed()))
    hide(platform)
    assert catalogue.claim_again(OTHER) == []


def test_an_image_that_arrived_just_after_the_horizon_is_taken(platform):
    register(platform)
    expire(platform, NOW - MICROSECOND)
    assert len(take(platform)) == 1


@HIDDEN
def test_what_is_hidden_is_no_backlog(platform, hide: Hide):
    register(platform)
    hide(platform)
    with platform.warehouse.connect() as connection:
        assert ledger.backlog(connection) == []


@HIDDEN
def test_nothing_is_left_to_do_on_a_day_whose_images_are_hidden(platform, catalogue, hide: Hide):
    _, made = catalogue.claimed(2)
    catalogue.write(processed(made))
    with platform.warehouse.connect() as connection:
        assert count_unfinished(connection, NOW.date(), OTHER.hash).on_day == 2
    hide(platform)
    with platform.warehouse.connect() as connection:
        left = count_unfinished(connection, NOW.date(), OTHER.hash)
    assert (left.on_day, left.days_complete) == (0, 1)


@HIDDEN
def test_what_is_hidden_is_not_sent_through_again(platform, hide: Hide):
    register(platform, reason=Reason.EMPTY)
    hide(platform)
    choice = (Selection(Reason.EMPTY), LATER, platform.settings.purge_age)
    with platform.warehouse.connect() as connection:
        assert count_rejected(connection, *choice) == {}
        assert requeue(connection, *choice) == 0


@HIDDEN
def test_an_outcome_of_an_image_that_was_hidden_meanwhile_is_not_written(
    platform, catalogue, hide: Hide
):
    [claim] = catalogue.claimed()
    hide(platform)
    assert catalogue.write(processed(claim)) == 0
    assert catalogue.rendition_keys() == set()


def test_an_outcome_that_waits_for_an_erasure_under_way_is_not_written(platform, catalogue):
    [claim] = catalogue.claimed()
    waiting = """
        select count(*) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()
    """
    with ThreadPoolExecutor(1) as threads:
        with platform.warehouse.connect() as erasure:
            erasure.execute("update image_catalog.image set withdrawn_at = now()")
            written = threads.submit(catalogue.write, processed(claim))
            wait_until(lambda: platform.query(waiting) != [(0,)], "the outcome to wait")
        assert written.result(timeout=30) == 0
    assert catalogue.rendition_keys() == set()


@HIDDEN_TODAY
def test_a_run_leaves_no_object_of_an_image_that_was_hidden_while_it_had_it(
    platform, pictures, monkeypatch, hide: Hide
):
    """It is hidden when its objects are stored and not yet in the ledger; its row stays."""
    for name, body in (("a.jpg", pictures[0].body), ("b.jpg", b"no image")):
        platform.drop(name, body)
    platform.register()
    write = outcomes.write

    def hide_first(connection, *arguments):
        hide(platform)
        return write(connection, *arguments)

    monkeypatch.setattr(outcomes, "write", hide_first)
    assert platform.process().lost == 2
    assert platform.states() == {"waiting": 2}
    for bucket in (platform.settings.processed_bucket, platform.settings.quarantine_bucket):
        assert platform.keys(bucket) == set()


@HIDDEN_TODAY
def test_an_uploader_sees_nothing_of_what_is_hidden(platform, upload_api, hide: Hide):
    sent = upload_api.send(JPEG).json()
    platform.process()
    hide(platform)
    assert upload_api.get(sent["status_url"]).status_code == 404
    assert upload_api.get("/v1/images").json()["images"] == []


def test_an_uploader_sees_the_neighbours_of_a_withdrawn_image(platform, upload_api):
    gone, here = (upload_api.send(JPEG).json() for _ in range(2))
    withdraw(platform, f"upload/{gone['id']}")
    listed = upload_api.get("/v1/images").json()["images"]
    assert [image["id"] for image in listed] == [here["id"]]


@HIDDEN_TODAY
def test_an_upload_that_is_repeated_when_its_image_is_hidden_is_refused_and_not_stored(
    platform, upload_api, hide: Hide
):
    upload_api.send(JPEG, Idempotency_Key="k")
    hide(platform)
    before = platform.object_store.page_of_versions(platform.settings.raw_bucket, None, None)
    refused = upload_api.send(JPEG, Idempotency_Key="k")
    assert refused.status_code == 410
    assert refused.json()["type"] == "urn:darkroom:problem:image-deleted"
    assert "use a new key" in refused.json()["detail"]
    after = platform.object_store.page_of_versions(platform.settings.raw_bucket, None, None)
    assert after.versions == before.versions


def test_days_that_have_expired_are_not_even_read(platform):
    for days in range(3):
        register(platform, arrived_at=NOW - timedelta(days=days))
    expire(platform, datetime.combine(NOW, time(), UTC))
    rows = platform.query(
        "explain (analyze, costs off, timing off, summary off) "
        f"select image_id from image_catalog.image where {VISIBLE.as_string()}"
    )
    read = [line for (line,) in rows if "image_2026" in line and "never executed" not in line]
    assert [NOW.strftime("image_%Y%m%d") in line for line in read] == [True], rows
