"""Files are chosen or dropped, shown, and sent: three at a time, each once."""

from dataclasses import replace

import pytest
from playwright.sync_api import expect

from assets.validation.headers import ALLOWED_FORMATS, MAX_IMAGE_BYTES
from infra.demo.photographs import Photograph
from tests.browser.site import still
from tests.unit.pictures import encoded, four_corners

pytestmark = pytest.mark.browser

COUNT_ADDRESSES = """() => {
    window.previews = new Set();
    const [make, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
    URL.createObjectURL = (file) => {
        const made = make.call(URL, file);
        window.previews.add(made);
        return made;
    };
    URL.revokeObjectURL = (made) => {
        window.previews.delete(made);
        revoke.call(URL, made);
    };
}"""


def test_chosen_files_are_sent_and_known_to_the_ledger(visitor, pictures):
    visitor.choose(*pictures[:3])
    expect(visitor.tiles("received")).to_have_count(3)
    sent = sorted(picture.name for picture in pictures[:3])
    assert visitor.site.filenames(visitor.uploader) == sent


def test_dropped_files_are_sent(visitor, pictures, tmp_path):
    paths = [tmp_path / picture.name for picture in pictures[:2]]
    for path, picture in zip(paths, pictures, strict=False):
        path.write_bytes(picture.body)
    visitor.drop(paths)
    expect(visitor.tiles("received")).to_have_count(2)
    sent = sorted(path.name for path in paths)
    assert visitor.site.filenames(visitor.uploader) == sent


def test_a_drop_without_a_file_is_explained(visitor):
    visitor.page.evaluate(
        "document.dispatchEvent(new DragEvent('drop', {dataTransfer: new DataTransfer()}))"
    )
    expect(visitor.page.locator("#drop-error")).to_contain_text("What you dropped contains no file")


def test_a_preview_is_shown_until_the_rendition_is_there_and_then_released(visitor, pictures):
    visitor.page.evaluate(COUNT_ADDRESSES)
    visitor.choose(pictures[0])
    picture = visitor.tile(pictures[0].name).locator("img")
    expect(picture).to_have_attribute("src", visitor.page.evaluate("[...window.previews][0]"))
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("image => image.naturalWidth") > 0
    expect(visitor.tiles("received")).to_have_count(1)
    visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(1)
    visitor.until(lambda: visitor.page.evaluate("window.previews.size") == 0)


def test_the_progress_of_an_upload_is_shown_and_grows(visitor, pictures):
    visitor.limit_uploads(200_000)
    visitor.choose(replace(pictures[0], body=pictures[0].body.ljust(400_000, b"\0")))
    bar = visitor.page.get_by_role("progressbar", name=f"Sending {pictures[0].name}")
    expect(bar).to_be_visible()
    seen = []
    while bar.is_visible():
        seen.append(visitor.page.evaluate("document.querySelector('progress').value"))
    shares = [share for share in seen if 0 < share < 1]
    assert len(set(shares)) > 2
    assert shares == sorted(shares)
    expect(visitor.tiles("received")).to_have_count(1)


def test_no_more_than_three_are_sent_at_a_time(visitor, pictures):
    in_flight, most = set(), 0

    def begin(request):
        nonlocal most
        if request.method == "POST":
            in_flight.add(request)
            most = max(most, len(in_flight))

    visitor.page.on("request", begin)
    visitor.page.on("response", lambda response: in_flight.discard(response.request))
    with still(visitor.site.server):
        visitor.choose(*pictures)
        expect(visitor.tiles("waiting")).to_have_count(len(pictures) - 3)
    expect(visitor.tiles("received")).to_have_count(len(pictures))
    assert most == 3


def test_a_cancelled_upload_is_sent_again_under_the_same_key(visitor, pictures):
    name = pictures[0].name
    with still(visitor.site.server):
        visitor.choose(pictures[0])
        visitor.button("Cancel", name).click()
        expect(visitor.tile(name)).to_have_attribute("data-state", "cancelled")
    visitor.button("Try again", name).click()
    expect(visitor.tile(name)).to_have_attribute("data-state", "received")
    first, second = visitor.idempotency_keys()
    assert first == second
    assert visitor.site.filenames(visitor.uploader) == [name]


def test_a_cancelled_upload_can_be_removed_from_the_list(visitor, pictures):
    with still(visitor.site.server):
        visitor.choose(pictures[0])
        visitor.button("Cancel", pictures[0].name).click()
    visitor.button("Remove", pictures[0].name).click()
    expect(visitor.page.locator("#uploads")).to_be_hidden()
    expect(visitor.page.get_by_role("button", name="Choose images")).to_be_focused()


def test_a_file_of_exactly_the_limit_is_sent(visitor, pictures):
    jpeg = next(picture for picture in pictures if picture.content_type == "image/jpeg")
    padded = jpeg.body.ljust(MAX_IMAGE_BYTES, b"\0")
    visitor.choose(Photograph("limit.jpg", "image/jpeg", padded))
    expect(visitor.tile("limit.jpg")).to_have_attribute("data-state", "received")


def test_every_accepted_format_can_be_sent(visitor):
    types = {format_: f"image/{format_.lower()}" for format_ in ALLOWED_FORMATS}
    files = [
        Photograph(f"{format_}.{format_.lower()}", type_, encoded(four_corners(), format_))
        for format_, type_ in types.items()
    ]
    visitor.choose(*files)
    expect(visitor.tiles("received")).to_have_count(len(ALLOWED_FORMATS))
    visitor.site.process()
    expect(visitor.tiles("processed")).to_have_count(len(ALLOWED_FORMATS))
    assert [request.headers["content-type"] for request in visitor.sent()] == list(types.values())


def test_a_file_whose_type_the_browser_does_not_know_is_sent_by_its_suffix(visitor, pictures):
    jpeg = next(picture for picture in pictures if picture.content_type == "image/jpeg")
    visitor.choose(Photograph("UNKNOWN.JPEG", "", jpeg.body))
    expect(visitor.tile("UNKNOWN.JPEG")).to_have_attribute("data-state", "received")
    assert visitor.sent()[0].headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>.jpg", "grüße ☃ 100%25.jpg", "a" * 200 + ".jpg"]
)
def test_odd_file_names_are_sent_and_shown_as_they_are(visitor, pictures, name):
    visitor.choose(Photograph(name, "image/jpeg", pictures[0].body))
    expect(visitor.tile(name)).to_have_attribute("data-state", "received")
    assert visitor.site.filenames(visitor.uploader) == [name]
