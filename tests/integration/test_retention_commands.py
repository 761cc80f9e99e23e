"""The commands of retention, on real servers: what they do, what they print, how they end."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from assets.catalog import ledger
from assets.catalog.records import Arrival
from infra.console import counted

DUE_AFTER_EIGHT_HOURS = {"RETENTION_HOURS": "20", "RETENTION_MARGIN_HOURS": "12"}
UNKNOWN = "6b0c5a52-51d4-5b0e-9c43-6f1f7f1f4f0d"


def fill(platform, pictures) -> list[str]:
    """Lands a photograph and a broken file, processes both, and returns their ids."""
    platform.produce([pictures[0].body, b"no image"], headers=[("uploader", b"ann")])
    platform.land()
    platform.process()
    return [str(image) for (image,) in platform.query("select image_id from image_catalog.image")]


def fill_with_due(platform) -> None:
    """Lands three messages that were sent ten hours ago."""
    platform.produce([b"", b"", b""], sent_at=datetime.now(UTC) - timedelta(hours=10))
    platform.land()


def images(platform) -> int:
    [(count,)] = platform.query("select count(*) from image_catalog.image")
    return count


def test_a_purge_takes_what_is_due_and_says_what_it_was(platform, own_command):
    fill_with_due(platform)
    done = own_command("retention", "purge", "--yes", more=DUE_AFTER_EIGHT_HOURS)
    assert (done.exit_code, images(platform)) == (0, 0), done.output
    assert "3 images purged;" in done.output
    assert "ledger rows" in done.output


def test_a_purge_without_anything_due_deletes_nothing(platform, own_command):
    fill_with_due(platform)
    done = own_command("retention", "purge")
    assert (done.exit_code, images(platform)) == (0, 3), done.output


def test_a_purge_of_an_implausible_share_stops_and_says_how_to_go_on(platform, own_command):
    fill_with_due(platform)
    variables = DUE_AFTER_EIGHT_HOURS | {"PURGE_FREE_IMAGES": "0"}
    refused = own_command("retention", "purge", "--yes", more=variables)
    assert (refused.exit_code, images(platform)) == (1, 3), refused.output
    assert "darkroom retention purge --any-share" in refused.output
    allowed = own_command("retention", "purge", "--any-share", "--yes", more=variables)
    assert (allowed.exit_code, images(platform)) == (0, 0), allowed.output


def test_an_erasure_tells_the_count_and_asks_before_it_deletes_anything(
    platform, pictures, own_command
):
    fill(platform, pictures)
    refused = own_command("images", "erase", "--uploader", "ann", answer="n\n")
    assert refused.exit_code == 1
    assert "Erase 2 images with all copies" in refused.output
    assert images(platform) == 2


def test_an_erasure_does_not_ask_when_told_so(platform, pictures, own_command):
    [one, _] = fill(platform, pictures)
    done = own_command("images", "erase", "--image", one, "--yes")
    assert (done.exit_code, images(platform)) == (0, 1), done.output
    assert "1 image erased;" in done.output


def test_several_images_can_be_erased_at_once(platform, pictures, own_command):
    one, other = fill(platform, pictures)
    own_command("images", "erase", "--image", one, "--image", other, "--yes")
    assert images(platform) == 0


def test_an_erasure_of_what_nobody_knows_says_so(own_command):
    done = own_command("images", "erase", "--image", UNKNOWN)
    assert (done.exit_code, "knows no such image" in done.output) == (0, True), done.output


def test_an_image_that_is_erased_before_it_is_known_does_not_become_known(platform, own_command):
    done = own_command("images", "erase", "--image", UNKNOWN)
    assert "cannot be registered for 168 hours" in done.output
    now = datetime.now(UTC)
    unheard = Arrival(UUID(UNKNOWN), now, "bucket", "o", "k", None, size_bytes=5)
    with platform.warehouse.connect() as connection:
        assert ledger.register(connection, [unheard], now, platform.settings.erasure_key) == 0
    assert images(platform) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["erase"], "choose images by --image, --source or --uploader"),
        (["erase", "--image", "abc"], "--image: This is not an image id"),
        (["erase", "--source", "post"], "choose one of kafka, bucket, upload"),
        (["erase", "--source", "kafka", "--uploader", ""], "after “--uploader” is empty"),
        (["prove", "abc"], "IMAGE: This is not an image id"),
        (["prove"], "Missing argument 'IMAGE'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(own_command, arguments, sentence):
    refused = own_command("images", *arguments)
    assert refused.exit_code == 2
    assert sentence in refused.output
    assert len(refused.output.strip().splitlines()) == 1


def test_an_image_that_is_there_is_not_proven_gone_and_its_time_is_told(
    platform, pictures, own_command
):
    [one, _] = fill(platform, pictures)
    told = own_command("images", "prove", one)
    assert told.exit_code == 1
    assert "The image is not gone." in told.output
    assert "It is purged within the hour after" in told.output


def test_an_image_that_was_erased_is_proven_gone_by_its_receipt(platform, pictures, own_command):
    for one in fill(platform, pictures):
        own_command("images", "erase", "--image", one, "--yes")
    proven = own_command("images", "prove", one)
    assert proven.exit_code == 0, proven.output
    assert "Receipt 2: it was deleted at" in proven.output
    assert "because its erasure was requested" in proven.output


def test_an_image_that_no_receipt_names_is_not_proven_gone(own_command):
    told = own_command("images", "prove", UNKNOWN)
    assert told.exit_code == 1
    assert "no receipt shows that it was ever here" in told.output


@pytest.mark.parametrize("bucket", ["raw_bucket", "processed_bucket", "quarantine_bucket"])
def test_an_object_that_is_left_keeps_an_image_from_being_proven_gone(
    platform, pictures, own_command, bucket
):
    fill(platform, pictures)
    [(one, key)] = platform.query(
        "select image_id, object_key from image_catalog.image where state = 'processed'"
    )
    own_command("images", "erase", "--image", str(one), "--yes")
    left = key if bucket == "raw_bucket" else f"{datetime.now(UTC):%Y-%m-%d}/{one}"
    platform.object_store.put(getattr(platform.settings, bucket), left, b"x", "image/jpeg")
    told = own_command("images", "prove", str(one))
    assert told.exit_code == 1
    assert "Something is left of the image" in told.output


def test_receipts_that_are_intact_are_counted(platform, pictures, own_command):
    fill(platform, pictures)
    own_command("images", "erase", "--uploader", "ann", "--yes")
    verified = own_command("retention", "verify")
    assert verified.exit_code == 0
    assert "1 receipt of 2 images: none is missing" in verified.output


def test_a_receipt_that_was_changed_is_found(platform, pictures, own_command, owner):
    [one, _] = fill(platform, pictures)
    own_command("images", "erase", "--uploader", "ann", "--yes")
    owner.execute("update retention.purge_receipt set ended_at = ended_at + interval '1 second'")
    verified, proven = own_command("retention", "verify"), own_command("images", "prove", one)
    assert (verified.exit_code, proven.exit_code) == (1, 1)
    assert "Receipt 1 was changed after it was written" in verified.output
    assert "the receipts cannot be relied on" in proven.output


def test_a_last_receipt_that_is_missing_is_found(platform, pictures, own_command, owner):
    fill(platform, pictures)
    own_command("images", "erase", "--uploader", "ann", "--yes")
    owner.execute("delete from retention.purged_copy")
    owner.execute("delete from retention.purge_receipt")
    verified = own_command("retention", "verify")
    assert verified.exit_code == 1
    assert "The receipts record 0 images and the ledger counts 2 as purged" in verified.output


def test_receipts_are_listed_with_what_went(platform, pictures, own_command):
    fill(platform, pictures)
    own_command("images", "erase", "--uploader", "ann", "--yes")
    listed = own_command("retention", "receipts")
    assert listed.exit_code == 0
    assert all(word in listed.output for word in ("erasure", "2 ledger rows", "2 raw objects"))


def test_where_no_receipt_is_the_list_says_so(own_command):
    listed = own_command("retention", "receipts")
    assert (listed.exit_code, "There is no receipt yet" in listed.output) == (0, True)


def test_receipts_that_a_restore_has_lost_are_put_back(platform, pictures, own_command, owner):
    fill(platform, pictures)
    own_command("images", "erase", "--uploader", "ann", "--yes")
    [lost] = owner.execute("select count(*) from retention.purge_receipt").fetchone()
    owner.execute("delete from retention.purged_copy")
    owner.execute("delete from retention.purge_receipt")
    done = own_command("retention", "reapply", "--yes")
    assert done.exit_code == 0, done.output
    assert lost > 0
    assert f"{counted(lost, 'receipt')} put back" in done.output
    assert own_command("retention", "verify").exit_code == 0
