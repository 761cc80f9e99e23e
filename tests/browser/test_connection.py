"""The network or the server is down: the page says so, and continues automatically."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.browser.site import still
from tests.browser.visitor import UNLIMITED

pytestmark = pytest.mark.browser

LOST = "No connection to the server"


def test_files_chosen_while_the_server_is_down_are_sent_when_it_is_back(visitor, pictures):
    notice = visitor.page.locator("#notice")
    with visitor.site.gone():
        visitor.choose(*pictures[:4])
        expect(notice).to_contain_text(LOST)
        expect(visitor.tiles("waiting")).to_have_count(4)
    expect(visitor.tiles("received")).to_have_count(4)
    expect(notice).to_be_empty()
    sent = sorted(picture.name for picture in pictures[:4])
    assert visitor.site.filenames(visitor.uploader) == sent


def test_an_upload_that_the_server_did_not_survive_is_sent_again_under_its_key(visitor, pictures):
    visitor.limit_uploads(100_000)
    visitor.choose(replace(pictures[0], body=pictures[0].body.ljust(1_000_000, b"\0")))
    expect(visitor.tile(pictures[0].name)).to_contain_text(re.compile("Sending, [1-9]"))
    with visitor.site.gone():
        expect(visitor.page.locator("#notice")).to_contain_text(LOST)
        visitor.limit_uploads(UNLIMITED)
    expect(visitor.tile(pictures[0].name)).to_have_attribute("data-state", "received")
    assert len(visitor.sent()) > 1
    assert len(set(visitor.idempotency_keys())) == 1
    assert visitor.site.filenames(visitor.uploader) == [pictures[0].name]


def test_a_lost_network_is_reported_and_sending_continues_automatically(visitor, pictures):
    notice = visitor.page.locator("#notice")
    visitor.page.context.set_offline(True)
    visitor.choose(pictures[0])
    expect(notice).to_contain_text(LOST)
    visitor.page.context.set_offline(False)
    expect(visitor.tile(pictures[0].name)).to_have_attribute("data-state", "received")
    expect(notice).to_be_empty()


def test_images_turn_to_processed_after_the_server_was_down(visitor, pictures):
    visitor.choose(pictures[0])
    expect(visitor.tiles("received")).to_have_count(1)
    with visitor.site.gone():
        expect(visitor.page.locator("#notice")).to_contain_text(LOST)
        visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(1)


def test_a_page_reloaded_while_the_server_is_down_shows_its_images_later(visitor, pictures):
    visitor.choose(pictures[0])
    expect(visitor.tiles("received")).to_have_count(1)
    page = visitor.page
    page.reload()
    expect(page.locator("#earlier-tiles .tile")).to_have_count(1)
    page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    page.reload()
    expect(page.locator("#notice")).to_contain_text(LOST)
    page.unroute("**/v1/**")
    expect(page.locator("#earlier-tiles .tile")).to_have_count(1)
    expect(page.locator("#earlier-error")).to_be_empty()


def test_an_upload_that_s3_refuses_is_sent_again_automatically(visitor, pictures):
    tile = visitor.tile(pictures[0].name)
    with still(visitor.site.object_store):
        visitor.choose(pictures[0])
        expect(tile).to_contain_text("will be sent again automatically")
        expect(tile).to_have_attribute("data-state", "waiting")
    expect(tile).to_have_attribute("data-state", "received")
    assert len(set(visitor.idempotency_keys())) == 1
    assert visitor.site.filenames(visitor.uploader) == [pictures[0].name]


def test_an_upload_that_is_registered_later_is_shown_as_stored(visitor, pictures):
    tile = visitor.tile(pictures[0].name)
    with visitor.site.locked_ledger():
        visitor.choose(pictures[0])
        expect(tile).to_have_attribute("data-state", "received")
        expect(tile).to_contain_text("The image is stored safely")
        expect(visitor.page.locator("#notice")).to_contain_text("tries again automatically")
    visitor.site.register()
    visitor.site.process()
    expect(tile).to_have_attribute("data-state", "processed")
    expect(tile).not_to_contain_text("The image is stored safely")
    expect(visitor.page.locator("#notice")).to_be_empty()


def test_leaving_needs_confirmation_only_while_something_is_being_sent(visitor, pictures):
    asked = []

    def stay(dialog):
        asked.append(dialog.type)
        dialog.dismiss()

    visitor.page.on("dialog", stay)
    with still(visitor.site.server):
        visitor.choose(pictures[0])
        visitor.page.get_by_role("button", name="Forget key").click()
        assert asked == ["confirm"]
        expect(visitor.tiles("sending")).to_have_count(1)
    expect(visitor.tiles("received")).to_have_count(1)
    visitor.page.get_by_role("button", name="Forget key").click()
    assert asked == ["confirm"]
    expect(visitor.page.get_by_label("API key")).to_be_visible()
