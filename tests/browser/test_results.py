"""What became of images: from received to processed, now and in earlier visits."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import requests
from playwright.sync_api import expect

from assets.processing.recipe import read_recipe
from tests.browser.visitor import texts

pytestmark = pytest.mark.browser

NATURAL_SIZE = "image => [image.naturalWidth, image.naturalHeight]"


def send(visitor, pictures):
    visitor.choose(*pictures)
    expect(visitor.tiles("received")).to_have_count(len(pictures))


def test_images_turn_from_received_to_processed_with_their_renditions(visitor, pictures):
    send(visitor, pictures)
    visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(len(pictures))
    for picture in pictures:
        tile, image = visitor.tile(picture.name), visitor.tile(picture.name).locator("img")
        image.scroll_into_view_if_needed()
        expect(image).to_have_attribute("src", re.compile("^http://127"))
        expect(image).to_have_js_property("complete", True)
        expect(image).to_be_visible()
        assert min(image.evaluate(NATURAL_SIZE)) > 0
        named = [text.partition(":")[0] for text in texts(tile.locator(".renditions li"))]
        assert sorted(named) == sorted(
            rendition.name for rendition in read_recipe("standard").renditions
        )


def test_the_page_polls_one_list_and_no_single_images(visitor, pictures):
    send(visitor, pictures)
    visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(len(pictures))
    asked = {request.url.partition("?")[0] for request in visitor.requests}
    assert [url for url in asked if "/v1/images/" in url] == []


def test_an_image_says_until_when_it_is_kept(visitor, pictures):
    send(visitor, pictures[:1])
    ends = visitor.tile(pictures[0].name).locator("time")
    age = datetime.fromisoformat(ends.get_attribute("datetime")) - datetime.now(UTC)
    purge_age = visitor.site.settings.purge_age
    assert purge_age - timedelta(hours=1) < age <= purge_age
    expect(visitor.tile(pictures[0].name)).to_contain_text("Kept until")


def test_a_picture_is_shown_large_with_links_to_both_renditions(visitor, pictures):
    send(visitor, pictures[:1])
    visitor.site.process()
    visitor.button("Show", pictures[0].name).click()
    dialog = visitor.page.get_by_role("dialog", name=pictures[0].name)
    expect(dialog.locator("img")).to_have_js_property("complete", True)
    assert min(dialog.locator("img").evaluate(NATURAL_SIZE)) > 0
    for link in dialog.get_by_role("link").all():
        answer = requests.get(link.get_attribute("href"), timeout=10)
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"] == "attachment"
        assert answer.headers["x-content-type-options"] == "nosniff"
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(visitor.button("Show", pictures[0].name)).to_be_focused()


def test_an_expired_url_of_a_rendition_is_renewed(visitor, pictures):
    refused = []

    def refuse_once(route):
        if refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=403)

    visitor.page.route(re.compile(re.escape(visitor.site.settings.processed_bucket)), refuse_once)
    send(visitor, pictures[:1])
    visitor.site.process()
    picture = visitor.tile(pictures[0].name).locator("img")
    expect(visitor.tiles("processed")).to_have_count(1)
    expect(picture).to_be_visible()
    visitor.until(lambda: min(picture.evaluate(NATURAL_SIZE)) > 0)
    assert len(refused) == 1


def test_the_key_and_the_images_are_there_again_after_a_reload(visitor, pictures):
    send(visitor, pictures[:2])
    visitor.site.process()
    visitor.page.reload()
    earlier = visitor.page.locator("#earlier-tiles .tile[data-state=processed]")
    expect(earlier).to_have_count(2)
    expect(visitor.page.get_by_label("API key")).to_be_hidden()


def test_an_earlier_upload_turns_to_processed_too(visitor, pictures):
    send(visitor, pictures[:1])
    visitor.page.reload()
    expect(visitor.tiles("received")).to_have_count(1)
    visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(1)


def test_earlier_uploads_are_loaded_page_by_page_without_repetition(visitor, pictures):
    names = [f"{number:02}.jpg" for number in range(30)]
    for name in names:
        requests.post(
            f"{visitor.site.address}/v1/images",
            data=pictures[0].body,
            headers={"Authorization": f"Bearer {visitor.key}", "X-Filename": name},
            timeout=10,
        ).raise_for_status()
    visitor.page.reload()
    tiles = visitor.page.locator("#earlier-tiles .tile")
    expect(tiles).to_have_count(24)
    visitor.page.get_by_role("button", name="Show more").click()
    expect(tiles).to_have_count(30)
    expect(tiles.nth(24)).to_be_focused()
    shown = list(texts(visitor.page.locator("#earlier-tiles h3")))
    assert shown == sorted(names, reverse=True)
    expect(visitor.page.get_by_role("button", name="Show more")).to_be_hidden()


def test_what_was_sent_in_this_visit_is_not_among_the_earlier_ones(visitor, pictures):
    expect(visitor.page.get_by_text("Nothing here yet")).to_be_visible()
    send(visitor, pictures[:2])
    expect(visitor.page.locator("#earlier-tiles .tile")).to_have_count(0)
