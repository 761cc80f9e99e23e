"""Everybody can use the page: by keyboard, by ear, on a small screen, in the dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from infra.demo.photographs import Photograph, broken_files
from tests.browser.site import still
from tests.browser.visitor import payload

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}
LISTEN = """() => {
    window.said = {};
    for (const id of ["sum", "announcement"]) {
        const place = document.getElementById(id);
        window.said[id] = [];
        new MutationObserver((changes) => {
            for (const {addedNodes: [text]} of changes) window.said[id].push(text.data);
        }).observe(place, {childList: true});
    }
}"""


def violations(page) -> list[tuple]:
    """What axe finds serious, and text whose contrast it cannot judge."""
    # The safelight is a gradient behind the text, over which axe does not judge contrast at all.
    page.locator(".safelight").evaluate("light => { light.hidden = true; }")
    found = Axe().run(page, options={"resultTypes": ["violations", "incomplete"]}).response
    serious = [one for one in found["violations"] if one["impact"] in SERIOUS]
    unjudged = [one for one in found["incomplete"] if one["id"] == "color-contrast"]
    return [(one["id"], [node["target"] for node in one["nodes"]]) for one in serious + unjudged]


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_state(visitor, pictures, scheme):
    page = visitor.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert violations(page) == [], "nothing sent yet"
    with still(visitor.site.server):
        visitor.choose(*pictures[:5], Photograph("notes.txt", "text/plain", b"x"))
        visitor.button("Cancel", pictures[4].name).click()
        expect(visitor.tiles("sending")).to_have_count(3)
        assert violations(page) == [], "waiting, sending, cancelled, refused"
    visitor.choose(*broken_files())
    expect(visitor.tiles("received")).to_have_count(4 + 3)
    assert violations(page) == [], "received and failed"
    visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(4)
    assert violations(page) == [], "processed and rejected"
    visitor.button("Show", pictures[0].name).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == [], "one image large"
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Forget key").click()
    page.get_by_label("API key").fill("no key")
    page.keyboard.press("Enter")
    assert violations(page) == [], "key refused"


def test_everything_can_be_done_by_keyboard(visitor, pictures):
    page, name, choosers = visitor.page, pictures[0].name, []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    page.get_by_role("button", name="Forget key").press("Enter")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.insert_text(visitor.key)
    press(page, "Tab", "Enter")
    expect(page.get_by_role("button", name="Choose images")).to_be_focused()
    press(page, "Enter")
    visitor.until(lambda: choosers)
    with still(visitor.site.server):
        choosers[0].set_files([payload(pictures[0])])
        expect(visitor.tiles("sending")).to_have_count(1)
        press(page, "Tab")
        expect(visitor.button("Cancel", name)).to_be_focused()
        press(page, "Enter")
        expect(visitor.button("Try again", name)).to_be_focused()
    press(page, "Enter")
    expect(visitor.tiles("received")).to_have_count(1)
    visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(1)
    press(page, "Tab")
    expect(visitor.button("Show", name)).to_be_focused()
    press(page, "Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, "Escape")
    expect(visitor.button("Show", name)).to_be_focused()


def test_the_focus_is_visible(visitor):
    visitor.page.keyboard.press("Tab")
    width = visitor.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert width == "3px"


def test_the_summary_is_announced_but_not_every_change(visitor, pictures):
    visitor.page.evaluate(LISTEN)
    visitor.limit_uploads(100_000)
    visitor.choose(*pictures[:4])
    expect(visitor.tiles("received")).to_have_count(4)
    visitor.site.process()
    expect(visitor.page.locator("#announcement")).to_have_text("4 images: 4 processed.")
    said = visitor.page.evaluate("window.said")
    assert set(said["announcement"]) <= set(said["sum"])
    assert len(said["announcement"]) < len(said["sum"])
    assert [words for words in said["sum"] if "%" in words] == []


@pytest.mark.parametrize("width", [320, 360, 768, 2560])
def test_nothing_is_wider_than_the_screen(visitor, pictures, width):
    visitor.page.set_viewport_size({"width": width, "height": 800})
    visitor.choose(
        Photograph("an_endless_file_name_without_a_single_space" * 4 + ".jpg", "text/plain", b"x"),
        pictures[0],
    )
    expect(visitor.tiles("received")).to_have_count(1)
    assert visitor.page.evaluate("document.scrollingElement.scrollWidth") == width


def test_reduced_motion_is_respected(visitor, pictures):
    visitor.page.emulate_media(reduced_motion="reduce")
    visitor.choose(pictures[0])
    durations = visitor.page.evaluate(
        "[...document.querySelectorAll('*')].map(e => getComputedStyle(e).transitionDuration)"
    )
    assert set(durations) == {"0s"}


def test_the_page_keeps_to_its_strict_content_policy(visitor):
    policy = visitor.page.request.get(visitor.site.address).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
