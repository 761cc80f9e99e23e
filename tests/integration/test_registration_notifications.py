"""Notifications are hints: told twice, late, forged or as garbage, they hold up nothing."""

import json

import pytest

from tests.integration.bucket import (
    NOW,
    keys_of_rows,
    left_in_queue,
    not_due,
    notification,
    notify,
    with_settings,
)


def test_what_retention_is_about_to_take_is_not_begun(platform):
    not_due(platform)
    old = (NOW - platform.settings.purge_age).isoformat()
    told = json.loads(notification(platform, "old.jpg"))
    told["Records"][0]["eventTime"] = old
    notify(platform, json.dumps(told))
    platform.register()
    assert (platform.states(), left_in_queue(platform)) == ({}, 0)


def test_notifications_told_twice_and_in_reverse_make_one_row_each(platform):
    not_due(platform)
    bodies = [notification(platform, f"{number}.jpg") for number in range(5)]
    for body in [*reversed(bodies), *bodies]:
        notify(platform, body)
    assert platform.register().new_images == 5
    assert sorted(keys_of_rows(platform)) == [f"{number}.jpg" for number in range(5)]


def test_many_objects_in_one_notification_are_all_registered(platform):
    not_due(platform)
    bodies = [json.loads(notification(platform, f"{number}.jpg")) for number in range(30)]
    records = [record for body in bodies for record in body["Records"]]
    notify(platform, json.dumps({"Records": records}))
    assert platform.register().new_images == 30


@pytest.mark.parametrize(
    "body",
    [
        '{"Event": "s3:TestEvent"}',
        "not json",
        "[]",
        '{"Records": [{"eventName": "ObjectCreated:Put"}]}',
    ],
)
def test_a_queue_message_that_tells_of_no_object_is_taken_away(platform, body):
    notify(platform, body)
    platform.drop("good.jpg", b"x")
    platform.register()
    assert (keys_of_rows(platform), left_in_queue(platform)) == (["good.jpg"], 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "a%00b.jpg"},
        {"key": "%ff.jpg"},
        {"key": "k" * 1025},
        {"key": f"kafka/images/2024-05-17/1-{'9' * 5000}"},
        {"versionId": "v\0"},
        {"size": -1},
        {"size": 2**70},
        {"size": "much"},
        {"versionId": 5},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_forged_notification_holds_up_nothing(platform, changes):
    not_due(platform)
    notify(platform, notification(platform, **{"key": "forged.jpg"} | changes))
    notify(platform, notification(platform, "good.jpg"))
    platform.register()
    assert (keys_of_rows(platform), left_in_queue(platform)) == (["good.jpg"], 0)


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "noon"])
def test_a_notification_from_another_time_holds_up_nothing(platform, time):
    not_due(platform)
    told = json.loads(notification(platform, "forged.jpg"))
    told["Records"][0]["eventTime"] = time
    notify(platform, json.dumps(told))
    notify(platform, notification(platform, "good.jpg"))
    platform.register()
    assert (keys_of_rows(platform), left_in_queue(platform)) == (["good.jpg"], 0)


def test_a_notification_of_another_bucket_is_none_of_ours(platform):
    not_due(platform)
    elsewhere = with_settings(platform, raw_bucket="somebody-elses")
    notify(platform, notification(elsewhere, "theirs.jpg"))
    platform.register()
    assert (platform.states(), left_in_queue(platform)) == ({}, 0)
