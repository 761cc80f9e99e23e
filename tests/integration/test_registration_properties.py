"""Whatever the keys and the order of announcements: every object version is one row."""

from enum import Enum
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.catalog import ledger
from assets.catalog.checks import balance
from assets.ingestion.bucket.listing import Sweep
from tests.integration.bucket import (
    not_due,
    notification,
    notify,
    put,
    set_sweep,
    with_settings,
)
from tests.waiting import wait_until

# An XML answer cannot hold control characters; S3 encodes them, MiniStack does not.
_SAYABLE = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn"))
_SEGMENTS = st.sampled_from(
    [
        "a b", "+", "a+b", "%", "%2F", "%25", "..", ".", "", "🏖️", "\u00e9", "e\u0301", "富士", "~",
        "&<>'\"", "?x=1", "#", "\\", "*", ":", ";,=@$", " ", "k" * 255, "upload", "kafka", "drop",
    ]
)  # fmt: skip
_PATHS = st.lists(_SEGMENTS, min_size=1, max_size=5).map("/".join)
_LONGEST = st.sampled_from(["x", "é", "富", "🏖", "/ab"]).map(
    lambda unit: (unit * 1024).encode()[:1024].decode(errors="ignore")
)
KEYS = st.one_of(st.text(_SAYABLE, min_size=1, max_size=60), _PATHS, _LONGEST).filter(
    lambda key: 0 < len(key.encode()) <= 1024
)
OBJECTS = st.tuples(KEYS, st.binary(max_size=3)).filter(  # the others are folders
    lambda put: put[1] or not put[0].endswith("/")
)
PUTS = st.lists(OBJECTS, min_size=1, max_size=6)

some_examples = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Way(Enum):
    """How the platform learns of objects."""

    NOTIFICATIONS = "notifications"
    LISTING = "listing"
    LISTING_LATER = "notifications, then the listing"
    BOTH = "both in one run"


@pytest.fixture
def short_intervals(platform):
    """A platform whose runs do not linger, and whose notifications come back after a second."""
    store = platform.object_store
    store.sqs.set_queue_attributes(QueueUrl=store._queue_url, Attributes={"VisibilityTimeout": "1"})
    return with_settings(platform, run_linger_seconds=0, hourly_prefixes="drop")


def run_killed_after_writing(platform, monkeypatch) -> None:
    """A run that dies when rows are written and not committed yet."""
    register = ledger.register

    def write_then_crash(*args):
        register(*args)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "register", write_then_crash)
        with pytest.raises(RuntimeError, match="killed"):
            platform.register()


def list_from_the_beginning(platform) -> None:
    set_sweep(platform, Sweep())
    platform.register()


def registered(platform) -> list[tuple[str, str]]:
    return sorted(platform.query("select object_key, object_version from image_catalog.image"))


def listed(platform) -> list[tuple[str, str]]:
    """What the bucket itself says that it holds."""
    pages = platform.object_store.pages_of_versions(platform.settings.raw_bucket)
    return sorted((found.key, found.version) for page in pages for found in page.versions)


def wait_for_notified(platform, count: int) -> None:
    def is_registered() -> bool:
        platform.register()
        return len(registered(platform)) >= count

    not_due(platform)
    wait_until(is_registered, f"{count} rows")


def learn(platform, way: Way, count: int) -> None:
    if way is Way.LISTING:
        wait_until(platform.object_store.notifications_waiting, "a notification")
        platform.forget_notifications()
    if way in {Way.NOTIFICATIONS, Way.LISTING_LATER}:
        wait_for_notified(platform, count)
    if way is not Way.NOTIFICATIONS:
        list_from_the_beginning(platform)


@pytest.mark.parametrize("is_killed", [False, True], ids=["", "killed"])
@pytest.mark.parametrize("way", Way, ids=lambda way: way.value)
@given(puts=PUTS)
@some_examples
def test_every_version_of_every_key_is_registered_once(
    short_intervals, monkeypatch, way, is_killed, puts
):
    versions = {(key, put(short_intervals, key, body)) for key, body in puts}
    assert len(versions) == len(puts)
    there = listed(short_intervals)
    assert versions <= set(there)
    if is_killed:
        set_sweep(short_intervals, Sweep())
        run_killed_after_writing(short_intervals, monkeypatch)
    learn(short_intervals, way, len(there))
    assert registered(short_intervals) == there


def test_notifications_of_a_killed_run_come_back_and_are_registered_once(
    short_intervals, monkeypatch
):
    not_due(short_intervals)
    for number in range(12):
        put(short_intervals, f"{number} + ☃.jpg")
    waiting = short_intervals.object_store.notifications_waiting
    wait_until(lambda: waiting() >= 12, "12 notifications")
    run_killed_after_writing(short_intervals, monkeypatch)
    assert short_intervals.states() == {}
    wait_for_notified(short_intervals, 12)
    assert registered(short_intervals) == listed(short_intervals)


@given(order=st.permutations(range(8)), again=st.lists(st.integers(0, 7), max_size=8))
@some_examples
def test_in_whatever_order_and_however_often_they_are_told_objects_are_one_row_each(
    short_intervals, order, again
):
    """All of them stored in the same moment, told apart by their keys and versions alone."""
    before, token = len(registered(short_intervals)), uuid4().hex
    bodies = [
        notification(short_intervals, f"{number // 2}.jpg", versionId=f"{token}-{number % 2}")
        for number in range(8)
    ]
    for number in [*order, *again]:
        notify(short_intervals, bodies[number])
    wait_for_notified(short_intervals, before + 8)
    short_intervals.register()
    assert short_intervals.states() == {"waiting": before + 8}
    with short_intervals.warehouse.connect() as connection:
        assert balance(connection)["landed"].sum() == before + 8
