"""The topic on the broker and in its file: compared, brought together, and what is said of it."""

from dataclasses import replace

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from assets.errors import TopicError
from assets.ingestion.kafka.producer import OutgoingImage, send
from assets.resources.event_log import administrator
from infra.kafka.topics import (
    Difference,
    find_differences,
    load_description,
    provision_topic,
    reconcile,
)
from tests.integration.topic import (
    bodies_landed,
    delete_topic,
    fill,
    images,
    lose,
    with_settings,
)

WANTED = load_description()


@pytest.fixture
def admin(settings) -> KafkaAdminClient:
    with administrator(settings) as opened:
        yield opened


def test_a_topic_that_was_just_made_is_as_the_file_says(admin, settings):
    assert find_differences(admin, settings.kafka_topic, WANTED) == ([], None)


def test_a_topic_is_made_once(settings):
    new = settings.model_copy(update={"kafka_topic": f"{settings.kafka_topic}-new"})
    assert provision_topic(new)
    assert not provision_topic(new)


def test_a_setting_that_differs_is_shown_and_set(admin, settings):
    other = replace(WANTED, config={**WANTED.config, "retention.ms": "60000"})
    difference = Difference("retention.ms", WANTED.config["retention.ms"], "60000")
    assert find_differences(admin, settings.kafka_topic, other) == ([difference], None)
    assert reconcile(admin, settings.kafka_topic, other).changed == [difference]
    assert find_differences(admin, settings.kafka_topic, other) == ([], None)


def test_a_topic_that_is_missing_is_made(admin, platform):
    delete_topic(platform)
    name = platform.settings.kafka_topic
    missing = Difference("topic", None, "3 partitions")
    assert find_differences(admin, name, WANTED) == ([missing], None)
    assert reconcile(admin, name, WANTED).changed == [missing]
    assert find_differences(admin, name, WANTED) == ([], None)


def test_partitions_that_are_too_many_are_shown_and_kept(admin, settings):
    fewer = replace(WANTED, partitions=2)
    done = reconcile(admin, settings.kafka_topic, fewer)
    assert (done.changed, done.left) == ([], [Difference("partitions", "3", "2")])


def test_partitions_that_a_broker_cannot_add_are_shown(admin, settings):
    done = reconcile(admin, settings.kafka_topic, replace(WANTED, partitions=5))
    assert (done.changed, done.left) == ([], [Difference("partitions", "3", "5")])


@pytest.mark.parametrize("text", ["", "images: 3", "images: {partitions: many, config: {}}", ":"])
def test_a_file_that_describes_nothing_is_named(tmp_path, text):
    path = tmp_path / "topics.yaml"
    path.write_text(text)
    with pytest.raises(TopicError, match=r"topics\.yaml does not describe images"):
        load_description(path)


def test_the_commands_say_that_nothing_is_to_be_changed(own_command):
    assert "is as the file says." in own_command("topic", "apply").output
    drift = own_command("topic", "diff")
    assert (drift.exit_code, "is as the file says." in drift.output) == (0, True)


def test_the_commands_show_a_difference_and_mend_it(own_command, admin, settings):
    reconcile(
        admin,
        settings.kafka_topic,
        replace(WANTED, config={**WANTED.config, "retention.ms": "60000"}),
    )
    drift = own_command("topic", "diff")
    assert drift.exit_code == 1
    assert "retention.ms is 60000; the file says 540000000" in drift.output
    fixed = own_command("topic", "apply")
    assert (fixed.exit_code, "✓ retention.ms is 60000" in fixed.output) == (0, True)
    assert own_command("topic", "diff").exit_code == 0


def test_gaps_are_listed_and_explained(own_command, platform):
    assert "No message was ever lost" in own_command("topic", "gaps").output
    impatient = with_settings(platform, kafka_hole_seconds=0.0)
    fill(impatient, 0, images(4))
    lose(impatient, 0, 1)
    lose(impatient, 0, 2)
    impatient.land()
    [(gap_id,)] = platform.query("select gap_id from image_catalog.kafka_gap")
    listed = own_command("topic", "gaps").output
    assert all(word in listed for word in ("1–2", "missing", "no", str(gap_id))), listed
    explained = own_command("topic", "explain-gap", gap_id, "--because", "the disk  was\nfull")
    assert f"Gap {gap_id} (2 messages of {platform.settings.kafka_topic})" in explained.output
    assert "the disk was full" in own_command("topic", "gaps").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["explain-gap", "4711", "--because", "why"],
            "There is no gap 4711; `darkroom topic gaps` lists",
        ),
        (["explain-gap", "1", "--because", "  "], "Say what happened: darkroom topic explain-gap"),
        (["explain-gap", "1", "--because", "x" * 1001], "has at most 1000 characters"),
    ],
)
def test_what_a_person_can_mend_is_said_in_a_sentence(own_command, arguments, words):
    done = own_command("topic", *arguments)
    assert (done.exit_code, words in done.output) == (1, True), done.output


