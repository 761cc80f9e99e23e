"""A refused file shows what was wrong and what to do; the other files are sent."""

import psycopg
import pytest
from playwright.sync_api import expect

from assets.ingestion.upload import api_keys
from assets.validation.headers import MAX_IMAGE_BYTES
from infra.demo.photographs import Photograph, broken_files

pytestmark = pytest.mark.browser


def broken(reason: str) -> Photograph:
    return next(file for file in broken_files() if file.expected_reason == reason)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (
            Photograph("big.tif", "image/tiff", b"II*\0".ljust(MAX_IMAGE_BYTES + 1)),
            "limit is 10",
        ),
        (Photograph("notes.txt", "text/plain", b"x"), "This is not a JPEG, PNG, WebP"),
        (Photograph("phone.heic", "image/heic", b"x"), "Export the image as JPEG"),
        (Photograph("nothing.jpg", "image/jpeg", b""), "The file is empty"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_file_that_is_not_accepted_is_not_sent(visitor, pictures, file, words):
    visitor.choose(file, pictures[0])
    expect(visitor.tile(file.name)).to_contain_text(words)
    expect(visitor.button("Try again", file.name)).to_be_hidden()
    expect(visitor.tile(pictures[0].name)).to_have_attribute("data-state", "received")
    assert len(visitor.sent()) == 1


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (broken("not_an_image"), "whatever its name says"),
        (broken("too_many_pixels"), "scale it down"),
    ],
    ids=["other content", "too many pixels"],
)
def test_the_problem_that_the_server_reports_is_shown(visitor, file, words):
    visitor.choose(file)
    expect(visitor.tile(file.name)).to_have_attribute("data-state", "failed")
    expect(visitor.tile(file.name)).to_contain_text(words)
    expect(visitor.button("Try again", file.name)).to_be_visible()


def test_a_rejected_image_shows_the_reason(visitor, pictures):
    file = broken("truncated")
    visitor.choose(file, pictures[0])
    expect(visitor.tiles("received")).to_have_count(2)
    visitor.site.process()
    expect(visitor.tile(file.name)).to_have_attribute("data-state", "rejected")
    expect(visitor.tile(file.name)).to_contain_text("The file ends before the image does")
    expect(visitor.tile(pictures[0].name)).to_have_attribute("data-state", "processed")


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("my password", "This is not a complete API key"),
        (api_keys.new_key().text, "This API key is unknown or revoked"),
    ],
    ids=["no key", "unknown key"],
)
def test_a_refused_key_is_asked_for_again(visitor, key, words):
    visitor.page.get_by_role("button", name="Forget key").click()
    field = visitor.page.get_by_label("API key")
    field.fill(key)
    field.press("Enter")
    expect(visitor.page.get_by_role("alert").filter(has_text=words)).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert visitor.page.evaluate("sessionStorage.length") == 0


def test_a_forgotten_key_is_not_stored(visitor):
    assert visitor.key in visitor.page.evaluate("Object.values(sessionStorage)")
    visitor.page.get_by_role("button", name="Forget key").click()
    expect(visitor.page.get_by_label("API key")).to_be_focused()
    kept = "[sessionStorage.length, localStorage.length, document.cookie]"
    assert visitor.page.evaluate(kept) == [0, 0, ""]
    expect(visitor.page.get_by_role("button", name="Choose images")).to_be_hidden()


def test_uploads_wait_for_a_new_key_when_theirs_is_revoked(visitor, pictures):
    visitor.choose(pictures[1])
    expect(visitor.tiles("received")).to_have_count(1)
    key_id = api_keys.read_key(visitor.key).key_id
    with psycopg.connect(visitor.site.owner_url) as connection:
        api_keys.revoke(connection, key_id)
    with visitor.site.gone():  # another process does not know the key from before
        visitor.choose(pictures[0])
    expect(visitor.page.get_by_role("alert").filter(has_text="unknown or revoked")).to_be_visible()
    expect(visitor.tile(pictures[0].name)).to_have_attribute("data-state", "waiting")
    field = visitor.page.get_by_label("API key")
    field.fill(visitor.site.create_key(visitor.uploader))
    field.press("Enter")
    expect(visitor.tiles("received")).to_have_count(2)
    expect(visitor.page.locator("#earlier-tiles .tile")).to_have_count(0)