def test_files_of_a_folder_are_sent_and_landed_with_what_is_known_of_them(
    own_command, platform, tmp_path
):
    folder = tmp_path / "pictures"
    for name, body in {"a.jpg": b"a", "sub/b.png": b"b", "none": b"c", ".hidden": b"d"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    done = own_command("images", "produce", folder, "--uploader", "ann", "--yes")
    assert (done.exit_code, "3 files sent to the topic" in done.output) == (0, True), done.output
    platform.land()
    assert platform.query(
        "select filename, declared_content_type, uploader from image_catalog.image order by 1"
    ) == [
        ("a.jpg", "image/jpeg", "ann"),
        ("none", "application/octet-stream", "ann"),
        ("sub/b.png", "image/png", "ann"),
    ]


def test_files_that_are_too_large_are_named_and_not_sent(own_command, platform, tmp_path):
    (tmp_path / "small.jpg").write_bytes(b"x" * 10 * 2**20)
    (tmp_path / "large.jpg").write_bytes(b"x" * (10 * 2**20 + 1))
    done = own_command("images", "produce", tmp_path, "--yes")
    assert done.exit_code == 1
    assert "1 file sent to the topic" in done.output
    assert "large.jpg: 10.0 MiB; an image has at most 10 MiB" in done.output
    assert platform.land().messages == 1


def test_files_sent_as_claim_checks_are_objects_and_images_once(own_command, platform, tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(b"image %d" % number)
    assert (
        own_command(
            "images", "produce", tmp_path, "--claim-check", "--uploader", "ann", "--yes"
        ).exit_code
        == 0
    )
    platform.land()
    platform.register()
    assert platform.query(
        "select source, uploader, count(*) from image_catalog.image group by 1, 2"
    ) == [("bucket", "ann", 5)]


def test_a_topic_that_does_not_exist_is_named_before_anything_is_sent(
    own_command, platform, tmp_path
):
    (tmp_path / "a.jpg").write_bytes(b"a")
    delete_topic(platform)
    done = own_command("images", "produce", tmp_path, "--yes")
    assert done.exit_code == 1
    assert f"The topic {platform.settings.kafka_topic} does not exist" in done.output


def test_an_image_that_the_broker_only_says_to_have_is_sent_once_more(platform, monkeypatch):
    """Tansu says so after it was killed amid storing; a sequence number used twice is the same."""
    plain_send = KafkaProducer.send

    def send_with_the_first_number(producer, topic, **told):
        future = plain_send(producer, topic, **told)
        if told["value"] == b"first":
            sent = future.get(timeout=30)
            partition = TopicPartition(topic, sent.partition)
            producer._transaction_manager.set_sequence_number(partition, 0)
        return future

    monkeypatch.setattr(KafkaProducer, "send", send_with_the_first_number)
    done: list[bytes] = []
    outgoing = [OutgoingImage("same key", b"first"), OutgoingImage("same key", b"second")]
    assert send(platform.settings, outgoing, lambda image: done.append(image.body)) == []
    platform.land()
    assert (done, bodies_landed(platform)) == ([b"first", b"second"], {b"first", b"second"})


def test_an_empty_folder_is_said_to_be_empty(own_command, tmp_path):
    assert "contains no file to send" in own_command("images", "produce", tmp_path).output


def test_files_that_are_no_images_are_counted_and_asked_about(
    own_command, platform, pictures, tmp_path
):
    (tmp_path / "picture").write_bytes(pictures[0].body)
    (tmp_path / "notes.txt").write_text("no image")
    refused = own_command("images", "produce", tmp_path, answer="n\n")
    assert refused.exit_code == 1
    assert "2 files to send" in refused.output
    assert "1 file of them is no image (notes.txt)" in refused.output
    agreed = own_command("images", "produce", tmp_path, answer="y\n")
    assert (agreed.exit_code, "2 files sent" in agreed.output) == (0, True), agreed.output
    platform.land()
    assert platform.query("select count(*) from image_catalog.image") == [(2,)]


def test_a_folder_of_images_is_sent_without_a_question(own_command, pictures, tmp_path):
    (tmp_path / "picture").write_bytes(pictures[0].body)
    assert own_command("images", "produce", tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/nonexistent"], "/nonexistent is not a folder"),
        ([""], "after “produce” is empty"),
        ([], "Missing argument 'FOLDER'"),
    ],
)
def test_without_a_folder_nothing_is_sent_and_the_argument_is_named(
    own_command, platform, arguments, words
):
    refused = own_command("images", "produce", *arguments)
    assert refused.exit_code != 0
    assert words in refused.output
    assert len(refused.output.strip().splitlines()) == 1
    platform.land()
    assert platform.query("select count(*) from image_catalog.image") == [(0,)]
